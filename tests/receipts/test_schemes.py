"""Every scheme on paper: each field its law wants, in its languages, and the right amount."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from portal.database import Database, Document
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.i18n import pick
from portal.money import Money, format_money
from portal.payments.books import prove
from portal.receipts.composition import compose_snapshot, issue_day, receipt_mark
from portal.receipts.operations import correct_receipt, keep_receipt, reserve_receipt
from portal.receipts.pdf import render_pdf
from portal.receipts.planning import Issue, Receiver, Wait, decide_receipt, receiver_of
from portal.receipts.register import GiftParticulars, Receipt, find_receipts
from portal.regions.catalogue import Region
from portal.regions.schemes import ReceiptField, ReceiptScheme
from tests.receipts.samples import (
    NOW,
    RECEIVED,
    Said,
    book_gift,
    claim,
    make_gift,
    official_region,
    region,
)
from tests.receipts.test_pdf import text_of
from tests.workplace import act_in

NUMBER = "2026-000417"
# What section 18A asks of a donor beside the rest.
ASKED = {
    ReceiptField.DONOR_PHONE: "+27 11 555 0100",
    ReceiptField.PERSON_NATURE: "Natural person",
    ReceiptField.ID_TYPE: "Passport",
    ReceiptField.ID_COUNTRY: "Zimbabwe",
    ReceiptField.ID_NUMBER: "FN123456",
    ReceiptField.TRADING_NAME: "Okafor Crafts",
    ReceiptField.TAX_REFERENCE: "0123456789",
}
OFFICIAL = ("ca", "au", "nz", "za", "de", "fr")
SCHEMES = [
    *((official_region(slug), locale) for slug in OFFICIAL for locale in ("en", "fr")),
    *((region(slug), locale) for slug in ("us", "gb", "au") for locale in ("en", "fr")),
    (region("us"), "es_US"),
]


def compose(here: Region, said: Said | None = None, **changes: Any) -> tuple[Document, Issue]:
    currency = here.currencies[0].currency
    gift = make_gift(**{"region": here.slug, "currency": currency, **changes})
    donor = replace(receiver_of(gift), details=ASKED)
    day = issue_day(here.issuer.timezone, NOW).date()
    plan = decide_receipt(gift, here, day, particulars=said, donor=donor).plan
    assert isinstance(plan, Issue)
    made = compose_snapshot(gift, here, NOW, issue=plan, donor=donor, particulars=said)
    return {**made, "number": NUMBER}, plan


def read(here: Region, said: Said | None = None, **changes: Any) -> str:
    return text_of(render_pdf(compose(here, said, **changes)[0]))


def list_expected(here: Region, scheme: ReceiptScheme, made: Document) -> dict[ReceiptField, str]:
    """What has to stand on paper for each field, from the region's own data and the gift's."""
    issuer, locale = here.issuer, made["locale"]
    shown = {ReceiptField(row["name"]): row["value"] for row in made["shown"]}
    values = {"{issuer}": issuer.legal_name, "{exemption}": issuer.exemption}
    said = pick(scheme.statements[0], locale)
    for name, value in values.items():
        said = said.replace(name, value)
    return {
        **shown,
        **ASKED,
        ReceiptField.STATEMENT: said,
        ReceiptField.LEGAL_NAME: issuer.legal_name,
        ReceiptField.ISSUER_ADDRESS: issuer.address_lines[0],
        ReceiptField.REGISTRATION: issuer.registration_number,
        ReceiptField.TAX_NUMBER: issuer.tax_number,
        ReceiptField.EXEMPTION: issuer.exemption,
        ReceiptField.NUMBER: NUMBER,
        ReceiptField.PLACE: issuer.place,
        ReceiptField.ISSUED_ON: made["issued"],
        ReceiptField.RECEIVED_ON: made["received"],
        ReceiptField.AMOUNT: made["amount"],
        ReceiptField.DONOR_NAME: "Grace Okafor",
        ReceiptField.FIRST_NAME: "Grace",
        ReceiptField.DONOR_ADDRESS: "12 rue Saint-Paul Ouest",
        ReceiptField.DONOR_EMAIL: "grace@example.org",
        ReceiptField.MODE: made["mode"],
        ReceiptField.SIGNATORY: issuer.signatory_name,
        ReceiptField.SIGNATORY_TITLE: pick(issuer.signatory_title, locale),
        ReceiptField.AUTHORITY: pick(scheme.authority_url, locale),
    }


# Only a gift in kind, or one that something was given for, has these.
SOMETIMES = {ReceiptField.PROPERTY, ReceiptField.APPRAISER, ReceiptField.ADVANTAGE}


@pytest.mark.parametrize(
    ("here", "locale"), SCHEMES, ids=[f"{one.slug}-{say}" for one, say in SCHEMES]
)
def test_a_document_shows_each_field_of_its_scheme(here: Region, locale: str) -> None:
    made, plan = compose(here, locale=locale)
    text = " ".join(text_of(render_pdf(made)).split())
    expected = list_expected(here, plan.scheme, made)
    assert plan.scheme.fields
    for name in {*plan.scheme.fields, *plan.scheme.requires} - SOMETIMES:
        assert expected[name], name
        assert " ".join(expected[name].split()) in text, name
    assert made["locale"] == (plan.scheme.speech or locale)
    assert pick(plan.scheme.title, made["locale"]) in text


def test_every_item_of_canadas_regulation_stands_in_french_too() -> None:
    said = Said(20_00, "Un repas", given="Un tableau", appraiser="J. Mousse, 2 rue Haute, Laval")
    text = read(official_region("ca"), said, locale="fr_CA", amount_minor=100_00)
    for needed in (
        "Le présent document est un reçu officiel aux fins de l’impôt sur le revenu.",
        "123456782RR0001",
        "canada.ca/organismes-bienfaisance-dons",
        "Un tableau",
        "J. Mousse, 2 rue Haute, Laval",
        "20,00 $ CAD (Un repas)",
        "80,00 $ CAD",
        "100,00 $",
        "Alex Sample",
        "19 novembre 2026",
        "23 novembre 2026",
    ):
        assert needed in text


def test_america_says_what_was_given_in_return_or_that_it_was_of_the_spirit() -> None:
    plain = read(region("us"))
    assert "No goods or services were provided in exchange for this gift." in plain
    dinner = read(region("us"), Said(20_00, "a dinner"), amount_minor=100_00, locale="en_US")
    assert "you received a dinner, whose value we estimate in good faith at $20.00 USD" in dinner
    assert "limited to what exceeds that value: $80.00 USD" in dinner
    assert "No goods or services" not in dinner
    assert "intangible religious benefits" in read(region("us"), Said(is_intangible=True))


def test_what_was_given_in_return_is_said_where_a_scheme_has_no_words_for_it() -> None:
    text = read(region("gb"), Said(20_00, "a dinner"), amount_minor=100_00, locale="en_GB")
    assert "£20.00 GBP (a dinner)" in text
    assert "£80.00 GBP" in text


AMOUNTS = (
    ({"amount_minor": 7550}, "CAD"),
    ({"amount_minor": 7805, "cover_minor": 255}, "CAD"),
    ({"amount_minor": 7550, "paid_minor": 5000}, "CAD"),
    ({"frequency": "monthly"}, "CAD"),
    ({"amount_minor": 5000}, "JPY"),
    ({"amount_minor": 75_250}, "TND"),
)


@pytest.mark.parametrize(("changes", "currency"), AMOUNTS)
def test_the_amount_is_what_came(changes: Any, currency: str) -> None:
    made, _ = compose(official_region("ca"), **changes, currency=currency)
    paid = changes.get("paid_minor", changes.get("amount_minor", 7550))
    assert (made["amount_minor"], made["eligible_minor"]) == (paid, paid)
    amount = " ".join(format_money(Money(paid, currency), "en_CA").split())
    assert amount in text_of(render_pdf(made))


def test_south_africa_waits_for_what_nobody_asked_the_donor() -> None:
    found = decide_receipt(make_gift(), official_region("za"), NOW.date())
    assert isinstance(found.plan, Issue)
    assert not found.plan.scheme.is_official
    (why,) = found.passed_over
    assert isinstance(why, Wait)
    assert ReceiptField.TAX_REFERENCE in why.missing


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2027, 1, 1, 4, 59, tzinfo=UTC), "2026-12-31"),
        (datetime(2027, 1, 1, 5, 0, tzinfo=UTC), "2027-01-01"),
        (datetime(2028, 2, 29, 23, 59, tzinfo=UTC), "2028-02-29"),
        (datetime(2028, 3, 1, 4, 0, tzinfo=UTC), "2028-02-29"),
    ],
)
def test_a_day_ends_where_the_issuer_is(at: datetime, day: str) -> None:
    made = compose_snapshot(make_gift(received_at=at), official_region("ca"), at)
    assert (made["issued_on"], made["received_on"]) == (day, day)


# What the database has, by way of the operations that number.


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def reserve(database: Database, gift_id: int, here: Region, **more: Any) -> Receipt | None:
    with database.write() as session:
        return reserve_receipt(act_in(session, NOW), lock_gift(session, gift_id), here, **more)


@on_sqlite
def test_an_official_receipt_follows_the_address_that_was_missing(database: Database) -> None:
    here = official_region("ca")
    gift_id = book_gift(database, address_line1="")
    first = reserve(database, gift_id, here)
    assert first is not None
    assert first.snapshot["class"] == "acknowledgement"
    with database.write() as session:
        gift = lock_gift(session, gift_id)
        gift.address_line1 = "12 rue Saint-Paul Ouest"
        session.flush()
        second = correct_receipt(act_in(session, NOW), gift, here)
    assert second is not None
    assert second.snapshot["class"] == "official"
    assert first.label in second.snapshot["replaces"]


def test_what_went_back_before_is_left_out_and_marks_nothing(database: Database) -> None:
    here = official_region("ca")
    gift_id = book_gift(database)
    claim(database, gift_id, FactKind.REFUNDED, "re_1", Money(2000, "CAD"))
    receipt = reserve(database, gift_id, here)
    assert receipt is not None
    assert (receipt.money.minor, receipt.returned.minor) == (5550, 2000)
    with database.write() as session:
        gift = lock_gift(session, gift_id)
        assert gift.status is Status.PARTLY_REFUNDED
        assert keep_receipt(act_in(session, NOW), gift, here).cancelled is None
        assert receipt_mark(gift, receipt.returned.minor) == ""
        assert not [one for one in prove(session) if "receipt" in one]


@on_sqlite
def test_a_gift_that_went_back_gets_no_number(database: Database) -> None:
    gift_id = book_gift(database)
    claim(database, gift_id, FactKind.REFUNDED, "re_2", Money(7550, "CAD"))
    assert reserve(database, gift_id, region("ca")) is None


@on_sqlite
def test_money_of_nobody_gets_one_once_it_is_known(database: Database) -> None:
    here, gift_id = official_region("ca"), book_gift(database, first_name="", last_name="")
    assert reserve(database, gift_id, here) is None
    with database.write() as session:
        gift = lock_gift(session, gift_id)
        gift.first_name, gift.last_name = "Grace", "Okafor"
        session.flush()
        receipt = correct_receipt(act_in(session, NOW), gift, here)
    assert receipt is not None
    assert receipt.money == Money(7550, "CAD")


@on_sqlite
def test_what_staff_said_of_a_gift_stands_on_its_receipt(database: Database) -> None:
    gift_id = book_gift(database)
    with database.write() as session:
        said = GiftParticulars(gift_id=gift_id, advantage_minor=20_00, changed_at=RECEIVED)
        session.add(said)
        session.get_one(Gift, gift_id).has_particulars = True
    receipt = reserve(database, gift_id, official_region("ca"))
    assert receipt is not None
    assert (receipt.money.minor, receipt.snapshot["eligible_minor"]) == (7550, 5550)
    with database.read() as session:
        standing, _ = find_receipts(session, gift_id)
    assert standing is not None


def test_a_receiver_without_a_town_has_no_address() -> None:
    assert receiver_of(make_gift(city="")).address == ()
    assert Receiver(name="Grace").value(ReceiptField.TAX_REFERENCE) == ""
