"""Staff end a monthly gift for a donor who asked."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.donors import Donor, find_or_add_donor
from portal.gifts.models import Gift
from portal.gifts.operations import add_plan
from portal.services import AuditEntry
from tests.conftest import NOW
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample, pay_sample
from tests.workplace import act_in, follow

SignedIn = Callable[[str], Browser]


@pytest.fixture
def monthly(catalogued: Database) -> Gift:
    """A paid month of a gift that goes on."""
    with catalogued.write() as session:
        gift = add_sample(session)
        donor = session.get_one(Donor, find_or_add_donor(act_in(session, NOW), gift.email))
        plan = add_plan(act_in(session, NOW), donor.id, gift.money)
        plan.status = "active"
        follow(session, plan, "sub_1")
        gift.plan_id, gift.frequency = plan.id, "monthly"
        session.flush()
        pay_sample(session, gift, "in_1")
        return gift


def address_of(gift: Gift) -> str:
    return f"/staff/gifts/{gift.reference}/stop-monthly"


def test_the_gifts_file_says_how_its_plan_stands(signed_in: SignedIn, monthly: Gift) -> None:
    page = signed_in("finance").get(f"/staff/gifts/{monthly.reference}").text
    assert "Goes on, CA$75.53" in page
    assert address_of(monthly) in page
    assert (
        address_of(monthly) not in signed_in("viewer").get(f"/staff/gifts/{monthly.reference}").text
    )


def test_a_viewer_may_not_end_it(catalogued: Database, signed_in: SignedIn, monthly: Gift) -> None:
    browser = signed_in("viewer")
    assert browser.get(address_of(monthly)).status_code == 403
    answer = browser.post(address_of(monthly), page="/staff/password", reason="Asked by phone")
    assert answer.status_code == 403
    assert acts(catalogued) == []


def test_a_reason_is_needed(catalogued: Database, signed_in: SignedIn, monthly: Gift) -> None:
    answer = signed_in("finance").post(address_of(monthly), reason=" ")
    assert answer.status_code == 422
    assert "Enter a reason" in answer.text
    assert acts(catalogued) == []


def test_while_stripe_is_away_it_goes_on_and_the_wish_is_on_record(
    catalogued: Database, signed_in: SignedIn, monthly: Gift
) -> None:
    answer = signed_in("finance").post(address_of(monthly), reason="Asked by phone")
    assert answer.status_code == 422
    assert "The gift continues; try again in a minute." in answer.text
    assert "Asked by phone" in answer.text
    assert acts(catalogued) == [("plan_stop", {"reason": "Asked by phone"})]
    story = signed_in("viewer").get(f"/staff/gifts/{monthly.reference}").text
    assert "Ending of the monthly gift requested" in story


def test_what_is_over_has_nothing_to_end(
    catalogued: Database, signed_in: SignedIn, monthly: Gift
) -> None:
    with catalogued.write() as session:
        once = add_sample(session)
    assert "There is nothing to end" in signed_in("finance").get(address_of(once)).text


def acts(database: Database) -> list[tuple[str, object]]:
    with database.read() as session:
        rows = session.execute(
            sa.select(AuditEntry.act, AuditEntry.detail).where(AuditEntry.act == "plan_stop")
        )
        return [(act, detail) for act, detail in rows]
