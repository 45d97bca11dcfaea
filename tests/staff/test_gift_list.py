"""Finding gifts: search, filters and pages, on both databases."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from portal.database import Database
from portal.gifts.evidence import BARE, Claim, Provider
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Evidence, Gift
from portal.gifts.operations import book_claims
from portal.money import Money
from portal.payments.models import Checkout, CheckoutState, LinkKind, StripeLink
from portal.records.filters import GiftFilters, read_filters, read_search
from portal.records.listing import LONGEST_WALK, PAGE, GiftPage, list_gifts
from portal.records.stretches import Cursor
from portal.regions.files import read_catalogue
from portal.staff.labels import name_shared_modes
from tests.conftest import NOW
from tests.staff.conftest import Browser
from tests.staff.samples import add_crowd, add_many, add_sample, pay_sample
from tests.workplace import act_in

pytestmark = pytest.mark.both_engines

SignedIn = Callable[[str], Browser]
CURRENCIES = ("CAD", "JPY", "USD")


def look(database: Database, cursor: Cursor = Cursor(), **choices: Any) -> GiftPage:  # noqa: B008 - frozen
    filters = GiftFilters(**choices)
    with database.read() as session:
        return list_gifts(session, filters, read_search(filters.text, CURRENCIES), cursor)


def references(page: GiftPage) -> list[str]:
    return [row.reference for row in page.rows]


def test_pending_gifts_are_listed_by_default(catalogued: Database) -> None:
    added = add_many(catalogued, 3)
    assert references(look(catalogued)) == list(reversed(added))


@pytest.mark.parametrize(
    "choices", [{}, {"region": "ca"}, {"text": "75.53"}, {"text": "zoe@example.org"}]
)
def test_pages_lead_through_all_gifts_and_back(
    catalogued: Database, choices: dict[str, Any]
) -> None:
    newest_first = list(reversed(add_many(catalogued, 2 * PAGE + 7)))
    first = look(catalogued, **choices)
    second = look(catalogued, Cursor(before=first.older), **choices)
    third = look(catalogued, Cursor(before=second.older), **choices)
    assert references(first) + references(second) + references(third) == newest_first
    assert (first.newer, third.older) == (None, None)
    back = look(catalogued, Cursor(after=third.newer), **choices)
    assert references(back) == references(second)
    assert references(look(catalogued, Cursor(after=back.newer), **choices)) == references(first)


def test_gifts_are_listed_by_when_they_began_not_by_when_they_were_stored(
    catalogued: Database,
) -> None:
    with catalogued.write() as session:
        today = add_sample(session, NOW).reference
        imported = add_sample(session, NOW - timedelta(days=30)).reference
    assert references(look(catalogued)) == [today, imported]
    assert references(look(catalogued, since=NOW.date())) == [today]


@pytest.fixture
def three(catalogued: Database) -> dict[str, str]:
    """Three gifts that differ in everything; references by first name."""
    with catalogued.write() as session:
        zoe = add_sample(session, NOW - timedelta(days=2), code="LWCAN")
        pay_sample(session, zoe, "pi_zoe", NOW - timedelta(days=2))
        kenji = add_sample(
            session,
            NOW - timedelta(days=1),
            region="jp",
            fund="tithe",
            money=Money(7553, "JPY"),
            first_name="Kenji",
            last_name="Mori Tanaka",
            email="kenji@example.jp",
        )
        ann = add_sample(
            session,
            NOW,
            region="us",
            mode="bank_debit",
            money=Money(7553, "USD"),
            first_name="Ann",
            last_name="O’Brien",
            email="ann.obrien@example.com",
        )
    return {"zoe": zoe.reference, "kenji": kenji.reference, "ann": ann.reference}


SEARCHES: tuple[tuple[str, list[str]], ...] = (
    ("tremblay", ["zoe"]),
    ("Tremblay Zoe", ["zoe"]),
    ("ZOË TREMB", ["zoe"]),
    ("zoë tremblay", ["zoe"]),
    ("tremblay z", ["zoe"]),
    ("kenji mori tanaka", ["kenji"]),
    ("Zoë", ["zoe"]),
    ("ken", ["kenji"]),
    ("ann.ob", ["ann"]),
    ("ANN.OBRIEN@example.com", ["ann"]),
    ("zoe@", ["zoe"]),
    ("75.53", ["zoe", "ann"]),
    ("75,53", ["zoe", "ann"]),
    ("CAD 75.53", ["zoe"]),
    ("$75.53", ["zoe", "ann"]),
    ("75.53 usd", ["ann"]),
    ("7553", ["kenji"]),
    ("¥7,553", ["kenji"]),
    ("2026-000001", ["zoe"]),
    ("2026-1", ["zoe"]),
    ("2025-000001", []),
    ("pi_zoe", ["zoe"]),
    ("pi_other", []),
    ("%", []),
    ("nobody", []),
)


def test_the_search_box_finds_by_whatever_is_known(
    catalogued: Database, three: dict[str, str]
) -> None:
    names = {reference: name for name, reference in three.items()}
    seen = [
        (text, sorted(names[one] for one in references(look(catalogued, text=text))))
        for text, _ in SEARCHES
    ]
    assert seen == [(text, sorted(found)) for text, found in SEARCHES]


OTHER = Provider("second")


@pytest.mark.parametrize(
    ("kept", "typed", "is_found"),
    [
        ("8XK12345AB678901C", "8XK12345AB678901C", True),
        ("8XK12345AB678901C", "8xk12345ab678901c", False),
        ("pay_29QQoUBi66xm2f", "pay_29QQoUBi66xm2f", True),
        ("7", "second:7", True),
        ("7", "third:7", False),
        ("pi_like1", "second:pi_like1", True),
        ("pi_like1", "pi_like1", False),
    ],
)
@pytest.mark.parametrize("table", [StripeLink, Checkout, Evidence])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_another_provider_s_id_is_found_too(
    catalogued: Database, table: Any, kept: str, typed: str, is_found: bool
) -> None:
    with catalogued.write() as session:
        gift = add_sample(session)
        keep_id(session, table, gift, kept)
    with catalogued.read() as session:
        search = read_search(typed, CURRENCIES, (BARE, OTHER))
        page = list_gifts(session, GiftFilters(text=typed), search, Cursor())
    assert references(page) == [gift.reference] * is_found


def keep_id(session: Session, table: Any, gift: Gift, own_id: str) -> None:
    """What a second provider's wing writes of a link, a hand-off or a payment."""
    whose = {"gift_id": gift.id, "provider": OTHER}
    if table is StripeLink:
        session.add(StripeLink(**whose, stripe_id=own_id, kind=LinkKind.OTHER))
    elif table is Checkout:
        times = {"expires_at": NOW, "created_at": NOW}
        session.add(Checkout(**whose, stripe_session_id=own_id, state=CheckoutState.OPEN, **times))
    else:
        claim = Claim(
            fact=FactKind.PAID,
            subject=own_id,
            occurred_at=NOW,
            money=gift.money,
            source=OTHER,
            actor=OTHER,
        )
        book_claims(act_in(session, NOW), gift, [claim])


def test_a_reference_is_found_however_it_is_typed(
    catalogued: Database, three: dict[str, str]
) -> None:
    for text in (three["ann"], three["ann"].lower(), three["ann"].replace("-", " ")):
        assert references(look(catalogued, text=text)) == [three["ann"]]


FILTERED: tuple[tuple[dict[str, Any], list[str]], ...] = (
    ({"status": Status.PAID}, ["zoe"]),
    ({"status": Status.PENDING}, ["ann", "kenji"]),
    ({"region": "jp"}, ["kenji"]),
    ({"code": "LWCAN"}, ["zoe"]),
    ({"mode": "bank_debit"}, ["ann"]),
    ({"fund": "missions"}, ["ann", "zoe"]),
    ({"fund": "missions", "status": Status.PENDING}, ["ann"]),
    ({"fund": "missions", "region": "jp"}, []),
    ({"since": date(2026, 11, 22)}, ["ann", "kenji"]),
    ({"until": date(2026, 11, 22)}, ["kenji", "zoe"]),
    ({"since": date(2026, 11, 22), "until": date(2026, 11, 22)}, ["kenji"]),
    ({"since": date(2026, 11, 22), "mode": "card"}, ["kenji"]),
    ({"text": "75.53", "region": "us"}, ["ann"]),
    ({"text": "75.53", "until": date(2026, 11, 22)}, ["zoe"]),
    ({"text": "zoe@", "status": Status.FAILED}, []),
)


def test_filters_work_together(catalogued: Database, three: dict[str, str]) -> None:
    names = {reference: name for name, reference in three.items()}
    seen = [
        (choices, [names[one] for one in references(look(catalogued, **choices))])
        for choices, _ in FILTERED
    ]
    assert seen == list(FILTERED)


def test_days_are_those_of_the_chosen_region(catalogued: Database) -> None:
    with catalogued.write() as session:
        # In Tokyo this is already the 24th.
        gift = add_sample(session, NOW.replace(hour=16), region="jp", money=Money(500, "JPY"))
    filters = read_filters({"region": "jp", "from": "2026-11-24"}, {"jp": "Asia/Tokyo"})
    with catalogued.read() as session:
        assert references(list_gifts(session, filters, None, Cursor())) == [gift.reference]
    assert references(look(catalogued, since=date(2026, 11, 24))) == []


def test_a_walk_that_gets_long_is_bounded_and_goes_on_from_there(catalogued: Database) -> None:
    with catalogued.write() as session:
        rare = add_sample(session, NOW - timedelta(days=1), mode="interac").reference
    add_crowd(catalogued, LONGEST_WALK + 500)
    for choices in ({}, {"text": "CAD 75.53"}):
        first = look(catalogued, fund="missions", mode="interac", **choices)
        assert (references(first), first.is_short) == ([], True)
        steps, page = 1, first
        while not page.rows:
            page = look(
                catalogued, Cursor(before=page.older), fund="missions", mode="interac", **choices
            )
            steps += 1
        assert references(page) == [rare]
        assert steps == (11 if choices else 2)
        assert not page.is_short


def test_a_list_asks_the_database_the_same_few_times_for_any_number_of_gifts(
    catalogued: Database, count_statements: Callable[[], int]
) -> None:
    add_many(catalogued, 2)
    before = count_statements()
    look(catalogued)
    few = count_statements() - before
    add_many(catalogued, 60)
    before = count_statements()
    look(catalogued)
    assert count_statements() - before == few == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_kept_list_finds_with_each_value_its_own(catalogued: Database) -> None:
    """Lists of one kind share their statements, and so do searches."""
    ours = {"mode": "card", "fund": "missions", "code": "LWCAN", "last_name": "Tremblay"}
    theirs = {"mode": "wire", "fund": "general", "code": "OTHER", "last_name": "Roy"}
    with catalogued.write() as session:
        days = (NOW - timedelta(days=9), NOW)
        own = [
            add_sample(session, at, **each) for at, each in zip(days, (ours, theirs), strict=True)
        ]
        wanted = [(gift.reference, gift.created_at.date()) for gift in own]
    for (reference, day), each in zip(wanted, (ours, theirs), strict=True):
        last_name = each["last_name"]
        filters = {name: text for name, text in each.items() if name != "last_name"}
        asked: list[dict[str, Any]] = [{name: text} for name, text in filters.items()]
        asked += [filters, {"since": day, "until": day}, {"text": reference}, {"text": last_name}]
        asked.append({"text": f"{last_name} Zoë", "mode": each["mode"]})
        for choices in asked:
            assert references(look(catalogued, **choices)) == [reference], choices


def test_the_page_shows_and_keeps_what_was_asked(
    catalogued: Database, signed_in: SignedIn, three: dict[str, str]
) -> None:
    page = signed_in("viewer").get("/staff/gifts?q=tremblay&region=ca&code=lw-can&from=2026-11-01")
    assert three["zoe"] in page.text
    assert three["ann"] not in page.text
    assert 'value="tremblay"' in page.text
    assert 'value="LWCAN"' in page.text
    assert "<details open>" in page.text
    assert "America/Toronto" in page.text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "No gifts yet"),
        ("?q=nobody", "No gifts match"),
        ("?from=yesterday", "isn’t a date"),
        ("?status=odd&before=x", "No gifts yet"),
    ],
)
def test_an_empty_list_says_what_to_do(signed_in: SignedIn, query: str, sentence: str) -> None:
    assert sentence in signed_in("viewer").get(f"/staff/gifts{query}").text


MODES = (
    ("us", "bank_debit", "USD", "Bank account (ACH)"),
    ("de", "bank_debit", "EUR", "SEPA Direct Debit"),
    ("ca", "bank_debit", "CAD", "Pre-authorised debit"),
    ("us", "cheque", "USD", "Check by mail"),
    ("ca", "cheque", "CAD", "Cheque by post"),
)


def cells(text: str, name: str) -> list[str]:
    """The texts of a class of cells, in the order of the page."""
    return re.findall(rf'<td class="{name}">([^<]*)</td>', text)


def test_staff_see_the_mode_of_payment_that_the_donor_was_told(
    catalogued: Database, signed_in: SignedIn
) -> None:
    with catalogued.write() as session:
        gifts = [
            add_sample(session, NOW, region=region, mode=mode, money=Money(7553, currency))
            for region, mode, currency, _ in MODES
        ]
    browser = signed_in("viewer")
    seen = cells(browser.get("/staff/gifts").text, "wide")
    assert [name for name in seen if name in {name for *_, name in MODES}] == [
        name for *_, name in reversed(MODES)
    ]
    for gift, (*_, name) in zip(gifts, MODES, strict=True):
        assert f"<dd>{name}</dd>" in browser.get(f"/staff/gifts/{gift.reference}").text


def options(text: str) -> dict[str, str]:
    """The modes of payment that the list can be narrowed to."""
    chooser = re.search(r'<select id="mode".*?</select>', text, re.DOTALL)
    assert chooser
    return dict(re.findall(r'<option value="(\w+)"[^>]*>([^<]+)<', chooser[0]))


@pytest.mark.parametrize(
    ("language", "debit", "cheque"),
    [
        ("en", "Bank debit", "Cheque by post"),
        ("fr", "Prélèvement bancaire", "Chèque par la poste"),
    ],
)
def test_a_filter_across_regions_calls_a_mode_by_no_one_region_s_name(
    signed_in: SignedIn, language: str, debit: str, cheque: str
) -> None:
    chosen = options(signed_in("viewer").get(f"/staff/gifts?lang={language}").text)
    assert (chosen["bank_debit"], chosen["cheque"]) == (debit, cheque)
    assert "Interac" in chosen["interac"]


def test_a_key_with_several_names_and_none_in_common_has_all_of_them() -> None:
    catalogue = read_catalogue()
    assert name_shared_modes(catalogue, {})["cheque"] == "Cheque by post / Check by mail"


def test_names_can_not_break_the_page(catalogued: Database, signed_in: SignedIn) -> None:
    with catalogued.write() as session:
        add_sample(session, first_name="<script>alert(1)</script>", last_name="\"'&")
    page = signed_in("viewer").get("/staff/gifts")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text
