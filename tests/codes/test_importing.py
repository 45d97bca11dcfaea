"""Codes from tables: what is taken, what is told by its row, and what a kill leaves."""

import csv
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import xlsxwriter

from portal.codes.batches import Order
from portal.codes.importing import (
    BLOCK,
    COLUMNS,
    MOST_ROWS,
    Imported,
    Rejected,
    begin_import,
    find_import,
    import_lines,
)
from portal.codes.models import CodeBatch, CodeRecord, find_code
from portal.codes.operations import Draft, add_policy
from portal.codes.sheets import Line, SheetError, read_lines
from portal.codes.terms import BatchState, CodeState
from portal.database import Database
from portal.services import Services
from tests.conftest import NOW
from tests.workplace import make_services

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Killed(Exception):
    """Stands for the end of a process in the midst of a file."""


@pytest.fixture
def services(catalogued: Database) -> Services:
    return make_services(catalogued)


def begin(services: Services, sha256: str = "a" * 64) -> int:
    with services.write() as act:
        before = find_import(act, sha256)
        if before is not None:
            return before.id
        policy = add_policy(act.session, "Letters", Draft(document={"max_uses": 1}), NOW)
        return begin_import(act, Order(count=0, policy=policy, is_secret=False), sha256).id


def take_in(services: Services, lines: Iterable[Line]) -> tuple[Imported, list[Rejected]]:
    rejected: list[Rejected] = []
    return import_lines(services, begin(services), iter(lines), rejected.append), rejected


def write_csv(path: Path, *rows: Iterable[str], encoding: str = "utf-8", **form: Any) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, **form).writerows(rows)
    return path


def write_xlsx(path: Path, *rows: Iterable[Any]) -> Path:
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(rows):
            sheet.write_row(at, 0, row)
    return path


def test_rows_are_taken_and_each_that_can_not_be_is_told(services, tmp_path):
    file = write_csv(
        tmp_path / "codes.csv",
        ("Code", "Tag", "State", "Partner", "notes"),
        ("spring-1", "easter", "", "loveworld-canada", "x"),
        ("SPRING 2", "", "paused", "", ""),
        ("", "easter", "", "", ""),
        ("=HYPERLINK(1)", "", "", "", ""),
        ("A/B", "", "", "", ""),
        ("S.P.R.I.N.G.1", "", "", "", ""),
        ("", "", "", "", ""),
        ("SPRING3", "@SUM(1)", "", "", ""),
        ("SPRING4", "", "open", "", ""),
        ("SPRING5", "", "", "nobody", ""),
        ("LWCAN", "", "", "", ""),
        ("X" * 33, "", "", "", ""),
        ("\u200b", "", "", "", ""),
        ("SPRING6", "y" * 61, "", "", ""),
        ("SPRING7",),
    )
    done, rejected = take_in(services, read_lines(file, COLUMNS))
    assert (done.rows, done.new, done.known, done.rejected) == (14, 3, 0, 11)
    said = {one.number: one.why for one in rejected}
    assert sorted(said) == [4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15]
    for number, part in (
        (4, "blank"),
        (5, "code: is a formula"),
        (6, "letters and digits only"),
        (7, "stands in row 2 already"),
        (9, "tag: is a formula"),
        (10, "one of active, paused, retired"),
        (11, "partner: there is none"),
        (12, "there is one already, and it differs"),
        (13, "1 to 32 characters"),
        (14, "1 to 32 characters"),
        (15, "tag: it has 60"),
    ):
        assert part in said[number], said[number]
    with services.database.read() as session:
        first, second = find_code(session, "SPRING1"), find_code(session, "SPRING2")
        batch = session.scalars(sa.select(CodeBatch)).one()
        tags = dict(session.execute(sa.select(CodeRecord.display, CodeRecord.tag)).all())
    assert first is not None
    assert second is not None
    assert (first.partner, first.display, first.max_uses) == ("loveworld-canada", "spring-1", 1)
    assert (second.state, second.policy_id) == (CodeState.PAUSED, first.policy_id)
    assert (tags["spring-1"], tags["SPRING7"]) == ("easter", f"batch-{batch.id}")
    assert (batch.made, batch.wanted, batch.state) == (3, 3, BatchState.DONE)


@ON_SQLITE
def test_what_a_spreadsheet_made_of_a_code_is_told(services, tmp_path):
    file = write_xlsx(
        tmp_path / "codes.xlsx",
        ("code", "tag"),
        ("SPRING1", "easter"),
        ('=CONCATENATE("A","B")', ""),
        (date(2026, 3, 21), ""),
        (12345, ""),
        (1.5, ""),
        (True, ""),
        (1e17, ""),
        ("", ""),
        ("SPRING2", 7),
        ("-SPRING", ""),
    )
    done, rejected = take_in(services, read_lines(file, COLUMNS))
    assert done.new == 3
    said = {one.number: one.why for one in rejected}
    assert sorted(said) == [3, 4, 6, 7, 8, 11]
    assert "formula" in said[3]
    assert "formula" in said[11]
    assert all("make the column text" in why for why in said.values())
    with services.database.read() as session:
        assert find_code(session, "12345") is not None
        assert find_code(session, "SPRING2") is not None


def numbered(many: int, killed_at: int | None = None) -> Iterator[Line]:
    for number in range(2, many + 2):
        if number == killed_at:
            raise Killed
        code = f"N{number:06}"
        yield Line(number=number, text=code, cells={"code": code})


def codes_of(services: Services) -> list[str]:
    with services.database.read() as session:
        wanted = sa.select(CodeRecord.code).where(CodeRecord.code.startswith("N0"))
        return list(session.scalars(wanted))


def test_an_import_killed_twice_goes_on_to_the_exact_count_on_one_policy(services):
    many = 4 * BLOCK + 7
    for killed_at in (BLOCK + 2, 3 * BLOCK + 40):
        with pytest.raises(Killed):
            take_in(services, numbered(many, killed_at))
    assert len(codes_of(services)) == 3 * BLOCK
    done, rejected = take_in(services, numbered(many))
    assert (done.rows, done.new, done.known, rejected) == (many, BLOCK + 7, 3 * BLOCK, [])
    assert len({*codes_of(services)}) == len(codes_of(services)) == many
    with services.database.read() as session:
        batch = session.scalars(sa.select(CodeBatch)).one()
        policies = sa.select(CodeRecord.policy_id).where(CodeRecord.code.startswith("N0"))
        assert {*session.scalars(policies)} == {batch.policy_id}
    assert batch.made == many


def test_the_same_file_imported_twice_at_once_is_there_once(services):
    many = 2 * BLOCK
    begin(services)
    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(take_in, services, numbered(many)) for _ in range(2)]
        results = [run.result()[0] for run in runs]
    assert sum(one.new for one in results) == many
    assert sum(one.known for one in results) == many
    assert len(codes_of(services)) == many


@ON_SQLITE
def test_a_file_with_too_many_rows_is_told_and_what_was_before_is_kept(services):
    numbers = count(2)
    lines = (Line(number=next(numbers), text="", fault="x") for _ in range(MOST_ROWS + 1))
    with pytest.raises(SheetError, match="more than 100000 rows"):
        take_in(services, lines)


def lines_of(path: Path) -> list[tuple[str, str]]:
    return [(line.cells.get("code", ""), line.fault) for line in read_lines(path, COLUMNS)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_as_any_spreadsheet_writes_it(tmp_path, encoding, delimiter):
    rows = (("code", "tag"), ("ÉTÉ", "a, b; c"), ("'=X", "y"))
    file = write_csv(tmp_path / "x.csv", *rows, encoding=encoding, delimiter=delimiter)
    assert lines_of(file) == [("ÉTÉ", ""), ("=X", "")]


def test_letters_that_are_not_utf8_are_told_and_the_rest_is_read(tmp_path):
    file = tmp_path / "x.csv"
    file.write_bytes("code\nÉTÉ\nGOOD\n".encode("cp1252"))
    (first, second) = lines_of(file)
    assert "UTF-8" in first[1]
    assert second == ("GOOD", "")


def test_a_quotation_mark_left_open_is_told(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text('code,tag\nGOOD,x\n"BAD,x\nNEXT,y\n')
    good, bad = lines_of(file)
    assert good == ("GOOD", "")
    assert "quotation mark" in bad[1]
    file.write_text('code,tag\n"' + "BAD,x\n" * 30_000)
    with pytest.raises(SheetError, match="quotation mark is left open"):
        lines_of(file)


@pytest.mark.parametrize("content", [b"", b"tag\nx\n", b"PK\x05\x06" + b"\0" * 18, b"\0\1\2"])
def test_what_is_no_table_of_codes_is_said_in_a_sentence(tmp_path, content):
    file = tmp_path / "x.xlsx"
    file.write_bytes(content)
    with pytest.raises(SheetError):
        lines_of(file)
