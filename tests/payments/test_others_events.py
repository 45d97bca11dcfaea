"""Events that are another's: another installation's on the same account, a connected account's."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from portal.codes.terms import Frequency
from portal.database import Database
from portal.gifts.lifecycle import Status
from portal.gifts.models import Evidence, Gift, LedgerEntry
from portal.payments.models import EventState, Installation, Problem, find_installation
from tests.pages import CheckedClient
from tests.payments.stories import find, refund
from tests.payments.test_webhook_http import all_gifts, count, only_event, pending
from tests.payments.webhooks import deliver, make_event
from tests.sandbox_process import SandboxProcess
from tests.staff.conftest import Browser, password_hash, signed_in, team, visit
from tests.workplace import Workplace, promised_jobs

__all__ = ["password_hash", "pending", "signed_in", "team", "visit"]

SignedIn = Callable[[str], Browser]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


PROBLEMS = {
    "installation": Problem.OTHER_INSTALLATION,
    "account": Problem.OTHER_ACCOUNT,
    "context": Problem.OTHER_ACCOUNT,
}


def make_anothers(reference: str, how: str) -> Any:
    event = make_event(reference, 7553)
    if how == "installation":
        event["data"]["object"]["metadata"]["portal_installation"] = "of-somebody-else"
    else:
        event[how] = "acct_connected"
    return event


@pytest.mark.parametrize("reference", ["pending", "7K7K-7K7K-7"])
@pytest.mark.parametrize("how", PROBLEMS)
def test_anothers_money_is_kept_and_not_booked(
    client: CheckedClient, catalogued: Database, pending: Gift, reference: str, how: str
) -> None:
    event = make_anothers(pending.reference if reference == "pending" else reference, how)
    for _ in range(2):
        assert deliver(client, event).json == {"state": "not_ours"}
    kept = only_event(catalogued)
    assert (kept.state, kept.problem) == (EventState.NOT_OURS, PROBLEMS[how])
    assert count(catalogued, Evidence, LedgerEntry) == 0
    assert {gift.status for gift in all_gifts(catalogued).values()} == {Status.PENDING}
    assert not [job for job in promised_jobs(catalogued) if job.startswith("retry_event")]


@pytest.mark.parametrize("how", PROBLEMS)
def test_a_person_sees_it_and_may_book_it(
    client: CheckedClient, catalogued: Database, signed_in: SignedIn, how: str
) -> None:
    deliver(client, make_anothers("7K7K-7K7K-7", how))
    event = only_event(catalogued)
    browser = signed_in("finance")
    assert event.stripe_event_id not in browser.get("/staff/events").text
    assert event.stripe_event_id in browser.get("/staff/events?of=others").text
    claim = f"/staff/events/{event.id}/claim"
    assert browser.post(claim, page="/staff/events?of=others").status_code == 303
    (found,) = all_gifts(catalogued).values()
    assert (found.status, found.amount_minor, found.is_unattributed) == (Status.PAID, 7553, True)
    assert browser.post(claim, page="/staff/events?of=others").status_code == 409


def test_what_names_nobody_or_us_is_ours(
    client: CheckedClient, catalogued: Database, pending: Gift
) -> None:
    with catalogued.read() as session:
        own = find_installation(session)
    event = make_event(pending.reference, 7553)
    event["data"]["object"]["metadata"]["portal_installation"] = own
    event["context"] = "acct_ours"
    assert deliver(client, event).json == {"state": "processed"}
    assert deliver(client, make_event("7K7K-7K7K-7", 5003)).json == {"state": "processed"}
    assert sorted(gift.status for gift in all_gifts(catalogued).values()) == [Status.PAID] * 2


def test_all_that_is_made_at_stripe_names_the_installation(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    for frequency in Frequency:
        sandbox.pay(place.start(frequency=frequency).url)
    with place.database.read() as session:
        own = find_installation(session)
    for kind in ("checkout/sessions", "subscriptions"):
        assert {one["metadata"]["portal_installation"] for one in find(sandbox, kind)} == {own}
    named = [one for one in find(sandbox, "payment_intents") if one["metadata"]]
    assert {one["metadata"]["portal_installation"] for one in named} == {own}


def test_a_refund_of_anothers_payment_is_not_ours(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    """Refunds carry no metadata: whose the payment is, Stripe is asked."""
    sandbox.pay(place.start().url)
    payment = find(sandbox, "payment_intents")[0]["id"]
    with place.database.write() as session:
        session.execute(sa.update(Installation).values(id="the one beside it"))
    made = refund(sandbox, payment, 1001)
    event = make_event("", 1, type="refund.created", data={"object": made})
    place.receive(event)
    place.work_off()
    kept = only_event(place.database)
    assert (kept.state, kept.problem) == (EventState.NOT_OURS, Problem.OTHER_INSTALLATION)
    assert count(place.database, Evidence) == 0
