"""A donor's year: what came and what went back, by issuer and currency, on a page and on paper."""

import io
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from pypdf import PdfReader

from portal.database import Database
from portal.donors import Own
from portal.gifts.lifecycle import Fact, FactKind, weigh
from portal.gifts.models import Gift
from portal.gifts.operations import book_claims
from portal.i18n import use_locale
from portal.money import Money
from portal.payments.stripe.reading import stripe_claim
from portal.receipts.pdf import render_statement
from portal.records.own_statement import (
    compose_statement,
    list_moved,
    list_years,
    read_statement,
)
from portal.regions.queries import load_catalogue
from tests.account.conftest import ADA, ZOE, Given
from tests.conftest import NOW
from tests.giving.visits import text_of
from tests.partners.conftest import Visitor
from tests.staff.samples import add_sample
from tests.workplace import act_in

SignedIn = Callable[[str], Visitor]
OWN = Own((), (ZOE,))


def book(
    database: Database, kind: FactKind, subject: str, minor: int, at: datetime, **more: object
) -> None:
    """A fact of Zoë's one gift of 100.00, or of the one that `gift_id` names."""
    with database.write() as session:
        gift = session.get_one(Gift, more.get("gift_id", 1))
        claim = stripe_claim(
            fact=kind,
            subject=subject,
            occurred_at=at,
            money=Money(minor, gift.currency),
            payment="pi_1" if kind is not FactKind.PAID else None,
        )
        book_claims(act_in(session, NOW), gift, [claim], timezone="America/Toronto")


@pytest.fixture
def gift(catalogued: Database) -> Gift:
    with catalogued.write() as session:
        return add_sample(session, money=Money(10_000, "CAD"))


def totals(database: Database, year: int) -> list[tuple[str, int, int]]:
    with database.read() as session:
        sheets = read_statement(session, OWN, year, load_catalogue(session))
        return [(one.currency, one.total.minor, one.total_back.minor) for one in sheets]


def test_a_year_is_the_issuers(catalogued: Database, gift: Gift) -> None:
    """23:59 on 31 December in Toronto is the next year in UTC."""
    book(catalogued, FactKind.PAID, "pi_1", 10_000, datetime(2027, 1, 1, 4, 59, tzinfo=UTC))
    assert totals(catalogued, 2026) == [("CAD", 10_000, 0)]
    assert totals(catalogued, 2027) == []


def test_a_gift_in_parts_stands_in_both_years(catalogued: Database, gift: Gift) -> None:
    book(catalogued, FactKind.PAID, "pi_1", 4_000, datetime(2025, 12, 3, tzinfo=UTC))
    book(catalogued, FactKind.PAID, "pi_2", 6_000, datetime(2026, 2, 3, tzinfo=UTC))
    assert totals(catalogued, 2025) == [("CAD", 4_000, 0)]
    assert totals(catalogued, 2026) == [("CAD", 6_000, 0)]
    with catalogued.read() as session:
        assert list_years(session, OWN, load_catalogue(session)) == [2026, 2025]


@pytest.mark.both_engines
def test_what_went_back_stands_apart_in_its_own_year(catalogued: Database, gift: Gift) -> None:
    book(catalogued, FactKind.PAID, "pi_1", 10_000, datetime(2025, 12, 3, tzinfo=UTC))
    book(catalogued, FactKind.REFUNDED, "re_1", 1_001, datetime(2026, 1, 9, tzinfo=UTC))
    book(catalogued, FactKind.REFUNDED, "re_2", 53, datetime(2026, 1, 9, tzinfo=UTC))
    book(catalogued, FactKind.REFUND_FAILED, "re_2", 53, datetime(2026, 1, 12, tzinfo=UTC))
    assert totals(catalogued, 2025) == [("CAD", 10_000, 0)]
    assert totals(catalogued, 2026) == [("CAD", 0, 1_001)]


def test_issuers_and_currencies_are_never_added_up(catalogued: Database, gift: Gift) -> None:
    with catalogued.write() as session:
        others = [
            add_sample(session, money=Money(5_003, "JPY"), region="jp"),
            add_sample(session, money=Money(1_507, "GBP"), region="gb"),
            add_sample(session, money=Money(777, "USD")),
        ]
        ids = [one.id for one in others]
    for at, gift_id in enumerate([gift.id, *ids]):
        with catalogued.read() as session:
            minor = session.get_one(Gift, gift_id).amount_minor
        book(catalogued, FactKind.PAID, f"pi_{at}", minor, NOW, gift_id=gift_id)
    found = totals(catalogued, 2026)
    assert sorted(found) == [
        ("CAD", 10_000, 0),
        ("GBP", 1_507, 0),
        ("JPY", 5_003, 0),
        ("USD", 777, 0),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_what_moved_is_what_the_standing_says(seed: int) -> None:
    """Over random histories, shuffled and with doubles, sums are those of the gift's status."""
    chance = random.Random(seed)
    kinds = [
        FactKind.PAID,
        FactKind.WITHDRAWN,
        FactKind.REFUNDED,
        FactKind.REFUND_FAILED,
        FactKind.DISPUTE_LOST,
    ]
    facts = []
    for number in range(chance.randint(1, 8)):
        kind, subject = chance.choice(kinds), f"s{chance.randint(0, 4)}"
        facts.append(Fact(kind, f"{subject}{number % 3}", chance.randint(1, 999), "CAD", NOW))
    once = {(fact.kind, fact.subject): fact for fact in facts}
    facts = [*once.values(), *once.values()]
    chance.shuffle(facts)
    standing = weigh(10_000, facts)
    moved = list(list_moved(facts))
    assert sum(fact.minor for fact, is_back in moved if not is_back) == standing.paid_minor
    assert sum(fact.minor for fact, is_back in moved if is_back) == standing.refunded_minor


def test_the_page_says_that_it_is_no_tax_receipt(
    signed_in: SignedIn, given: dict[str, Given]
) -> None:
    visitor = signed_in(ZOE)
    page = text_of(visitor.get("/account/statement/2026"))
    assert "Your gifts in 2026" in page
    assert "It is not a tax receipt" in page
    assert given[ZOE].paid.reference in page
    assert given[ADA].paid.reference not in page
    assert "CAD 100.66" in page, "the sum of both gifts that came"
    assert "No gifts here." in text_of(visitor.get("/account/statement/2019"))
    assert visitor.get("/account/statement/").status_code == 200
    assert visitor.get("/account/statement/99").status_code == 404


def text_of_pdf(pdf: bytes) -> str:
    return " ".join(
        "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split()
    )


def test_the_pdf_says_the_same(signed_in: SignedIn, given: dict[str, Given]) -> None:
    answer = signed_in(ZOE).get("/account/statement/2026.pdf")
    assert answer.mimetype == "application/pdf"
    text = text_of_pdf(answer.data)
    for words in ("Your gifts in 2026", "Zoe Zoeson", "It is not a tax receipt", "100.66"):
        assert words in text, words
    assert given[ZOE].month.reference in text
    assert given[ADA].paid.reference not in text


@pytest.mark.parametrize("locale", ["fr_CA", "ar", "ja"])
def test_the_pdf_is_made_in_every_script_and_the_same_each_time(
    catalogued: Database, gift: Gift, locale: str
) -> None:
    for at in range(60):
        with catalogued.write() as session:
            more = add_sample(session, NOW - timedelta(days=at), money=Money(100 + at, "CAD"))
            gift_id = more.id
        book(catalogued, FactKind.PAID, f"pi_{at}", 100 + at, NOW, gift_id=gift_id)
    book(catalogued, FactKind.REFUNDED, "re_1", 50, NOW, gift_id=gift_id)
    with use_locale(locale), catalogued.read() as session:
        catalogue = load_catalogue(session)
        sheets = read_statement(session, OWN, 2026, catalogue)
        composed = compose_statement(sheets, 2026, "زوي 山田 Zoë " * 10, catalogue, NOW)
    pdf = render_statement(composed)
    assert render_statement(composed) == pdf
    assert len(PdfReader(io.BytesIO(pdf)).pages) > 1
    assert date(2026, 11, 23).isoformat() == composed["made_on"]
