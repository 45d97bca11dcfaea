"""What happens to money after the gift: debits, renewals, refunds, disputes, payouts."""

from typing import Any

import pytest
import stripe

from tests.sandbox_client import Json, paid_gift, read_session, start_gift, start_monthly
from tests.sandbox_process import Receiver, SandboxProcess

DAY = 24 * 3600


def subject(receiver: Receiver, type: str, count: int = 1) -> Json:
    found: Json = receiver.await_type(type, count)["data"]["object"]
    return found


@pytest.mark.parametrize(("outcome", "status"), [("pays", "paid"), ("fails", "unpaid")])
def test_a_bank_debit_is_unpaid_until_the_bank_answers(
    client: stripe.StripeClient,
    sandbox: SandboxProcess,
    receiver: Receiver,
    outcome: str,
    status: str,
) -> None:
    session = start_gift(client)
    sandbox.submit(str(session.url), method="bank_debit", outcome=outcome)
    waiting = read_session(client, session.id, "payment_intent")
    assert (waiting["status"], waiting["payment_status"]) == ("complete", "unpaid")
    assert waiting["payment_intent"]["status"] == "processing"
    sandbox.control("advance", seconds=3 * DAY)
    assert read_session(client, session.id)["payment_status"] == "unpaid"
    sandbox.control("advance", seconds=2 * DAY)
    assert read_session(client, session.id)["payment_status"] == status
    ending = "succeeded" if outcome == "pays" else "failed"
    told = subject(receiver, f"checkout.session.async_payment_{ending}")
    assert (told["id"], told["payment_status"]) == (session.id, status)


def test_a_debit_is_made_to_fail_by_the_control_page(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.submit(str(start_gift(client).url), method="bank_debit")
    sandbox.control("fail_next_settlement")
    sandbox.control("advance", seconds=5 * DAY)
    receiver.await_type("checkout.session.async_payment_failed")


def test_the_first_invoice_is_paid_with_the_session(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_monthly(client)
    sandbox.pay(str(session.url))
    done = read_session(client, session.id)
    assert done["payment_intent"] is None
    invoice = subject(receiver, "invoice.paid")
    assert invoice["id"] == done["invoice"]
    assert invoice["billing_reason"] == "subscription_create"
    assert (invoice["amount_paid"], invoice["metadata"]) == (2618, {})
    details = invoice["parent"]["subscription_details"]
    assert details == {"metadata": {"plan": "P-1"}, "subscription": done["subscription"]}
    assert "payments" not in invoice
    (payment,) = client.v1.invoice_payments.list({"invoice": invoice["id"]}).data
    assert payment.payment.payment_intent is not None


def test_a_monthly_gift_renews_twice(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_monthly(client)
    sandbox.pay(str(session.url))
    for count in (2, 3):
        sandbox.control("advance", to="renewal")
        invoice = subject(receiver, "invoice.paid", count)
        assert invoice["billing_reason"] == "subscription_cycle"
    invoices = client.v1.invoices.list(
        {"subscription": read_session(client, session.id)["subscription"]}
    ).data
    assert [invoice.status for invoice in invoices] == ["paid"] * 3
    starts = [invoice.lines.data[0].period.start for invoice in reversed(invoices)]
    assert starts == sorted(set(starts))
    assert len(client.v1.charges.list().data) == 3


def test_a_failed_renewal_is_retried_days_later(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_monthly(client)
    sandbox.pay(str(session.url))
    subscription = read_session(client, session.id)["subscription"]
    sandbox.control("fail_next_renewal")
    sandbox.control("advance", to="renewal")
    failed = subject(receiver, "invoice.payment_failed")
    assert (failed["status"], failed["attempt_count"]) == ("open", 1)
    assert failed["next_payment_attempt"] > failed["created"]
    assert client.v1.subscriptions.retrieve(subscription).status == "past_due"
    sandbox.control("advance", seconds=4 * DAY)
    assert subject(receiver, "invoice.paid", 2)["id"] == failed["id"]
    assert client.v1.subscriptions.retrieve(subscription).status == "active"


def test_a_renewal_by_bank_debit_waits_for_the_bank(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_monthly(client)
    sandbox.submit(str(session.url), method="bank_debit")
    sandbox.control("advance", seconds=5 * DAY)
    receiver.await_type("checkout.session.async_payment_succeeded")
    receiver.await_type("invoice.paid", 1)
    sandbox.control("advance", to="renewal")
    sandbox.control("advance", seconds=5 * DAY)
    receiver.await_type("invoice.paid", 2)
    assert receiver.types().count("checkout.session.async_payment_succeeded") == 1


def test_a_gift_canceled_at_its_periods_end_renews_no_more(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_monthly(client)
    sandbox.pay(str(session.url))
    subscription = read_session(client, session.id)["subscription"]
    client.v1.subscriptions.update(subscription, {"cancel_at_period_end": True})
    client.v1.subscriptions.update(subscription, {"cancel_at_period_end": False})
    sandbox.control("advance", to="renewal")
    receiver.await_type("invoice.paid", 2)
    client.v1.subscriptions.update(subscription, {"cancel_at_period_end": True})
    sandbox.control("advance", seconds=70 * DAY)
    ended = subject(receiver, "customer.subscription.deleted")
    assert (ended["status"], ended["cancellation_details"]["reason"]) == (
        "canceled",
        "cancellation_requested",
    )
    assert len(client.v1.invoices.list().data) == 2
    assert client.v1.subscriptions.list().data == []
    assert len(client.v1.subscriptions.list({"status": "all"}).data) == 1


def test_a_changed_amount_holds_from_the_next_renewal(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_monthly(client)
    sandbox.pay(str(session.url))
    subscription = client.v1.subscriptions.retrieve(
        read_session(client, session.id)["subscription"]
    )
    item = subscription["items"].data[0]
    # Checkout archives the product that it makes, and an archived one takes no new prices.
    product = client.v1.products.create({"name": "Monthly gift"})
    price: Any = {
        "currency": "cad",
        "product": product.id,
        "recurring": {"interval": "month"},
        "unit_amount": 5035,
    }
    client.v1.subscriptions.update(
        subscription.id,
        {"items": [{"id": item.id, "price_data": price}], "proration_behavior": "none"},
    )
    sandbox.control("advance", to="renewal")
    assert subject(receiver, "invoice.paid", 2)["amount_paid"] == 5035 + 103


def test_a_refund_in_part_and_then_the_rest(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    gift = paid_gift(client, sandbox)
    intent = gift["payment_intent"]
    client.v1.refunds.create({"payment_intent": intent, "amount": 2515})
    part = subject(receiver, "charge.refunded")
    assert (part["amount_refunded"], part["refunded"]) == (2515, False)
    client.v1.refunds.create({"payment_intent": intent})
    whole = subject(receiver, "charge.refunded", 2)
    assert (whole["amount_refunded"], whole["refunded"]) == (7550, True)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent})
    assert caught.value.code == "charge_already_refunded"


def test_a_pending_refund_succeeds_later(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    gift = paid_gift(client, sandbox, card="4000000000007726")
    refund = client.v1.refunds.create({"payment_intent": gift["payment_intent"]})
    assert refund.status == "pending"
    sandbox.control("advance", seconds=60)
    assert subject(receiver, "refund.updated")["status"] == "succeeded"


def test_a_succeeded_refund_fails_later(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    gift = paid_gift(client, sandbox, card="4000000000005126")
    refund = client.v1.refunds.create({"payment_intent": gift["payment_intent"]})
    assert refund.status == "succeeded"
    sandbox.control("advance", seconds=60)
    assert subject(receiver, "refund.failed")["failure_reason"] == "expired_or_canceled_card"
    (charge,) = client.v1.charges.list().data
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert client.v1.balance.retrieve().pending[0].amount == 7550 - 249


def test_refunds_are_made_to_fail_by_the_control_page(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    gift = paid_gift(client, sandbox)
    sandbox.control("fail_next_refund")
    first = client.v1.refunds.create({"payment_intent": gift["payment_intent"], "amount": 500})
    sandbox.control("advance", seconds=60)
    assert subject(receiver, "refund.failed")["id"] == first.id
    second = client.v1.refunds.create({"payment_intent": gift["payment_intent"], "amount": 500})
    sandbox.control(f"refund_fail/{second.id}")
    assert subject(receiver, "refund.failed", 2)["id"] == second.id


def test_the_disputed_card_is_disputed_and_can_be_won(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    gift = paid_gift(client, sandbox, card="4000000000000259")
    sandbox.control("advance", seconds=60)
    dispute = subject(receiver, "charge.dispute.created")
    assert dispute["payment_intent"] == gift["payment_intent"]
    assert (dispute["status"], dispute["metadata"]) == ("needs_response", {})
    receiver.await_type("charge.dispute.funds_withdrawn")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": gift["payment_intent"]})
    assert caught.value.code == "charge_disputed"
    sandbox.control(f"dispute/{dispute['id']}/close", outcome="won")
    assert subject(receiver, "charge.dispute.closed")["status"] == "won"
    receiver.await_type("charge.dispute.funds_reinstated")
    assert client.v1.balance.retrieve().pending[0].amount == 7550 - 249


def test_a_dispute_given_up_is_lost(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    gift = paid_gift(client, sandbox)
    charge = read_session(client, gift["id"], "payment_intent")["payment_intent"]["latest_charge"]
    dispute = sandbox.control(f"dispute/{charge}")
    assert client.v1.disputes.close(dispute["id"]).status == "lost"
    assert subject(receiver, "charge.dispute.closed")["status"] == "lost"
    assert "charge.dispute.funds_reinstated" not in receiver.types()
    again = sandbox.request("POST", f"/_control/dispute/{charge}", body={})
    assert again.status == 400


def test_a_payout_names_all_that_is_in_it(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    first, second = paid_gift(client, sandbox), paid_gift(client, sandbox)
    paid_gift(client, sandbox, currency="usd")
    client.v1.refunds.create({"payment_intent": first["payment_intent"], "amount": 1515})
    payouts = sandbox.control("payout")["payouts"]
    assert [(payout["currency"], payout["amount"]) for payout in payouts] == [
        ("cad", 2 * (7550 - 249) - 1515),
        ("usd", 7550 - 249),
    ]
    receiver.await_type("payout.reconciliation_completed", 2)
    listed = client.v1.balance_transactions.list({"payout": payouts[0]["id"]}).data
    assert sum(one.net for one in listed) == 0
    assert sorted(one.type for one in listed) == ["charge", "charge", "payout", "refund"]
    assert sandbox.control("payout") == {"payouts": []}
    assert second["payment_status"] == "paid"


def test_an_unpaid_session_expires_by_itself(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_gift(client)
    sandbox.control("advance", seconds=DAY + 60)
    assert subject(receiver, "checkout.session.expired")["id"] == session.id
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.expire(session.id)
