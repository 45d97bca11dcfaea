"""Donors are found by their names and addresses as people type them."""

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.gifts.references import MOST_WORDS, fold_word, list_words
from portal.records.export import stream_gifts
from portal.records.filters import GiftFilters, read_search
from portal.records.finding import having_words, search_values, shape_of
from portal.records.listing import Cursor, list_gifts
from tests.staff.samples import add_sample

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
    [statement] = having_words(shape_of(search))
    with donors.read() as session:
        asked = statement.params(search_values(search)).compile(
            session.connection(), compile_kwargs={"literal_binds": True}
        )
        plan = "\n".join(session.scalars(sa.text(f"EXPLAIN {asked}")))
    assert "SubPlan" in plan
    assert "Join" not in plan


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
