"""Deliveries: signed afresh, retried, doubled, lost, held, shuffled."""

import time

import pytest
import stripe

from tests.sandbox_client import paid_gift, start_gift
from tests.sandbox_process import SECRET, Receiver, SandboxProcess, wait_until


def test_signatures_are_of_the_real_time_whatever_the_clock_says(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("advance", seconds=90 * 24 * 3600)
    paid_gift(client, sandbox)
    for one in receiver.got:
        event = client.construct_event(one.body, one.signature, SECRET, tolerance=10)
        assert event.created > time.time() + 89 * 24 * 3600
        signed_at = int(one.signature.removeprefix("t=").partition(",")[0])
        assert abs(signed_at - one.at) < 10  # the SDK itself lets a future time pass


def test_a_wrong_secret_does_not_verify(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    paid_gift(client, sandbox)
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(receiver.got[0].body, receiver.got[0].signature, "whsec_other")


def test_a_failed_delivery_is_tried_again_with_a_new_signature(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    receiver.answers = [500]
    session = start_gift(client)
    client.v1.checkout.sessions.expire(session.id)
    wait_until(lambda: len(receiver.got) == 2)
    first, second = receiver.got
    assert first.event["id"] == second.event["id"]
    for one in (first, second):
        client.construct_event(one.body, one.signature, SECRET)
    wait_until(lambda: sandbox.look("deliveries")[0]["state"] == "delivered")
    event = client.v1.events.retrieve(first.event["id"])
    assert (first.event["pending_webhooks"], event.pending_webhooks) == (1, 0)


def test_a_delivery_that_keeps_failing_is_given_up_and_kept(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    receiver.answers = [500] * 3
    client.v1.checkout.sessions.expire(start_gift(client).id)
    wait_until(lambda: sandbox.look("deliveries")[0]["state"] == "failed")
    delivery = sandbox.look("deliveries")[0]
    assert (delivery["attempts"], delivery["last_status"]) == (3, 500)
    missed = client.v1.events.list({"delivery_success": False})
    assert [event.id for event in missed.data] == [delivery["event_id"]]
    sandbox.control(f"redeliver/{delivery['event_id']}")
    assert receiver.types() == ["checkout.session.expired"] * 4


def test_events_can_be_lost_doubled_and_told_twice(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("deliveries", drop_next=1)
    client.v1.checkout.sessions.expire(start_gift(client).id)
    sandbox.control("drain")
    assert receiver.got == []
    sandbox.control("deliveries", duplicate_next=1)
    client.v1.checkout.sessions.expire(start_gift(client).id)
    sandbox.control("drain")
    assert len({one.event["id"] for one in receiver.got}) == 1
    assert len(receiver.got) == 2
    sandbox.control("deliveries", twin_next=1)
    client.v1.checkout.sessions.expire(start_gift(client).id)
    sandbox.control("drain")
    twins = [one.event for one in receiver.got[2:]]
    assert len({event["id"] for event in twins}) == 2
    assert len({event["data"]["object"]["id"] for event in twins}) == 1


def test_held_events_are_released_in_a_chosen_order(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("deliveries", mode="hold")
    paid_gift(client, sandbox)
    held = [one["event_id"] for one in sandbox.look("deliveries")]
    assert receiver.got == []
    order = [held[0], held[-1], held[0]]
    sent = sandbox.control("deliveries/release", order=order, drop=True)["sent"]
    assert [one["event_id"] for one in sent] == order
    assert [one.event["id"] for one in receiver.got] == order
    states = [one["state"] for one in sandbox.look("deliveries")]
    assert states.count("delivered") == 2
    assert states.count("dropped") == len(held) - 2


def test_a_seed_shuffles_the_same_way_each_time(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    orders = []
    for _ in range(2):
        sandbox.control("reset")
        sandbox.control("deliveries", mode="hold")
        paid_gift(client, sandbox)
        sent = sandbox.control("deliveries/release", seed=7)["sent"]
        orders.append([one["type"] for one in sent])
    assert orders[0] == orders[1]
    assert orders[0][-1] != "charge.updated" or orders[0][0] != "payment_intent.created"


def test_a_delay_keeps_events_back(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("deliveries", delay_seconds=3600)
    paid_gift(client, sandbox)
    assert receiver.got == []
    sandbox.control("deliveries/retry")
    receiver.await_type("checkout.session.completed")


def test_the_fee_comes_after_the_charge(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    gift = paid_gift(client, sandbox)
    succeeded = receiver.await_type("charge.succeeded")["data"]["object"]
    updated = receiver.await_type("charge.updated")["data"]
    assert succeeded["balance_transaction"] is None
    assert updated["previous_attributes"] == {"balance_transaction": None}
    assert updated["object"]["balance_transaction"].startswith("txn_")
    assert updated["object"]["payment_intent"] == gift["payment_intent"]


def test_metadata_stays_where_it_was_put(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    gift = paid_gift(client, sandbox, payment_intent_data={"description": "Gift"})
    assert gift["metadata"] == {"gift": "LW7K-3QXD-9"}
    assert receiver.await_type("payment_intent.succeeded")["data"]["object"]["metadata"] == {}
    client.v1.refunds.create({"payment_intent": gift["payment_intent"]})
    assert receiver.await_type("refund.created")["data"]["object"]["metadata"] == {}
    assert receiver.await_type("charge.refunded")["data"]["object"]["metadata"] == {}


def test_an_event_names_the_request_that_caused_it(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_gift(client)
    answer = sandbox.api(
        "POST", f"/v1/checkout/sessions/{session.id}/expire", {}, Idempotency_Key="expire-1"
    )
    request = receiver.await_type("checkout.session.expired")["request"]
    assert request == {"id": answer.headers["Request-Id"], "idempotency_key": "expire-1"}
