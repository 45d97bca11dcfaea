"""A code's own page: what makes one, how far its goal is, and where it leads."""

import random
from datetime import date

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from portal.codes.models import CodeUse, find_code
from portal.codes.operations import Draft, add_code, add_policy, make_draft
from portal.codes.terms import CodeState, Kind
from portal.database import Database
from portal.gifts.code_sums import catch_up
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift, LedgerEntry
from portal.gifts.queries import sum_code
from portal.giving.form.cache import PageCache
from portal.money import Money
from portal.payments.operations import accept
from tests.conftest import NOW
from tests.giving.visits import begin, text_of
from tests.pages import CheckedClient

SPRING = {
    "regions": ["ca"],
    "headline": {"en": "Wells for Adum", "fr": "Des puits pour Adum"},
    "message": {"en": "Three wells by the summer.", "fr": "Trois puits d’ici l’été."},
    "goal": {"CAD": "1000"},
    "zone": "America/Toronto",
}


@pytest.fixture(autouse=True)
def codes(catalogued: Database) -> None:
    with catalogued.write() as session:

        def add(name: str, draft: Draft, state: CodeState = CodeState.ACTIVE) -> None:
            policy = add_policy(session, name, draft, NOW)
            secret = name.endswith("7QZ")
            add_code(session, name, policy, NOW, kind=Kind.CAMPAIGN, state=state, is_secret=secret)

        add("SPRING", make_draft(SPRING, last_day=date(2026, 11, 30)))
        add("PAST", make_draft(SPRING, last_day=date(2026, 11, 1)))
        add("WORLD", make_draft({"headline": {"en": "Everywhere", "fr": "Partout"}}))
        two = {"en": "Two", "fr": "Deux", "de": "Zwei"}
        add("TWO", make_draft({"regions": ["de", "ie"], "headline": two}))
        add("HIDDEN7QZ", make_draft(SPRING), CodeState.PAUSED)


@pytest.fixture
def unkept(app: Flask) -> None:
    """Pages that are made anew each time: no time passes for them."""
    app.extensions["giving_pages"] = PageCache(iter(range(0, 10**6, 1000)).__next__)


def book(app: Flask, gift: Gift, fact: FactKind, minor: int, subject: str) -> None:
    claim = Claim(
        fact=fact,
        subject=f"{gift.id}-{subject}",
        occurred_at=NOW,
        money=Money(minor, gift.currency),
        source=Source.PERSON,
        actor="staff:1",
        payment=None if fact is FactKind.PAID else f"{gift.id}-paid",
    )
    with app.extensions["portal"].write() as act:
        accept(act, gift.id, [claim])


def test_it_shows_what_the_terms_say(client: CheckedClient) -> None:
    page = client.get("/c/SPRING?via=qr&lang=en")
    assert page.status_code == 200
    said = text_of(page)
    for told in (
        "Wells for Adum",
        "Three wells by the summer.",
        "CAD 0.00 of CAD 1,000.00",
        "Days left: 7",
        "Code: SPRING (For Canada only)",
        "http://localhost/c/SPRING",
    ):
        assert told in said
    assert 'href="/give/ca?code=SPRING&amp;via=qr&amp;lang=en"' in page.text
    assert 'href="/c/SPRING?via=qr&amp;lang=fr"' in page.text
    assert '<meta property="og:title" content="Wells for Adum">' in page.text
    assert "Set-Cookie" not in page.headers
    assert page.headers["Cache-Control"] == "private, no-cache"


def test_it_speaks_the_regions_languages(client: CheckedClient) -> None:
    page = client.get("/c/SPRING?lang=fr")
    assert "<h1>Des puits pour Adum</h1>" in page.text
    assert "Jours restants" in page.text
    assert 'href="/c/SPRING?lang=en"' in page.text


def test_a_plain_code_leads_to_the_form_as_ever(client: CheckedClient) -> None:
    assert client.get("/c/LWCAN").location == "/give/ca?code=LWCAN&lang=en"


@pytest.mark.usefixtures("unkept")
def test_its_goal_counts_what_came_and_stayed(
    app: Flask, client: CheckedClient, catalogued: Database
) -> None:
    gift = begin(client, catalogued, code="SPRING", amount="250")
    assert "CAD 0.00" in text_of(client.get("/c/SPRING"))
    book(app, gift, FactKind.PAID, 25000, "paid")
    page = client.get("/c/SPRING")
    assert "CAD 250.00" in text_of(page)
    assert 'max="100" value="25"' in page.text
    book(app, gift, FactKind.REFUNDED, 5050, "back")
    assert "CAD 199.50" in text_of(client.get("/c/SPRING"))


def sum_ledger(session: Session, code_id: int) -> dict[str, int]:
    """The income of gifts by a code, in minor units by currency, as the ledger has it."""
    is_in = LedgerEntry.credit_account.startswith("income:", autoescape=True)
    is_out = LedgerEntry.debit_account.startswith("income:", autoescape=True)
    moved = sa.case((is_in, LedgerEntry.amount_minor), else_=0) - sa.case(
        (is_out, LedgerEntry.amount_minor), else_=0
    )
    rows = session.execute(
        sa.select(LedgerEntry.currency, sa.func.sum(moved))
        .join(CodeUse, CodeUse.gift_id == LedgerEntry.gift_id)
        .where(CodeUse.code_id == code_id)
        .group_by(LedgerEntry.currency)
    )
    return {currency: int(minor) for currency, minor in rows}


def test_its_sum_is_the_ledgers_after_any_history(
    app: Flask, client: CheckedClient, catalogued: Database
) -> None:
    chance = random.Random(7)
    for number in range(6):
        email = f"donor{number}@example.org"
        gift = begin(client, catalogued, code="SPRING", amount="75.53", email=email)
        for turn in range(chance.randrange(4)):
            if turn == 0:
                book(app, gift, FactKind.PAID, 7553, "paid")
            elif turn == 1:
                fact = chance.choice((FactKind.REFUNDED, FactKind.DISPUTE_LOST))
                book(app, gift, fact, chance.randrange(1, 7553), "back")
            else:
                book(app, gift, FactKind.FEE, 251, "fee")
    begin(client, catalogued, code="LWCAN", amount="99", email="other@example.org")
    with catalogued.read() as session:
        code = find_code(session, "SPRING")
        assert code is not None
        gifts = session.scalars(sa.select(Gift).where(Gift.code == "SPRING")).all()
        stands = sum(one.paid_minor - one.refunded_minor for one in gifts)
        assert sum_ledger(session, code.id) == {"CAD": stands}
    assert catch_up(catalogued)
    with catalogued.read() as session:
        assert sum_code(session, code.id) == {"CAD": stands}
    assert 0 < stands < 6 * 7553


def test_one_that_is_over_says_so_and_leads_on(client: CheckedClient) -> None:
    page = client.get("/c/PAST?lang=en")
    assert "PAST ended on" in text_of(page)
    assert 'href="/give/ca?lang=en"' in page.text
    assert "Days left" not in page.text


def test_a_code_of_several_regions_asks_where(client: CheckedClient) -> None:
    page = client.get("/c/TWO?lang=de")
    assert "<h1>Zwei</h1>" in page.text
    assert "/give/de?code=TWO&amp;lang=de" in page.text


def test_a_refused_secret_code_has_no_page(client: CheckedClient) -> None:
    hidden, nobodys = client.get("/c/HIDDEN7QZ"), client.get("/c/NOBODY7QZ")
    assert hidden.status_code == nobodys.status_code == 404
    assert hidden.text.replace("HIDDEN7QZ", "NOBODY7QZ") == nobodys.text


def test_a_second_code_in_its_address_does_not_count(client: CheckedClient) -> None:
    told = text_of(client.get("/c/WORLD?code=friends&lang=en"))
    assert "One gift takes one code: WORLD counts, FRIENDS does not." in told
    assert "One gift takes one code" not in text_of(client.get("/c/WORLD?code=world&lang=en"))
