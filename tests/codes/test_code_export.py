"""Codes as tables: who used them, when, how much and how it stands, harmless in a spreadsheet."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from portal.codes.listing import Wanted
from portal.codes.models import Policy
from portal.codes.operations import Draft, add_code
from portal.codes.terms import CodeState, Kind
from portal.database import Database
from portal.records.export import stream_codes, write_book
from tests.conftest import NOW
from tests.workplace import Workplace, make_workplace

NAMES = [
    *("code", "state", "tag", "partner", "secret", "uses", "gift", "used_at_utc", "amount"),
    *("currency", "gift_status"),
]


@pytest.fixture
def place(catalogued: Database, database_url: str) -> Iterator[Workplace]:
    found = make_workplace(database_url, None)
    with found.database.write() as session:
        draft = Draft(document={"regions": ["ca"]})
        first = add_code(session, "used-twice", draft, NOW, kind=Kind.CAMPAIGN, tag="easter")
        policy = session.get_one(Policy, first.policy_id)
        paused = {"state": CodeState.PAUSED, "is_secret": True}
        add_code(session, "NEVER", policy, NOW, kind=Kind.CAMPAIGN, tag="=1+1", **paused)
    yield found
    found.close()


def give(place: Workplace, email: str) -> str:
    started = place.start(mode="interac", code="USEDTWICE", donor={"email": email})
    return place.gift(started.token).reference


def shown(value: object) -> str:
    return "" if value is None else str(value)


def export(place: Workplace, path: Path, wanted: Wanted) -> list[list[str]]:
    """The rows of the CSV file, which are those of the XLSX file, too."""
    text = "".join(stream_codes(place.database, wanted))
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    write_book(place.database, wanted, path / "codes.xlsx")
    [sheet] = openpyxl.load_workbook(path / "codes.xlsx").worksheets
    cells = list(sheet.iter_rows())
    assert not [cell for row in cells for cell in row if cell.data_type == "f"]
    assert [[shown(cell.value) for cell in row] for row in cells] == rows
    return rows


def test_an_export_has_a_row_for_each_gift_and_no_name(place, tmp_path):
    references = [give(place, "one@example.org"), give(place, "two@example.org")]
    names, *rows = export(place, tmp_path, Wanted(tag="easter"))
    assert names == NAMES
    assert [row[6] for row in rows] == references
    for row in rows:
        assert row[:6] == ["used-twice", "active", "easter", "", "no", "2"]
        assert row[7].startswith("20")
        assert row[8:] == ["75.53", "CAD", "pending"]
    whole = str(export(place, tmp_path, Wanted()))
    assert "example.org" not in whole


def test_a_code_without_a_gift_stands_too_and_its_formula_is_text(place, tmp_path):
    _names, row = export(place, tmp_path, Wanted(begins="ne"))
    assert row == ["NEVER", "paused", "'=1+1", "", "yes", "0", "", "", "", "", ""]


def test_what_is_exported_is_narrowed(place, tmp_path):
    of_partner = export(place, tmp_path, Wanted(scope="sample-uk"))
    assert [row[0] for row in of_partner[1:]] == ["LWUK"]
    assert export(place, tmp_path, Wanted(tag="nothing")) == [NAMES]
    paused = export(place, tmp_path, Wanted(state=CodeState.PAUSED))
    assert "NEVER" in [row[0] for row in paused]
    assert "used-twice" not in [row[0] for row in paused]
