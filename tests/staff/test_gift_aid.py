"""Staff claim Gift Aid: what can be claimed, the files, refunds afterwards, and declarations."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.clock import FixedClock
from portal.database import Database
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.gifts.operations import book_claims, lock_gift
from portal.jobs.promising import SendLetter
from portal.mail.outbox import LetterKind
from portal.money import Money
from portal.payments.manual_entries import correct_donor
from portal.payments.stripe.reading import stripe_claim
from portal.receipts.claims import (
    GiftAidClaim,
    GiftAidItem,
    list_charities,
    look_ahead,
    make_claim,
)
from portal.receipts.declarations import Declaration, cancel, list_of_gift
from portal.receipts.filing import read_lines
from portal.receipts.gift_aid import Why
from portal.receipts.statutory import EXPORTS
from portal.regions.queries import load_catalogue
from portal.services import Services
from portal.settings import Settings
from tests.conftest import NOW
from tests.giving.visits import text_of
from tests.receipts.gift_aid_samples import book, give
from tests.receipts.schedule_samples import make_template, read_cell, read_cells
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample, pay_sample
from tests.workplace import act_in, promised_jobs

SignedIn = Callable[[str], Browser]
PAGE = "/staff/gift-aid"
ISSUER = "sample-gb"
YEAR = timedelta(days=366)


@pytest.fixture
def services(app: Flask) -> Services:
    found: Services = app.extensions["portal"]
    return found


def claim_all(services: Services) -> GiftAidClaim:
    [charity] = list_charities(services.catalogue)
    with services.write() as act:
        return make_claim(act, charity)


def refused(services: Services) -> dict[Why, int]:
    [charity] = list_charities(services.catalogue)
    with services.database.read() as session:
        outlook = look_ahead(session, charity, NOW)
        return {why: len(gifts) for why, gifts in outlook.refused.items()}


def test_a_claim_is_made_and_its_files_have_the_right_cells(
    signed_in: SignedIn, catalogued: Database
) -> None:
    with catalogued.write() as session:
        give(session, 5_000_01)
        give(session, 10_00, NOW - timedelta(days=10), declares=False)
        give(session, 1_00, NOW - YEAR, declares=False)
        give(
            session, 3_00, email="ben@example.org", first_name="Bén", last_name="محمد", country="NG"
        )
        give(session, 7_00, email="no@example.org", declares=False)
    finance = signed_in("finance")
    page = text_of(finance.get(PAGE))
    assert "£5,014.01" in page
    assert "£1,253.50" in page
    assert finance.post(PAGE).status_code == 303
    file = {"file": (io.BytesIO(make_template()), "gift_aid_schedule__libre_.ods")}
    sent = finance.client.post(f"{PAGE}/template", data={"csrf_token": finance.token(PAGE), **file})
    assert sent.status_code == 303
    ods = finance.get(f"{PAGE}/1/1.ods").data
    home = "1 High Street, Exeter"
    assert read_cells(ods, 4) == [
        ["1", "", "Ada", "House Martin", home, "EX1 1AA", "", "", "22/11/25", "1.00"],
        ["2", "", "Ada", "House Martin", home, "EX1 1AA", "", "", "23/11/26", "5010.01"],
        ["3", "", "Bén", "mhmd", home, "X", "", "", "23/11/26", "3.00"],
        [""] * 10,
    ]
    assert read_cell(ods, 3, 12) == "22/11/25"
    assert read_cell(ods, 3, 16) == ""
    rows = list(csv.reader(io.StringIO(finance.get(f"{PAGE}/1/1.csv").text)))
    assert [row[1:] for row in read_cells(ods, 3)] == rows
    again = finance.post(PAGE)
    assert again.status_code == 422
    assert "There is nothing to claim for" in text_of(again)


@pytest.mark.parametrize("file", [b"", b"PK nothing", make_template(sheet="Sheet1")])
def test_a_spreadsheet_of_another_version_is_refused(signed_in: SignedIn, file: bytes) -> None:
    finance = signed_in("finance")
    data = {"csrf_token": finance.token(PAGE), "file": (io.BytesIO(file), "x.ods")}
    sent = finance.client.post(f"{PAGE}/template", data=data)
    assert sent.status_code == 422
    assert re.search("This is no ODS|another version", text_of(sent))


@pytest.mark.both_engines
def test_a_refund_after_a_claim_is_given_back_in_the_next_once(
    services: Services, catalogued: Database
) -> None:
    with catalogued.write() as session:
        gift = give(session, 100_00)
    claim_all(services)
    with catalogued.write() as session:
        held = lock_gift(session, gift.id)
        book(session, held, FactKind.REFUNDED, "re_1", 40_01)
        give(session, 8_00, email="ben@example.org")
    second = claim_all(services)
    assert (second.total_minor, second.overclaimed_minor) == (8_00, 10_01)
    with catalogued.write() as session:
        give(session, 9_00, email="cleo@example.org")
    third = claim_all(services)
    assert (third.total_minor, third.overclaimed_minor) == (9_00, 0)
    with catalogued.read() as session:
        kinds = session.execute(sa.select(GiftAidItem.kind, GiftAidItem.minor)).all()
    assert sorted(tuple(one) for one in kinds) == [
        ("claimed", 8_00),
        ("claimed", 9_00),
        ("claimed", 100_00),
        ("taken_back", 40_01),
    ]


def test_a_cancellation_holds_for_later_gifts_and_takes_back_only_those(
    services: Services, catalogued: Database
) -> None:
    with catalogued.write() as session:
        give(session, 100_00, NOW - timedelta(days=30))
        give(session, 60_00, NOW, declares=False)
    claim_all(services)
    with catalogued.write() as session:
        [declared] = session.scalars(sa.select(Declaration)).all()
        day = (NOW - timedelta(days=5)).date()
        cancel(act_in(session, NOW), declared, "Europe/London", day=day)
        give(session, 5_00, email="ben@example.org")
        give(session, 5_00, declares=False)
    assert refused(services) == {Why.CANCELLED: 1}
    assert claim_all(services).overclaimed_minor == 15_00


def test_what_is_claimed_can_be_neither_changed_nor_claimed_twice(
    services: Services, catalogued: Database
) -> None:
    with catalogued.write() as session:
        gift = give(session)
    claim_all(services)
    for change in (
        sa.update(Declaration).values(last_name="X"),
        sa.delete(Declaration),
        sa.update(GiftAidClaim).values(total_minor=1),
        sa.update(GiftAidItem).values(minor=1),
    ):
        with pytest.raises(sa.exc.DatabaseError), catalogued.write() as session:
            session.execute(change)
    with catalogued.read() as session:
        [item] = session.scalars(sa.select(GiftAidItem)).all()
    row = {name: getattr(item, name) for name in ("claim_id", "declaration_id", "kind", "minor")}
    with pytest.raises(sa.exc.IntegrityError), catalogued.write() as session:
        session.add(GiftAidItem(**row, gift_id=gift.id, withdrawn_at=None))


def test_only_the_newest_claim_is_withdrawn_and_its_gifts_come_back(
    signed_in: SignedIn, services: Services, catalogued: Database
) -> None:
    with catalogued.write() as session:
        give(session)
    claim_all(services)
    with catalogued.write() as session:
        give(session, 9_00, email="ben@example.org")
    claim_all(services)
    finance = signed_in("finance")
    first = finance.post(f"{PAGE}/1/withdraw", page=PAGE, reason="Not sent")
    assert first.status_code == 422
    assert finance.post(f"{PAGE}/2/withdraw", page=PAGE, reason="").status_code == 422
    assert finance.post(f"{PAGE}/2/withdraw", page=PAGE, reason="Not sent").status_code == 303
    assert "Withdrawn: Not sent" in text_of(finance.get(PAGE))
    assert claim_all(services).total_minor == 9_00


def test_gifts_that_cannot_be_claimed_for_say_why(services: Services, catalogued: Database) -> None:
    with catalogued.write() as session:
        give(session, 5_00)
        give(session, 5_00, first_name="Ben", declares=False)
        give(session, 5_00, currency="EUR", declares=False)
        give(session, 5_00, NOW - 4 * YEAR - timedelta(days=1), declares=False)
        others = give(session, 5_00, declares=False)
        others.is_only_acknowledged = True
        give(session, 5_00, email="ben@example.org", declares=False)
    assert refused(services) == {
        Why.OTHER_NAME: 1,
        Why.NOT_POUNDS: 1,
        Why.BEFORE: 1,
        Why.OTHERS_RECEIPT: 1,
    }


SAID = {
    "how": "paper",
    "covers": "all",
    "day": "2026-11-20",
    "first_name": "Ada",
    "last_name": "House-Martin",
    "address_line1": "1 High Street",
    "postal_code": "ex11aa",
    "country": "GB",
}


def record(finance: Browser, gift: Gift, **changes: str) -> int:
    page = f"/staff/gifts/{gift.reference}/gift-aid"
    return finance.post(page, **{**SAID, "how": "oral", **changes}).status_code


def test_an_oral_declaration_is_confirmed_by_a_letter_and_counts_thirty_days_after(
    signed_in: SignedIn, services: Services, catalogued: Database, clock: FixedClock
) -> None:
    with catalogued.write() as session:
        gift = give(session, declares=False)
    finance = signed_in("finance")
    assert record(finance, gift) == 303
    assert refused(services) == {Why.UNCONFIRMED: 1}
    with catalogued.read() as session:
        [one] = list_of_gift(session, gift)
    letter = SendLetter(LetterKind.GIFT_AID_CONFIRMATION, gift.id, one.key)
    assert f"send_letter-{letter.subject}" in promised_jobs(catalogued)
    page = f"/staff/gifts/{gift.reference}/gift-aid"
    assert "Not confirmed in writing yet" in text_of(finance.get(page))
    assert finance.post(f"{page}/{one.key}/confirm", page=page).status_code == 303
    assert refused(services) == {Why.MAY_CANCEL: 1}
    sent = finance.post(
        f"{page}/{one.key}/cancel", page=page, reason="No", **{"from": "2026-11-23"}
    )
    assert sent.status_code == 303
    with catalogued.read() as session:
        [last] = list_of_gift(session, gift)
        versions = session.scalars(sa.select(Declaration.version)).all()
    assert str(last.cancelled_from) == "2022-11-20", "as if it had never been made"
    assert versions == [1, 2, 3]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"day": "yesterday"}, "Enter a date like"),
        ({"day": "2030-01-01"}, "Enter a day that has come"),
        ({"postal_code": "12345"}, "Enter a postcode like"),
        ({"postal_code": ""}, "Enter the postcode"),
        ({"how": "form"}, "Choose how it was declared"),
        ({"address_line1": ""}, "Enter the home address"),
    ],
)
def test_a_declaration_that_is_not_whole_is_sent_back(
    signed_in: SignedIn, catalogued: Database, changes: dict[str, str], sentence: str
) -> None:
    with catalogued.write() as session:
        gift = give(session, declares=False)
    finance, page = signed_in("finance"), f"/staff/gifts/{gift.reference}/gift-aid"
    answer = finance.post(page, **{**SAID, "title": "Zoë", **changes})
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert 'value="Zoë"' in answer.text
    with catalogued.read() as session:
        assert not list_of_gift(session, gift)


def test_a_corrected_donor_takes_the_declaration_along(
    services: Services, catalogued: Database
) -> None:
    with catalogued.write() as session:
        gift = give(session)
    with services.write() as act:
        held = lock_gift(act.session, gift.id)
        right = {"last_name": "Martin", "email": "right@example.org"}
        correct_donor(act, held, right, why="", replaces=False)
    with catalogued.read() as session:
        [one] = list_of_gift(session, session.get_one(Gift, gift.id))
    assert (one.version, one.last_name, one.donor_id) == (2, "Martin", held.donor_id)
    assert claim_all(services).lines[0].last_name == "Martin"


def test_small_cash_is_counted_by_tax_years(signed_in: SignedIn, catalogued: Database) -> None:
    with catalogued.write() as session:
        give(session, 30_00, email="no@example.org", declares=False, mode="cash")
        give(session, 30_01, email="no@example.org", declares=False, mode="cash")
    page = text_of(signed_in("finance").get(PAGE))
    assert "2027-04-05 £30.00 £0.00 £0.00 2029-04-05" in page


@pytest.mark.both_engines
def test_a_gift_that_went_back_after_its_receipt_is_told_in_canada(
    catalogued: Database, settings: Settings
) -> None:
    with catalogued.write() as session:
        gift = add_sample(session)
        pay_sample(session, gift, "pi_1")
        held, later = lock_gift(session, gift.id), NOW + timedelta(days=20)
        claim = stripe_claim(
            fact=FactKind.REFUNDED,
            subject="re_1",
            occurred_at=later,
            money=Money(60_00, "CAD"),
            payment="pi_1",
        )
        book_claims(act_in(session, later), held, [claim], timezone="America/Toronto")
    with catalogued.read() as session:
        issuer = load_catalogue(session).regions["ca"].issuer
        [line] = read_lines(session, settings, EXPORTS["ca"], issuer, [2026])
    assert (line.returned_minor, str(line.returned_on)) == (60_00, "2026-12-13")
    assert (line.amount, line.currency, line.name) == ("75.53", "CAD", "Zoë Tremblay")


def test_a_viewer_sees_no_claims(signed_in: SignedIn) -> None:
    assert signed_in("viewer").get(PAGE).status_code == 403


def test_a_gift_says_what_its_donor_declared(signed_in: SignedIn, catalogued: Database) -> None:
    with catalogued.write() as session:
        gift = give(session)
    page = text_of(signed_in("finance").get(f"/staff/gifts/{gift.reference}"))
    assert "With a gift" in page
    assert "Gift Aid declarations" in page
