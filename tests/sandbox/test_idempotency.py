"""The same key is the same request: replayed, refused when it differs, busy while it runs."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from tests.sandbox_client import gift_params, make_client, paid_gift
from tests.sandbox_process import Answer, SandboxProcess

_FORM = {
    "mode": "payment",
    "success_url": "http://127.0.0.1:9/thanks",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "cad",
    "line_items[0][price_data][unit_amount]": "7550",
    "line_items[0][price_data][product_data][name]": "Gift",
}


def create(sandbox: SandboxProcess, key: str, **change: str) -> Answer:
    return sandbox.api("POST", "/v1/checkout/sessions", _FORM | change, Idempotency_Key=key)


def test_a_repeat_is_answered_with_the_first_answer(sandbox: SandboxProcess) -> None:
    first, second = create(sandbox, "gift-1"), create(sandbox, "gift-1")
    assert first.text == second.text
    assert first.headers["Idempotent-Replayed"] is None
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"]


def test_a_key_used_for_something_else_is_an_error(sandbox: SandboxProcess) -> None:
    create(sandbox, "gift-1")
    answer = create(sandbox, "gift-1", mode="subscription")
    assert answer.status == 400
    assert answer.json["error"]["type"] == "idempotency_error"


def test_a_refused_parameter_is_not_remembered(sandbox: SandboxProcess) -> None:
    too_small = {"line_items[0][price_data][unit_amount]": "1"}
    assert create(sandbox, "gift-1", **too_small).status == 400
    assert create(sandbox, "gift-1").status == 200


def test_a_refusal_after_the_work_began_is_remembered(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    gift = paid_gift(client, sandbox)
    form = {"payment_intent": gift["payment_intent"], "amount": "999999"}
    for replayed in (None, "true"):
        answer = sandbox.api("POST", "/v1/refunds", form, Idempotency_Key="refund-1")
        assert answer.status == 400
        assert answer.headers["Idempotent-Replayed"] == replayed


def test_a_request_still_running_is_a_conflict(sandbox: SandboxProcess) -> None:
    sandbox.control("latency", ms=300)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: create(sandbox, "gift-1"), range(4)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200, 409, 409, 409]
    conflict = next(answer for answer in answers if answer.status == 409)
    assert conflict.json["error"]["code"] == "idempotency_key_in_use"


def test_a_lost_answer_is_found_again_by_the_sdks_retry(sandbox: SandboxProcess) -> None:
    sandbox.control("outage", lose_answers=1)
    client = make_client(sandbox, retries=2)
    created = client.v1.checkout.sessions.create(
        gift_params(),
        {"idempotency_key": "gift-1"},
    )
    (only,) = client.v1.checkout.sessions.list().data
    assert only.id == created.id


def test_keys_have_a_longest_length(sandbox: SandboxProcess) -> None:
    assert create(sandbox, "k" * 256).status == 400
    assert create(sandbox, "k" * 255).status == 200


@pytest.mark.parametrize("faults", [{"requests": 1}, {"seconds": 30}])
def test_an_outage_does_nothing_at_all(
    client: stripe.StripeClient, sandbox: SandboxProcess, faults: dict[str, int]
) -> None:
    sandbox.control("outage", **faults)
    with pytest.raises(stripe.APIError) as caught:
        client.v1.checkout.sessions.create(gift_params())
    assert caught.value.http_status == 503
    sandbox.control("outage")
    assert client.v1.checkout.sessions.list().data == []
