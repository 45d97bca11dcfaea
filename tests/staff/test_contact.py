"""A mistyped e-mail address is corrected: with its history, and what was missed sent again."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.donors import Consent, Donor, find_or_add_donor, record_consent
from portal.gifts.models import Gift, GiftEvent, Plan, PlanStatus
from portal.gifts.operations import add_plan
from portal.mail.outbox import Email
from portal.receipts.register import Receipt
from portal.services import AuditEntry
from tests.conftest import NOW
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample, pay_sample
from tests.workplace import act_in, follow, promised_jobs

SignedIn = Callable[[str], Browser]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def paid(catalogued: Database) -> Gift:
    """A paid gift of an address with a slip, its consent, and a letter that failed."""
    with catalogued.write() as session:
        gift = add_sample(session, email="zoe@exmaple.org")
        donor = session.get_one(Donor, find_or_add_donor(act_in(session, NOW), gift.email))
        gift.donor_id = donor.id
        record_consent(
            act_in(session, NOW),
            donor.id,
            wording="News",
            locale="en",
            source="the form",
            gift_id=gift.id,
        )
        pay_sample(session, gift, "pi_1")
        session.add(
            Email(
                key="receipt-1",
                gift_id=gift.id,
                message="receipt",
                recipient=gift.email,
                subject="Your receipt",
                locale="en",
                created_at=NOW,
                problem="No such domain",
                tries=3,
            )
        )
        return gift


def correct(browser: Browser, gift: Gift, **fields: str) -> int:
    page = f"/staff/gifts/{gift.reference}/contact"
    sent = {"email": "zoe@example.org", "reason": "She wrote", **fields}
    return browser.post(page, **sent).status_code


def test_an_address_is_corrected_with_its_history_and_the_receipt_sent_again(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    browser = signed_in("finance")
    with catalogued.read() as session:
        before = session.scalars(sa.select(Receipt)).one().snapshot
    assert correct(browser, paid, resend="1", once="form-1") == 303
    with catalogued.read() as session:
        gift = session.get_one(Gift, paid.id)
        donor = session.scalars(sa.select(Donor).where(Donor.email == "zoe@example.org")).one()
        event = session.scalars(
            sa.select(GiftEvent).where(GiftEvent.kind == "contact_corrected")
        ).one()
        receipt = session.scalars(sa.select(Receipt)).one()
        assert (gift.email, gift.donor_id) == (donor.email, donor.id)
        assert event.data == {"from": "zoe@exmaple.org", "to": "zoe@example.org"}
        assert event.why == "She wrote"
        assert (receipt.snapshot, receipt.voided_at) == (before, None)
        assert session.scalars(sa.select(Consent)).one().donor_id == donor.id
        assert not session.scalars(sa.select(Email)).one().is_failing
        assert session.scalars(sa.select(AuditEntry.act)).all()[-1] == "contact_correct"
    assert any(job.startswith("send_receipt-1:form-1:") for job in promised_jobs(catalogued))
    story = browser.get(f"/staff/gifts/{paid.reference}").text
    assert 'News <span class="soft">Said yes on November 23, 2026' in story
    assert "zoe@exmaple.org" in story
    assert "details corrected" in story


def test_an_open_transfer_s_donor_gets_how_to_pay(
    catalogued: Database, signed_in: SignedIn
) -> None:
    with catalogued.write() as session:
        gift = add_sample(session, mode="interac")
    assert correct(signed_in("finance"), gift, email="right@example.org", resend="1") == 303
    assert any(f"gift_instructions:{gift.id}" in job for job in promised_jobs(catalogued))


def test_the_months_of_a_plan_are_corrected_together(
    catalogued: Database, signed_in: SignedIn
) -> None:
    with catalogued.write() as session:
        donor = session.get_one(Donor, find_or_add_donor(act_in(session, NOW), "zoe@exmaple.org"))
        first, second = (add_sample(session, email=donor.email) for _ in range(2))
        plan = add_plan(act_in(session, NOW), donor.id, first.money)
        first.plan_id = second.plan_id = plan.id
    assert correct(signed_in("finance"), second) == 303
    assert not promised_jobs(catalogued)
    with catalogued.read() as session:
        assert set(session.scalars(sa.select(Gift.email))) == {"zoe@example.org"}
        assert session.scalars(sa.select(Plan.donor_id)).one() != donor.id


@pytest.mark.parametrize(
    ("fields", "status", "is_told"),
    [
        ({}, PlanStatus.ACTIVE, True),
        ({}, PlanStatus.CANCELLED, False),
        ({"email": "zoe@exmaple.org", "last_name": "Roy"}, PlanStatus.ACTIVE, False),
    ],
)
def test_who_else_has_the_wrong_address_is_told(
    catalogued: Database,
    signed_in: SignedIn,
    fields: dict[str, str],
    status: PlanStatus,
    is_told: bool,
) -> None:
    with catalogued.write() as session:
        donor = session.get_one(Donor, find_or_add_donor(act_in(session, NOW), "zoe@exmaple.org"))
        gift = add_sample(session, email=donor.email)
        plan = add_plan(act_in(session, NOW), donor.id, gift.money)
        gift.plan_id = plan.id
        follow(session, plan, "sub_1")
        plan.status = status
    browser = signed_in("finance")
    assert correct(browser, gift, **fields) == 303
    page = browser.get(f"/staff/gifts/{gift.reference}").text
    assert ("Stripe has the former address" in page) is is_told


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": "zoe"}, "Enter an e-mail address in full"),
        ({"email": "zoe@exmaple.org"}, "Nothing has changed"),
        ({"reason": "\u200b"}, "Enter a reason"),
    ],
)
def test_what_corrects_nothing_is_explained(
    catalogued: Database, signed_in: SignedIn, paid: Gift, fields: dict[str, str], sentence: str
) -> None:
    browser = signed_in("finance")
    page = f"/staff/gifts/{paid.reference}/contact"
    answer = browser.post(page, **{"email": "zoe@example.org", "reason": "She wrote", **fields})
    assert answer.status_code == 422
    assert sentence in answer.text
    with catalogued.read() as session:
        assert session.get_one(Gift, paid.id).email == "zoe@exmaple.org"
