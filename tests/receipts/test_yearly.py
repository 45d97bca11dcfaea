"""A year's receipt: all gifts of a donor that came within it, each on one receipt and no more."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from portal.codes.terms import Frequency, Pledge
from portal.database import Database
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.gifts.operations import add_gift, book_claims, lock_gift
from portal.jobs.promising import SendLetter
from portal.jobs.queue import QueuedJob
from portal.mail.outbox import LetterKind
from portal.money import Money
from portal.payments.operations import accept, issue_missing_receipts
from portal.payments.stripe.reading import stripe_claim
from portal.receipts.actions import ActionKind, list_open, lock_period
from portal.receipts.operations import correct_receipt, reserve_receipt, state_particulars
from portal.receipts.planning import Reason
from portal.receipts.register import Receipt, ReceiptGift, find_receipt, verify_register
from portal.receipts.rendering import render_receipts
from portal.receipts.runs import RunRefused, begin_run
from portal.receipts.yearly import (
    AT_ONCE,
    Share,
    issue_yearly,
    left_of,
    list_shares,
    replace_receipt,
)
from portal.regions.catalogue import Catalogue, ReceiptRule
from portal.regions.queries import RegionRecord
from portal.services import Services
from tests.receipts.samples import catalogue, make_donor, region
from tests.workplace import act_in, at

NOW = datetime(2027, 1, 10, 12, tzinfo=UTC)
MARCH = datetime(2026, 3, 3, 15, tzinfo=UTC)
CURRENCIES = {"ca": "CAD", "gb": "GBP"}
_numbers = count(1)


def promise(services: Services, minor: int, *, slug: str = "ca", **donor: Any) -> int:
    """A gift that waits for its money."""
    money = Money(minor, CURRENCIES[slug])
    pledge = Pledge(
        given=money,
        cover=Money(0, money.currency),
        region=slug,
        fund="missions",
        mode="interac" if slug == "ca" else "card",
        frequency=Frequency.ONCE,
    )
    with services.database.write() as session:
        act = act_in(session, datetime(2025, 1, 2, tzinfo=UTC), services)
        return add_gift(act, pledge, make_donor(**donor), donor_id=None, partner=None).id


def tell(
    services: Services, gift_id: int, fact: FactKind, minor: int, when: datetime, *, name: str = ""
) -> None:
    """Book a fact of a gift past its receipts, as it stood before this release."""
    with services.database.write() as session:
        gift = lock_gift(session, gift_id)
        claim = make_claim(gift, fact, minor, when, name)
        zone = region(gift.region).issuer.timezone
        book_claims(act_in(session, when), gift, [claim], timezone=zone)


def make_claim(gift: Gift, fact: FactKind, minor: int, when: datetime, name: str = "") -> Any:
    subject = name or f"x_{next(_numbers)}"
    return stripe_claim(
        fact=fact, subject=subject, occurred_at=when, money=Money(minor, gift.currency)
    )


def give(services: Services, minor: int, when: datetime = MARCH, **more: Any) -> int:
    """A gift that was paid."""
    gift_id = promise(services, minor, **more)
    tell(services, gift_id, FactKind.PAID, minor, when)
    return gift_id


def copy_gift(services: Services, gift_id: int, times: int) -> None:
    """As many gifts like one, each of a donor of its own."""
    with services.database.write() as session:
        found = session.execute(sa.select(Gift.__table__).where(Gift.id == gift_id)).one()
        own = [
            {"id": gift_id + at, "token": f"copy-{at}", "reference": f"C{at}", "email": f"{at}@a.b"}
            for at in range(1, times + 1)
        ]
        session.execute(sa.insert(Gift.__table__), [{**found._mapping, **one} for one in own])


def shares(services: Services, issuer: str = "sample-ca", year: int = 2026) -> list[Share]:
    with services.database.read() as session:
        return list(list_shares(session, services.catalogue, issuer, year))


def run(services: Services, issuer: str = "sample-ca", year: int = 2026) -> list[int]:
    """Issue all that is due of a year; the receipts."""
    issued = []
    for share in shares(services, issuer, year):
        if share.why is None:
            with services.write() as act:
                receipt = issue_yearly(act, [gift.id for gift in share.gifts])
                assert receipt is not None
                issued.append(receipt.id)
    return issued


@pytest.fixture(scope="module")
def ledger(sqlite_catalogued: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """One installation for all random histories; each has a donor of its own."""
    path = tmp_path_factory.mktemp("yearly") / "portal.db"
    path.write_bytes(sqlite_catalogued.read_bytes())
    services = at(Database(f"sqlite:///{path}"), NOW)
    yield services
    services.close()


@dataclass(frozen=True)
class Story:
    """What happened to one gift."""

    slug: str
    parts: tuple[tuple[int, date], ...]
    is_whole: bool
    is_undone: bool
    back: int
    is_disputed: bool
    is_receipted: bool
    name: str = field(default="Grace")


DAYS = st.sampled_from([date(2025, 12, 31), date(2026, 1, 1), date(2026, 3, 3), date(2026, 12, 31)])
PARTS = st.lists(st.tuples(st.integers(1, 9_999), DAYS), min_size=1, max_size=3).map(tuple)
STORIES = st.builds(
    Story,
    slug=st.sampled_from(["ca", "gb"]),
    parts=PARTS,
    is_whole=st.booleans(),
    is_undone=st.booleans(),
    back=st.sampled_from([0, 0, 1, 10_000_000]),
    is_disputed=st.sampled_from([False, False, True]),
    is_receipted=st.booleans(),
    name=st.sampled_from(["Grace", "Grace", "John"]),
)


def play(services: Services, story: Story, email: str) -> int:
    total = sum(minor for minor, _ in story.parts) + (not story.is_whole)
    gift_id = promise(services, total, slug=story.slug, email=email, first_name=story.name)
    for number, (minor, day) in enumerate(story.parts):
        when = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)
        tell(services, gift_id, FactKind.PAID, minor, when, name=f"p_{gift_id}_{number}")
    if story.is_receipted:
        with services.write() as act:
            gift = lock_gift(act.session, gift_id)
            if gift.status.is_received:
                reserve_receipt(act, gift, region(story.slug))
    paid = total - (not story.is_whole)
    if story.is_undone:
        minor, _ = story.parts[0]
        accept_late(services, gift_id, FactKind.WITHDRAWN, minor, f"p_{gift_id}_0")
        paid -= minor
    if story.back and paid:
        accept_late(services, gift_id, FactKind.REFUNDED, min(story.back, paid))
    if story.is_disputed and paid:
        accept_late(services, gift_id, FactKind.DISPUTE_OPENED, paid)
    return gift_id


def accept_late(
    services: Services, gift_id: int, fact: FactKind, minor: int, name: str = ""
) -> None:
    """The one way in, receipts and all."""
    with services.write() as act:
        gift = lock_gift(act.session, gift_id)
        accept(act, gift_id, [make_claim(gift, fact, minor, NOW, name)])


@settings(max_examples=12)
@given(stories=st.lists(STORIES, min_size=1, max_size=5))
def test_annual_is_paid_minus_receipted_by_gift(ledger: Services, stories: list[Story]) -> None:
    email = f"donor{next(_numbers)}@example.org"
    gift_ids = [play(ledger, story, email) for story in stories]
    for issuer in ("sample-ca", "sample-gb"):
        for year in (2025, 2026, 2027):
            run(ledger, issuer, year)
            assert run(ledger, issuer, year) == []
    with ledger.database.read() as session:
        for gift_id in gift_ids:
            gift = session.get_one(Gift, gift_id)
            covered = session.scalars(
                sa.select(ReceiptGift).where(ReceiptGift.gift_id == gift_id, ReceiptGift.stands)
            ).all()
            is_fit = gift.status.is_received and gift.status.value != "disputed" and left_of(gift)
            assert len(covered) <= 1
            if not covered:
                assert not is_fit
                continue
            receipt = session.get_one(Receipt, covered[0].receipt_id)
            assert receipt.issuer == f"sample-{gift.region}"
            assert receipt.snapshot["donor"]["name"] == gift.name
            # One of its own says what came; one of the year what is left.
            right = gift.paid_minor if receipt.gift_id else left_of(gift)
            assert covered[0].amount_minor == right
        assert verify_register(session) == []


def test_both_gifts_of_a_day_are_on_it_and_what_was_receipted_is_not(
    catalogued: Database,
) -> None:
    services = at(catalogued, NOW)
    first, second, single = (give(services, minor) for minor in (1000, 1000, 700))
    with services.write() as act:
        reserve_receipt(act, lock_gift(act.session, single), region())
    [receipt_id] = run(services)
    with catalogued.read() as session:
        covered = session.scalars(
            sa.select(ReceiptGift.gift_id).where(ReceiptGift.receipt_id == receipt_id)
        )
        assert set(covered) == {first, second}
        assert session.get_one(Receipt, receipt_id).money == Money(2000, "CAD")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_last_minute_of_the_year_is_the_issuer_s(catalogued: Database) -> None:
    services = at(catalogued, NOW)
    give(services, 100, datetime(2027, 1, 1, 4, 59, tzinfo=UTC))
    give(services, 200, datetime(2027, 1, 1, 5, 0, tzinfo=UTC))
    [share] = shares(services)
    assert share.money == Money(100, "CAD")


@pytest.mark.parametrize(
    ("ends", "year", "days"),
    [
        ("12-31", 2026, (date(2026, 1, 1), date(2026, 12, 31))),
        ("04-05", 2026, (date(2025, 4, 6), date(2026, 4, 5))),
        ("02-29", 2024, (date(2023, 3, 1), date(2024, 2, 29))),
        ("02-29", 2025, (date(2024, 3, 1), date(2025, 2, 28))),
    ],
)
def test_a_tax_year_has_its_own_days(ends: str, year: int, days: tuple[date, date]) -> None:
    assert replace(region("ca"), tax_year_end=ends).tax_year(year) == days


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_year_s_receipts_follow_the_region_s_tax_year(catalogued: Database) -> None:
    services = at(catalogued, NOW)
    before = give(services, 100, datetime(2026, 4, 5, 12, tzinfo=UTC), slug="gb")
    after = give(services, 200, datetime(2026, 4, 6, 12, tzinfo=UTC), slug="gb")
    for year, gift_id in ((2026, before), (2027, after)):
        [share] = shares(services, "sample-gb", year)
        assert [gift.id for gift in share.gifts] == [gift_id]
    with services.write() as act, pytest.raises(RunRefused, match="not over"):
        begin_run(act, "sample-gb", 2027, ReceiptRule.YEARLY)
    with services.write() as act:
        begin_run(act, "sample-gb", 2026, ReceiptRule.YEARLY)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_gets_none_says_why(catalogued: Database) -> None:
    services = at(catalogued, NOW)
    part = promise(services, 900)
    tell(services, part, FactKind.PAID, 300, MARCH)
    back = give(services, 500)
    tell(services, back, FactKind.REFUNDED, 500, NOW)
    give(services, 700, first_name="", last_name="", email="")
    assert {share.why for share in shares(services)} == {
        Reason.NOT_RECEIVED,
        Reason.REFUNDED,
        Reason.UNKNOWN_DONOR,
    }


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_letter_needs_no_address(catalogued: Database) -> None:
    services = at(catalogued, NOW)
    give(services, 600, address_line1="")
    assert [share.why for share in shares(services)] == [None]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_document_shows_each_gift_and_the_total(catalogued: Database) -> None:
    services = at(catalogued, NOW)
    for minor in range(1001, 1011):
        give(services, minor, locale="fr_CA" if minor == 1010 else "en_CA")
    [receipt_id] = run(services)
    with catalogued.read() as session:
        receipt = session.get_one(Receipt, receipt_id)
    pdf = PdfReader(io.BytesIO(render_receipts(services, [receipt])[receipt_id]))
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    assert len(pdf.pages) == 2
    assert len(receipt.snapshot["gifts"]) == 10
    for gift in receipt.snapshot["gifts"]:
        assert gift["reference"] in text
        assert " ".join(gift["amount"].split()) in text
    assert receipt.snapshot["amount_minor"] == sum(range(1001, 1011))
    assert text.count("100,55") == 2
    assert "2027-000001" in text


@pytest.fixture
def official(catalogued: Database) -> Services:
    """Where Canada's issuer gives out official receipts."""
    with catalogued.write() as session:
        record = session.get_one(RegionRecord, "ca")
        said = {"registration_number": "123456782RR0001", "official_receipts_from": "2026-01-01"}
        issuer = {**record.document["issuer"], **said}
        record.document = {**record.document, "sample": False, "issuer": issuer}
    services = at(catalogued, NOW)
    assert services.catalogue.regions["ca"].official_on(NOW.date()) is not None
    return services


def test_a_years_official_receipt_is_for_what_is_left_of_all(official: Services) -> None:
    gift_ids = [give(official, minor) for minor in (1000, 2500)]
    tell(official, gift_ids[1], FactKind.REFUNDED, 400, NOW)
    [receipt_id] = run(official)
    with official.database.read() as session:
        receipt = session.get_one(Receipt, receipt_id)
    said = receipt.snapshot
    assert (said["scheme"], said["amount_minor"], said["eligible_minor"]) == (
        "ca-official",
        3100,
        3100,
    )
    pdf = PdfReader(io.BytesIO(render_receipts(official, [receipt])[receipt_id]))
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    for wanted in ("official receipt for income tax purposes", "$31.00", "$10.00", "$21.00"):
        assert wanted in text
    for row in said["shown"]:
        assert " ".join(row["value"].split()) in text
    assert said["verify_code"] in text


def test_without_an_address_a_year_is_acknowledged_by_letter(official: Services) -> None:
    give(official, 1000, address_line1="")
    [receipt_id] = run(official)
    with official.database.read() as session:
        assert session.get_one(Receipt, receipt_id).snapshot["scheme"] == "ca-acknowledgement"


def test_what_came_back_in_return_has_a_receipt_of_its_own(official: Services) -> None:
    plain, told = give(official, 1000), give(official, 10_000)
    with official.write() as act:
        gift = lock_gift(act.session, told)
        here = act.catalogue.home_of(gift).region
        said = {"advantage_minor": 3000, "advantage": "a dinner", "is_intangible": False}
        state_particulars(act, gift, here, {**said, "given": "", "appraiser": ""})
    found = {share.gifts[0].id: share for share in shares(official)}
    assert [len(share.gifts) for share in found.values()] == [1, 1]
    assert {*found} == {plain, told}
    with official.write() as act:
        receipt = issue_yearly(act, [told])
        assert receipt is not None
        assert receipt.snapshot["eligible_minor"] == 7000


@pytest.fixture
def yearly(catalogued: Database) -> Services:
    """Where donors of Canada get one receipt a year."""
    with catalogued.write() as session:
        record = session.get_one(RegionRecord, "ca")
        record.document = {**record.document, "receipts": "yearly"}
    services = at(catalogued, NOW)
    assert services.catalogue.regions["ca"].receipts is ReceiptRule.YEARLY
    return services


def promised(services: Services) -> list[str]:
    with services.database.read() as session:
        return [one.key for one in session.scalars(sa.select(QueuedJob))]


@pytest.mark.parametrize("is_each", [False, True])
def test_a_year_of_more_gifts_than_are_read_at_once(yearly: Services, is_each: bool) -> None:
    gift_id = give(yearly, 2500)
    copy_gift(yearly, gift_id, AT_ONCE + 1)
    with yearly.database.read() as session:
        read = list_shares(session, yearly.catalogue, "sample-ca", 2026, is_each=is_each)
        found = [one.money.minor for one in read if one.why is None]
    assert found == [2500] * (AT_ONCE + 2)


def test_under_the_yearly_rule_a_gift_is_thanked_and_not_numbered(yearly: Services) -> None:
    gift_id = promise(yearly, 7550)
    with yearly.write() as act:
        gift = lock_gift(act.session, gift_id)
        accept(act, gift_id, [make_claim(gift, FactKind.PAID, 7550, MARCH)])
    thanks = SendLetter(LetterKind.GIFT_THANKS, gift_id, "first")
    assert promised(yearly) == [f"send_letter-{thanks.subject}"]
    assert issue_missing_receipts(yearly) == 0
    with yearly.database.read() as session:
        assert find_receipt(session, gift_id) is None
    assert len(run(yearly)) == 1


def test_undone_match_of_a_yearly_receipt_is_left_to_finance_and_replaced(
    yearly: Services,
) -> None:
    kept, undone = give(yearly, 1000), promise(yearly, 2000)
    tell(yearly, undone, FactKind.PAID, 2000, MARCH, name="line_1")
    [receipt_id] = run(yearly)
    accept_late(yearly, undone, FactKind.WITHDRAWN, 2000, "line_1")
    with yearly.write() as act:
        [(action, receipt)] = list_open(act.session)
        assert (action.kind, action.gift_id) == (ActionKind.UNDONE, undone)
        assert action.due_on == date(2027, 2, 9)
        assert receipt.voided_at is None
        fresh = replace_receipt(act, receipt, "The second payment was another’s.")
        assert fresh is not None
        assert fresh.money == Money(1000, "CAD")
        assert "2027-000001" in fresh.snapshot["replaces"]
    with yearly.database.read() as session:
        assert list_open(session) == []
        standing = find_receipt(session, kept)
        assert standing is not None
        assert standing.id != receipt_id
        assert find_receipt(session, undone) is None
        assert verify_register(session) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_in_a_locked_period_changes_by_itself(catalogued: Database) -> None:
    services = at(catalogued, NOW)
    gift_id = promise(services, 1000)
    tell(services, gift_id, FactKind.PAID, 1000, MARCH, name="line_1")
    with services.write() as act:
        reserve_receipt(act, lock_gift(act.session, gift_id), region())
        lock_period(act, "sample-ca", date(2027, 1, 31))
    accept_late(services, gift_id, FactKind.WITHDRAWN, 1000, "line_1")
    with services.write() as act:
        gift = lock_gift(act.session, gift_id)
        gift.last_name = "Other"
        act.session.flush()
        assert correct_receipt(act, gift, region()) is None
        standing = find_receipt(act.session, gift_id)
        assert standing is not None
        assert {action.kind for action, _ in list_open(act.session)} == {ActionKind.UNDONE}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_larger_refund_in_canada_has_its_return(catalogued: Database) -> None:
    services = at(catalogued, NOW)
    for slug, minor in (("ca", 5001), ("ca", 5000), ("gb", 9000)):
        gift_id = give(services, minor, slug=slug)
        with services.write() as act:
            reserve_receipt(act, lock_gift(act.session, gift_id), region(slug))
        accept_late(services, gift_id, FactKind.REFUNDED, minor)
    with services.database.read() as session:
        opened = [(one.kind.value, one.due_on) for one, _ in list_open(session)]
    due, later = date(2027, 2, 9), date(2027, 4, 10)
    assert opened == [*[("refunded", due)] * 3, ("return", later)]


def test_the_sample_catalogue_gives_each_gift_its_own() -> None:
    found: Catalogue = catalogue()
    assert {one.receipts for one in found.regions.values()} == {ReceiptRule.EACH}
