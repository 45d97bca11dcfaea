"""Every request the app sends is one that Stripe's own types allow."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.codes.terms import Frequency
from portal.database import Database
from portal.intake.checkout import look_up_return
from portal.money import Money
from portal.payments.models import Checkout
from portal.payments.refunds import Wish, request_refund
from portal.payments.stripe.comparison import FeeWanted, compare_with_stripe, fetch_fees
from portal.payments.stripe.plan_changes import (
    wish_amount,
    wish_pause,
    wish_resume,
    wish_retry,
)
from tests.contract.contract import log_differences
from tests.payments.stories import find, list_events
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace, at, make_workplace

ASKED = {
    ("POST", "/v1/checkout/sessions"),
    ("GET", "/v1/checkout/sessions/*"),
    ("POST", "/v1/checkout/sessions/*/expire"),
    ("POST", "/v1/refunds"),
    ("GET", "/v1/balance_transactions"),
    ("GET", "/v1/balance_transactions/*"),
    ("GET", "/v1/payment_intents/*"),
    ("GET", "/v1/invoices/*"),
    ("GET", "/v1/invoice_payments"),
    ("GET", "/v1/events"),
    ("GET", "/v1/account"),
    ("GET", "/v1/subscriptions/*"),
    ("POST", "/v1/subscriptions/*"),
    ("GET", "/v1/products/*"),
    ("POST", "/v1/products"),
    ("POST", "/v1/invoices/*/pay"),
    ("DELETE", "/v1/subscriptions/*"),
    ("POST", "/v1/billing_portal/sessions"),
    ("GET", "/v1/billing_portal/configurations"),
    ("GET", "/v1/webhook_endpoints"),
}


@pytest.fixture
def place(catalogued: Database, database_url: str, sandbox: SandboxProcess) -> Iterator[Workplace]:
    """An installation whose every request the sandbox keeps."""
    place = make_workplace(database_url, sandbox)
    yield place
    place.close()


def pay(place: Workplace, sandbox: SandboxProcess, **choices: object) -> str:
    """A gift that is paid and whose donor has come back; its token."""
    started = place.start(**choices)
    assert sandbox.pay(started.url).status == 303
    gift = place.gift(started.token)
    look_up_return(
        place.services,
        gift,
        session_id=last_checkout(place),
    )
    assert place.gift(started.token).status == "paid"
    return started.token


def last_checkout(place: Workplace) -> str:
    """The newest hand-off, by Stripe's name."""
    with place.database.read() as session:
        newest = sa.select(Checkout.stripe_session_id).order_by(Checkout.id.desc()).limit(1)
        return str(session.scalar(newest))


def book_all_events(place: Workplace, sandbox: SandboxProcess) -> None:
    sandbox.control("drain")
    for event in list_events(sandbox):
        place.receive(event)


def test_every_request_has_the_shape_of_stripes_own_types(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    token = pay(place, sandbox)
    for mode in ("bank_debit", "card"):
        place.start(mode=mode, region="gb", money=Money(1507, "GBP"))
    place.gateway.expire_checkout(last_checkout(place))
    place.start(region="jp", money=Money(5003, "JPY"))
    pay(place, sandbox, frequency=Frequency.MONTHLY, money=Money(2513, "CAD"))
    sandbox.control("advance", to="renewal")
    book_all_events(place, sandbox)
    give_back(place, token)
    ask_the_rest(place, sandbox, place.gift(token).id)
    sent = sandbox.look("requests")
    assert {(one["method"], _pattern(one["path"])) for one in sent} >= ASKED
    assert {one["status"] for one in sent} == {200}
    assert log_differences(sent) == []


def give_back(place: Workplace, token: str) -> None:
    wish = Wish(money=Money(1001, "CAD"), once="form-1", reason="the donor asked", actor="system")
    gift_id, now = place.gift(token).id, datetime.now(UTC)
    request_refund(at(place.services, now), gift_id, wish)
    assert place.gift(token).status == "partly_refunded"


def ask_the_rest(place: Workplace, sandbox: SandboxProcess, gift_id: int) -> None:
    """What the worker, the doctor and staff ask."""
    charges = [one for one in find(sandbox, "charges") if one["balance_transaction"]]
    fees = [FeeWanted(one["balance_transaction"], gift_id) for one in charges]
    for wanted in (fees[:1], fees):
        fetch_fees(place.services, wanted, until=datetime.now(UTC))
    compare_with_stripe(place.services)
    gateway = place.gateway
    for one in find(sandbox, "charges"):
        gateway.retrieve_payment_intent(one["payment_intent"])
        invoice = gateway.find_invoice_of_payment(one["payment_intent"])
        if invoice:
            gateway.retrieve_invoice(invoice)
    assert list(gateway.list_events(("invoice.paid",), datetime.now(UTC) - timedelta(days=1)))
    assert gateway.check_account()
    assert gateway.find_portal_configuration()
    assert gateway.list_webhook_endpoints()
    subscription = gateway.retrieve_subscription(find(sandbox, "subscriptions")[0]["id"])
    back = "https://give.example.org/gift/1/monthly"
    assert gateway.open_billing_page(subscription["customer"], locale="fr_CA", return_url=back)
    change_monthly(place, sandbox, subscription)
    gateway.cancel_subscription(subscription["id"])


def change_monthly(place: Workplace, sandbox: SandboxProcess, subscription: dict[str, Any]) -> None:
    """What a donor asks for in their account; the last is a month that failed."""
    gateway, until = place.gateway, datetime.now(UTC) + timedelta(days=90)
    wishes = (wish_amount(Money(4001, "CAD")), wish_pause(until), wish_resume())
    for number, wish in enumerate(wishes):
        wish.ask(gateway, subscription, f"change-{number}")
    sandbox.control("fail_next_renewal", count=1)
    sandbox.control("advance", to="renewal")
    wish_retry().ask(gateway, gateway.retrieve_subscription(subscription["id"]), "change-last")


def _pattern(path: str) -> str:
    """`/v1/invoices/in_1` as `/v1/invoices/*`."""
    is_id = ("_sandbox", "cs_test_")
    return "/".join(
        "*" if any(mark in part for mark in is_id) else part for part in path.split("/")
    )
