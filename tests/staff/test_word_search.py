"""Donors are found by their names and addresses as people type them."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.database import Database
from portal.gifts.models import Gift, GiftWord
from portal.gifts.references import MOST_WORDS, fold_word, list_words
from portal.records.export import stream_gifts
from portal.records.filters import GiftFilters, read_search
from portal.records.finding import MOST_BEGINNINGS, newest_like, search_values, shape_of
from portal.records.listing import PAGE, list_gifts
from portal.records.stretches import Bounds, Cursor
from tests.conftest import NOW
from tests.staff.samples import add_crowd, add_sample

GIVERS = (
    ("Seán", "O'Brien"),
    ("Ana", "de la Cruz"),
    ("Łukasz", "Wójcik"),
    ("太郎", "山田"),
    ("Jürgen", "Müller"),
    ("Hans", "Mueller"),
    ("Jean-Luc", "St. John-Smythe"),
    ("Søren", "Ægir"),
    ("Ольга", "Иванова"),
    ("Mary", "McDonald—O′Neill"),
    ("Ελένη", "Παπαδοπούλου"),
    ("ﾀﾛｳ", "ﾔﾏﾀﾞ"),
)
EMAIL = "office.gifts+2026@mail.charity.example"

FOUND = [
    ("OBrien", "O'Brien"),
    ("o’brien", "O'Brien"),
    ("O'Brien, Seán", "O'Brien"),
    ("sean obrien", "O'Brien"),
    ("brien", "O'Brien"),
    ("Cruz", "de la Cruz"),
    ("cruz ana", "de la Cruz"),
    ("delacruz", "de la Cruz"),
    ("Lukasz", "Wójcik"),
    ("Wojcik", "Wójcik"),
    ("山田太郎", "山田"),
    ("山田 太郎", "山田"),
    ("太郎", "山田"),
    ("Mueller Jürgen", "Müller"),
    ("juergen", "Müller"),
    ("jurgen muller", "Müller"),
    ("Müller Hans", "Mueller"),
    ("Muller Hans", "Mueller"),
    ("jeanluc", "St. John-Smythe"),
    ("luc smythe", "St. John-Smythe"),
    ("John Smythe", "St. John-Smythe"),
    ("Soeren", "Ægir"),
    ("aegir", "Ægir"),
    ("ivanova olga", "Иванова"),
    ("иванова", "Иванова"),
    ("mc donald", "McDonald—O′Neill"),
    ("O'Neill Mary", "McDonald—O′Neill"),
    ("Papadopoulou", "Παπαδοπούλου"),
    ("παπαδοπουλου", "Παπαδοπούλου"),
    ("ヤマダ", "ﾔﾏﾀﾞ"),
    ("gifts", "Office"),
    ("charity.example", "Office"),
    ("@mail.charity", "Office"),
    ("office.gifts", "Office"),
]


@pytest.fixture
def donors(catalogued: Database) -> Database:
    with catalogued.write() as session:
        for number, (first, last) in enumerate(GIVERS):
            email = f"x{number}@y{number}.invalid"
            add_sample(session, first_name=first, last_name=last, email=email)
        add_sample(session, first_name="The", last_name="Office", email=EMAIL)
    return catalogued


def test_a_name_is_found_as_people_type_it(donors: Database) -> None:
    for text, last_name in FOUND:
        search = read_search(text, ("CAD",))
        with donors.read() as session:
            page = list_gifts(session, GiftFilters(text=text), search, Cursor())
        assert last_name in [row.last_name for row in page.rows], text
        assert len(page.rows) <= 2, text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_words_that_do_not_belong_together_find_nobody(donors: Database) -> None:
    for text in ("Seán Cruz", "Lukasz Mueller", "zzz", "@", "山"):
        with donors.read() as session:
            search = read_search(text, ("CAD",))
            page = list_gifts(session, GiftFilters(text=text), search, Cursor())
        assert len(page.rows) <= (text == "山"), text


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_further_words_are_looked_up_gift_by_gift(donors: Database) -> None:
    """Joined, all gifts of a frequent word would be read: a second of millions."""
    search = read_search("Jürgen Müller", ("CAD",))
    assert search is not None
    plans = []
    with donors.read() as session:
        for statement in newest_like(shape_of(search), Bounds(), PAGE):
            asked = statement.params(search_values(search)).compile(
                session.connection(), compile_kwargs={"literal_binds": True}
            )
            plans.append("\n".join(session.scalars(sa.text(f"EXPLAIN {asked}"))))
    worded = [plan for plan in plans if "gift_words" in plan]
    assert len(worded) == 4, "two spellings, each itself and what begins so"
    assert all("SubPlan" in plan and "Join" not in plan for plan in worded)
    assert "gifts" not in "".join(worded).replace("gift_words", ""), "no gift is read"


def page_through(database: Database, text: str, **choices: Any) -> list[int]:
    """All gifts that a search leads to, page by page; and by the same pages back."""
    filters, search = GiftFilters(text=text, **choices), read_search(text, ("CAD",))
    seen: list[list[int]] = []
    cursor: Cursor | None = Cursor()
    while cursor is not None:
        with database.read() as session:
            page = list_gifts(session, filters, search, cursor)
        seen.append([row.id for row in page.rows])
        cursor = Cursor(before=page.older) if page.older else None
    newer = page.newer
    for rows in reversed(seen[:-1]):
        with database.read() as session:
            page = list_gifts(session, filters, search, Cursor(after=newer))
        assert [row.id for row in page.rows] == rows
        newer = page.newer
    return [one for rows in seen for one in rows]


_names = count()


@pytest.mark.both_engines
@given(
    ages=st.permutations(range(2 * PAGE + 9)),
    begins=st.sets(st.integers(0, 2 * PAGE + 8), max_size=2 * PAGE),
)
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_pages_of_a_search_lead_through_its_gifts_in_order(
    catalogued: Database, ages: list[int], begins: set[int]
) -> None:
    """Whether they have the very word or one that begins so, and came in whatever order."""
    own = f"Name{next(_names):03}x"
    with catalogued.write() as session:
        names = {True: f"{own}son", False: own}
        gifts = [
            add_sample(
                session,
                NOW - timedelta(minutes=age),
                last_name=names[number in begins],
                fund=("missions", "media")[number % 2],
            )
            for number, age in enumerate(ages)
        ]
        placed = sorted(((one.created_at, one.id, one.fund) for one in gifts), reverse=True)
    newest_first = [gift_id for _, gift_id, _ in placed]
    missions = [gift_id for _, gift_id, fund in placed if fund == "missions"]
    for text in (own, f"{own} zoe"):
        assert page_through(catalogued, text) == newest_first
        assert page_through(catalogued, text, fund="missions") == missions


@pytest.mark.both_engines
def test_a_word_of_very_many_gifts_is_gone_through_to_its_end(catalogued: Database) -> None:
    add_crowd(catalogued, MOST_BEGINNINGS + PAGE + 10)
    with catalogued.write() as session:
        places = session.execute(sa.select(Gift.created_at, Gift.id)).all()
        sample = min(gift_id for _, gift_id in places)
        rows = [
            {"word": "tremblay", "created_at": at, "gift_id": gift_id}
            for at, gift_id in places
            if gift_id != sample
        ]
        session.execute(sa.insert(GiftWord), rows)
    assert page_through(catalogued, "Tremblay") == [
        gift_id for _, gift_id in sorted(places, reverse=True)
    ]


def test_an_export_finds_the_same(donors: Database) -> None:
    filters = GiftFilters(text="OBrien")
    lines = "".join(stream_gifts(donors, filters, read_search("OBrien", ("CAD",)))).splitlines()
    assert len(lines) == 2


def test_words_are_few_and_short() -> None:
    words = list_words("Ab " * 60, "x" * 100, f"{'a.b' * 20}@{'c-d.' * 30}example")
    assert len(words) <= MOST_WORDS
    assert max(map(len, words)) <= 60
    assert fold_word("Müller") == {"muller", "mueller"}
    assert fold_word("\u200b’-") == set()
