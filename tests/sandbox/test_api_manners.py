"""Who may ask, how a request is refused, and what every answer carries."""

from typing import Any

import pytest
import stripe

from tests.sandbox_client import gift_params, make_client, monthly_params, start_gift
from tests.sandbox_process import SandboxProcess


def refusal(client: stripe.StripeClient, params: Any) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.checkout.sessions.create(params)
    return caught.value


@pytest.mark.parametrize("key", ["sk_live_1234567890", "sk_test_of_somebody_else", "rk_test_1"])
def test_only_its_own_test_key_opens_it(sandbox: SandboxProcess, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError) as caught:
        make_client(sandbox, key).v1.balance.retrieve()
    assert caught.value.http_status == 401
    assert key not in str(caught.value)


def test_no_key_is_told_how_to_send_one(sandbox: SandboxProcess) -> None:
    answer = sandbox.request("GET", "/v1/balance")
    assert answer.status == 401
    assert answer.json["error"]["type"] == "invalid_request_error"


def test_every_answer_is_marked(sandbox: SandboxProcess) -> None:
    answer = sandbox.api("GET", "/v1/balance")
    assert answer.headers["Portal-Sandbox"] == "1"
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Stripe-Version"] == stripe.api_version
    assert answer.json["livemode"] is False


def test_another_api_version_is_refused(sandbox: SandboxProcess) -> None:
    assert sandbox.api("GET", "/v1/balance", Stripe_Version="2020-08-27").status == 400


def test_an_unknown_address_is_refused_in_stripes_shape(sandbox: SandboxProcess) -> None:
    answer = sandbox.api("POST", "/v1/tokens", {"a": "b"})
    assert answer.status == 404
    assert answer.json["error"]["message"] == "Unrecognized request URL (POST: /v1/tokens)."


def test_an_object_that_is_not_there_is_missing(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.retrieve("re_nothing")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
        ({"mode": "donate"}, None, "mode"),
        ({"ui_mode": "hosted"}, None, "ui_mode"),
        ({"submit_type": "gift"}, None, "submit_type"),
        ({"locale": "fr-QC"}, None, "locale"),
        ({"success_url": "thanks"}, "url_invalid", "success_url"),
        ({"customer_email": "ama"}, "email_invalid", "customer_email"),
        ({"expires_at": 5}, None, "expires_at"),
        ({"metadata": {"k" * 41: "v"}}, None, "metadata"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata"),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, None, "metadata"),
        ({"subscription_data": {"metadata": {"a": "b"}}}, None, "subscription_data"),
        ({"excluded_payment_method_types": ["card", "acss_debit"]}, None, None),
        ({"client_reference_id": ""}, "parameter_invalid_empty", "client_reference_id"),
    ],
)
def test_wrong_parameters_of_a_session_are_named(
    client: stripe.StripeClient, change: Any, code: str | None, param: str | None
) -> None:
    error = refusal(client, gift_params() | change)
    assert error.http_status == 400
    assert error.code == code
    assert param is None or error.param == param


@pytest.mark.parametrize("name", ["mode", "line_items", "success_url"])
def test_missing_parameters_of_a_session_are_named(client: stripe.StripeClient, name: str) -> None:
    params = gift_params()
    del params[name]
    error = refusal(client, params)
    assert (error.code, error.param) == ("parameter_missing", name)


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (49, "cad", "amount_too_small"),
        (29, "gbp", "amount_too_small"),
        (49, "jpy", "amount_too_small"),
        (10**12, "cad", "amount_too_large"),
        (10_050, "isk", "parameter_invalid_integer"),
        (10_005, "kwd", "parameter_invalid_integer"),
    ],
)
def test_amounts_that_stripe_refuses(
    client: stripe.StripeClient, amount: int, currency: str, code: str
) -> None:
    assert refusal(client, gift_params(amount, currency)).code == code


@pytest.mark.parametrize(("amount", "currency"), [(50, "cad"), (30, "gbp"), (50, "jpy")])
def test_the_least_amount_is_taken(client: stripe.StripeClient, amount: int, currency: str) -> None:
    assert start_gift(client, amount=amount, currency=currency).amount_total == amount


def test_amounts_without_cards_have_eight_digits_at_most(client: stripe.StripeClient) -> None:
    debit_only = {"allowed_payment_method_types": ["acss_debit"]}
    assert refusal(client, gift_params(10**8) | debit_only).code == "amount_too_large"


def test_a_number_must_be_a_number(sandbox: SandboxProcess) -> None:
    answer = sandbox.api("GET", "/v1/charges?limit=many")
    assert answer.json["error"]["code"] == "parameter_invalid_integer"
    assert sandbox.api("GET", "/v1/charges?limit=101").status == 400


def test_a_subscription_needs_a_price_that_recurs(client: stripe.StripeClient) -> None:
    params = monthly_params()
    for item in params["line_items"]:
        del item["price_data"]["recurring"]
    assert refusal(client, params).param == "line_items"


def test_a_one_off_gift_takes_no_price_that_recurs(client: stripe.StripeClient) -> None:
    params = gift_params()
    params["line_items"][0]["price_data"]["recurring"] = {"interval": "month"}
    assert refusal(client, params).param == "line_items"
