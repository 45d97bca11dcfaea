"""The hosted page: what a donor sees, types and gets told."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import html5lib
import pytest
import stripe

from tests.pages import check_page
from tests.sandbox_client import Json, gift_params, read_session, start_gift, start_monthly
from tests.sandbox_process import Receiver, SandboxProcess


def page_of(sandbox: SandboxProcess, url: str | None) -> str:
    answer = sandbox.request("GET", urlsplit(str(url)).path)
    check_page(answer.text)
    return answer.text


def test_it_shows_the_amount_and_the_named_fields(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    text = page_of(sandbox, start_gift(client).url)
    assert "<h1>Pay $75.50</h1>" in text
    assert "Sandbox – no real money" in text
    assert "ama@example.org" in text
    names = set(re.findall(r'name="(\w+)"', text))
    assert {"card_number", "exp", "cvc", "name", "method"} <= names


def test_it_speaks_french_to_french_sessions(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    text = page_of(sandbox, start_gift(client, locale="fr-CA").url)
    assert '<html lang="fr">' in text
    assert "Payer 75,50\xa0$" in text
    assert "aucun argent réel" in text


def test_a_card_leads_to_the_success_address(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_gift(client)
    assert session.payment_intent is None
    answer = sandbox.pay(str(session.url), "4242 4242 4242 4242")
    assert answer.status == 303
    assert answer.location == f"http://127.0.0.1:9/thanks?session={session.id}"
    assert "checkout.session.completed" in receiver.types()
    paid = read_session(client, session.id)
    assert (paid["status"], paid["payment_status"], paid["url"]) == ("complete", "paid", None)
    assert paid["customer_details"]["name"] == "Ama Mensah"
    assert paid["customer"] is None


@pytest.mark.parametrize(
    ("card", "said", "code"),
    [
        ("4000000000000002", "Your card was declined.", "generic_decline"),
        ("4000000000009995", "insufficient funds", "insufficient_funds"),
        ("4111111111111111", "This is not a test card", "test_mode_live_card"),
    ],
)
def test_a_declined_card_is_explained_and_the_rest_kept(
    client: stripe.StripeClient, sandbox: SandboxProcess, card: str, said: str, code: str
) -> None:
    session = start_gift(client)
    answer = sandbox.pay(str(session.url), card, name="Kofi Ménard")
    assert answer.status == 422
    check_page(answer.text)
    assert said in answer.text
    assert 'value="Kofi Ménard"' in answer.text
    assert "123" not in re.findall(r'name="cvc" value="([^"]*)"', answer.text)
    assert read_session(client, session.id)["payment_intent"] is None
    (intent,) = client.v1.payment_intents.list().data
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.decline_code == code
    assert sandbox.pay(str(session.url)).status == 303
    assert read_session(client, session.id)["payment_intent"] == intent.id


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"card_number": "4242424242424241"}, "Enter a card number"),
        ({"card_number": ""}, "Enter a card number"),
        ({"exp": "13/40"}, "Enter the expiry date"),
        ({"exp": "12/20"}, "The card has expired"),
        ({"cvc": "12"}, "Enter the security code"),
        ({"name": " "}, "Enter the name on the card"),
    ],
)
def test_mistyped_fields_are_named(
    client: stripe.StripeClient, sandbox: SandboxProcess, fields: dict[str, str], said: str
) -> None:
    filled = {"card_number": "4242424242424242", "exp": "12/40", "cvc": "123", "name": "Ama"}
    answer = sandbox.submit(str(start_gift(client).url), **filled | fields)
    assert answer.status == 422
    check_page(answer.text)
    assert said in answer.text
    assert client.v1.charges.list().data == []


def test_a_second_step_can_fail_and_then_be_completed(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    session = start_gift(client)
    challenged = sandbox.pay(str(session.url), "4000 0027 6000 3184")
    assert challenged.location == f"/pay/{session.id}/confirm"
    assert "<h1>Confirm that it is you</h1>" in page_of(sandbox, f"{session.url}/confirm")
    failed = sandbox.submit(f"{session.url}/confirm", answer="fail")
    assert failed.status == 422
    assert "could not confirm" in failed.text
    sandbox.pay(str(session.url), "4000 0027 6000 3184")
    assert sandbox.submit(f"{session.url}/confirm", answer="complete").status == 303
    assert read_session(client, session.id)["payment_status"] == "paid"


def test_a_double_click_pays_once(client: stripe.StripeClient, sandbox: SandboxProcess) -> None:
    session = start_gift(client)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: sandbox.pay(str(session.url)), range(8)))
    assert {answer.status for answer in answers} == {303}
    assert len({answer.location for answer in answers}) == 1
    assert len(client.v1.charges.list().data) == 1


def test_a_paid_an_expired_and_an_unknown_page_explain_themselves(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    paid, expired = start_gift(client), start_gift(client)
    sandbox.pay(str(paid.url))
    client.v1.checkout.sessions.expire(expired.id)
    assert "This is already paid" in page_of(sandbox, paid.url)
    assert "This payment page has expired" in page_of(sandbox, expired.url)
    assert sandbox.pay(str(expired.url)).status == 410
    assert sandbox.request("GET", "/pay/cs_test_nothing").status == 404


def test_the_page_waits_for_the_webhooks_answer(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_gift(client)
    receiver.pause = 0.15
    began = time.monotonic()
    sandbox.pay(str(session.url))
    assert time.monotonic() - began >= 0.15
    assert "checkout.session.completed" in receiver.types()


def test_no_bank_debit_where_the_session_excludes_it(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    session = start_gift(client, allowed_payment_method_types=["card"])
    assert "bank_debit" not in page_of(sandbox, session.url)
    assert sandbox.submit(str(session.url), method="bank_debit").status == 422


def test_what_others_wrote_is_shown_as_text(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    params = gift_params()
    params["line_items"][0]["price_data"]["product_data"]["name"] = "<script>alert(1)</script>"
    text = page_of(sandbox, start_gift(client, line_items=params["line_items"]).url)
    assert "<script" not in text


def test_the_form_may_lead_to_the_success_address_and_nowhere_else(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    answer = sandbox.request("GET", urlsplit(str(start_gift(client).url)).path)
    policy = answer.headers["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:9" in policy
    assert "script" not in policy


def open_portal(client: stripe.StripeClient, sandbox: SandboxProcess) -> tuple[Json, str]:
    """A paid monthly gift: its session, and the address of its donor's billing portal."""
    session = start_monthly(client)
    sandbox.pay(str(session.url))
    done = read_session(client, session.id)
    portal = client.v1.billing_portal.sessions.create({"customer": done["customer"]})
    return done, portal.url


def test_a_donor_ends_a_monthly_gift_in_the_billing_portal(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    done, portal_url = open_portal(client, sandbox)
    text = page_of(sandbox, portal_url)
    assert "$26.18 every month" in text
    assert "ends in 4242" in text
    assert html5lib.parse(text) is not None
    sandbox.submit(portal_url, subscription=done["subscription"])
    subscription = client.v1.subscriptions.retrieve(done["subscription"])
    assert subscription.cancel_at == subscription["items"].data[0].current_period_end
    assert subscription.cancel_at_period_end is False
    receiver.await_type("customer.subscription.updated")
    sandbox.control("advance", to="renewal")
    receiver.await_type("customer.subscription.deleted")
    assert len(client.v1.invoices.list().data) == 1
    assert "There is no subscription left" in page_of(sandbox, portal_url)


def test_a_donor_changes_the_card_of_a_monthly_gift(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    _, portal_url = open_portal(client, sandbox)
    path = f"{urlsplit(portal_url).path}/card"
    card = {"card_number": "5555555555554444", "exp": "12/40", "cvc": "123", "name": "Ama"}
    for wrong in ({"cvc": ""}, {"card_number": "4000000000000002"}):
        assert sandbox.request("POST", path, form=card | wrong).status == 422
    assert sandbox.request("POST", path, form=card).status == 303
    assert "ends in 4444" in page_of(sandbox, portal_url)
    receiver.await_type("customer.subscription.updated")
    sandbox.control("advance", to="renewal")
    newest = client.v1.charges.list().data[0].payment_method_details
    assert newest is not None
    assert newest.card is not None
    assert newest.card.last4 == "4444"
