"""What charges cost is asked of Stripe for many at once, and booked for each."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from portal.commands.installation import free_port
from portal.database import Database
from portal.gifts.models import LedgerEntry
from portal.payments.stripe.comparison import FeeWanted, fetch_fees
from portal.payments.stripe.gateway import Gateway, StripeMissing, StripeUnavailable
from tests.payments.stories import find, list_events
from tests.sandbox_process import SandboxProcess, wait_until
from tests.workplace import Workplace, make_services, make_settings, make_workplace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def place(catalogued: Database, database_url: str, sandbox: SandboxProcess) -> Iterator[Workplace]:
    place = make_workplace(database_url, sandbox)
    yield place
    place.close()


def pay(place: Workplace, sandbox: SandboxProcess, gifts: int) -> list[FeeWanted]:
    """Gifts that are paid and booked; their charges' fees, the newest first."""
    ids = {}
    for number in range(gifts):
        donor = {"email": f"donor{number}@example.org"}
        started = place.start(donor=donor)
        gift = place.gift(started.token)
        ids[gift.reference] = gift.id
        sandbox.pay(started.url)

    def told() -> list[dict[str, object]]:
        events = list_events(sandbox)
        priced = [one for one in events if one["type"] == "charge.updated"]
        return events if len(priced) >= gifts else []

    for event in wait_until(told):
        if event["type"] in {"checkout.session.completed", "payment_intent.succeeded"}:
            place.receive(event)
    return [
        FeeWanted(one["balance_transaction"], ids[one["metadata"]["portal_gift"]])
        for one in find(sandbox, "charges")
        if one["metadata"].get("portal_gift") in ids
    ]


def asked(sandbox: SandboxProcess) -> list[str]:
    """The paths of all questions about the balance so far."""
    path = "/v1/balance_transactions"
    return [one["path"] for one in sandbox.look("requests") if one["path"].startswith(path)]


def fees(place: Workplace) -> int:
    with place.database.read() as session:
        count = sa.select(sa.func.count()).where(LedgerEntry.key.startswith("fee:"))
        return session.scalar(count) or 0


def test_many_fees_cost_one_call_and_one_alone_no_list(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    wanted = pay(place, sandbox, 5)
    assert len(wanted) == 5
    before = len(asked(sandbox))
    assert fetch_fees(place.services, wanted[1:], until=datetime.now(UTC)) == {}
    assert asked(sandbox)[before:] == ["/v1/balance_transactions"]
    assert fees(place) == 4
    assert fetch_fees(place.services, wanted[:1], until=datetime.now(UTC)) == {}
    assert asked(sandbox)[before + 1 :] == [f"/v1/balance_transactions/{wanted[0].transaction_id}"]
    assert fetch_fees(place.services, wanted, until=datetime.now(UTC)) == {}
    assert fees(place) == 5


def test_what_the_list_does_not_hold_is_asked_for_alone(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    wanted = pay(place, sandbox, 2)
    nobody = FeeWanted("txn_of_nobody", wanted[0].gift_id)
    long_ago = datetime.now(UTC) - timedelta(days=9)
    failed = fetch_fees(place.services, [wanted[0], nobody, wanted[1]], until=long_ago)
    assert {fee: type(error) for fee, error in failed.items()} == {nobody: StripeMissing}
    assert fees(place) == 2


def test_what_works_in_the_background_waits_its_turn(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    settings = make_settings(place.database.url.render_as_string(hide_password=False), sandbox)
    patient = Gateway(settings, is_background=True)
    sandbox.control("too_many", requests=1, retry_after=0.3)
    assert list(patient.list_balance_transactions(datetime.now(UTC))) == []
    assert [one["status"] for one in sandbox.look("requests")] == [429, 200]


def test_stripe_that_is_away_is_asked_once_for_all(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    wanted = pay(place, sandbox, 3)
    url = place.services.settings.database_url
    away = make_settings(url, None).model_copy(
        update={"stripe_api_base": f"http://127.0.0.1:{free_port()}"}
    )
    services = make_services(place.database, away)
    failed = fetch_fees(services, wanted, until=datetime.now(UTC))
    assert {fee: type(error) for fee, error in failed.items()} == dict.fromkeys(
        wanted, StripeUnavailable
    )
    assert len(set(map(id, failed.values()))) == 1
    assert fees(place) == 0
