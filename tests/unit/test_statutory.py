"""Yearly files of tax offices: their columns, their limits, and what is in them."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from portal.receipts.statutory import (
    EXPORTS,
    Filing,
    Line,
    TooLarge,
    count_lacking,
    name_file,
    write_file,
)
from portal.regions.schemes import NumberKind, ReceiptField

FILING = Filing("930-012/345", 2026, datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC))
LINE = Line(
    label="2026-000001",
    name="Ada | =Eze",
    address=("1 Main Street", "Cork"),
    donor=7,
    minor=200_05,
    currency="EUR",
    received_on=date(2026, 6, 1),
    issued_on=date(2026, 6, 2),
)


def rows(key: str, *lines: Line) -> list[list[str]]:
    export = EXPORTS[key]
    text = write_file(export, lines, FILING)
    table = list(csv.reader(io.StringIO(text), delimiter=export.delimiter, escapechar="\\"))
    return table[1:] if export.delimiter == "," else table


@pytest.mark.parametrize("key", EXPORTS)
def test_each_row_has_the_columns_that_are_told(key: str) -> None:
    export = EXPORTS[key]
    back = {"returned_minor": 99_00, "returned_on": date(2026, 7, 1), "minor": 300_00}
    line = replace(LINE, currency=export.currency, is_official=True, **back)  # type: ignore[arg-type]  # named fields
    found = rows(key, line)
    assert found
    assert all(len(row) == len(export.columns) for row in found)
    assert {*export.empty} <= {*export.columns}
    places = [export.columns.index(name) for name in export.empty]
    assert all(not row[at] for row in found for at in places)
    assert export.wanted in {"", *export.columns}


def test_france_wants_total_and_number_of_what_stands() -> None:
    void, earlier = replace(LINE, is_void=True), replace(LINE, issued_on=date(2025, 12, 31))
    second = replace(LINE, label="2026-000002")
    assert rows("fr", LINE, second, second, void, earlier, replace(LINE, currency="CAD")) == [
        ["2026", "600.15", "2"]
    ]


@pytest.mark.parametrize(("minor", "count"), [(50_00, 0), (50_01, 1)])
def test_canada_hears_of_more_than_fifty_dollars_in_ninety_days(minor: int, count: int) -> None:
    back = replace(LINE, currency="CAD", returned_minor=minor, returned_on=date(2026, 11, 2))
    found = rows("ca", back, replace(back, returned_on=date(2025, 11, 2)))
    assert [row[-3:] for row in found] == [["50.01", "2026-11-02", "2027-01-31"]] * count


def test_ireland_sums_a_donors_year_from_250_euro_on() -> None:
    other = replace(LINE, donor=8, name="Ben", minor=249_99)
    assert rows("ie", LINE, replace(LINE, minor=49_95), other) == [
        ["Ada | =Eze", "", "250.00", "no"]
    ]
    assert rows("ie", LINE, replace(LINE, minor=49_94)) == []
    ppsn = {NumberKind.IE_PPSN: "1234567T"}
    mine = replace(LINE, numbers=ppsn), replace(LINE, numbers=ppsn, donor=8, name="Ada B. Eze")
    lines = (*mine, replace(other, minor=250_00))
    assert rows("ie", *lines) == [
        ["Ada B. Eze", "1234567T", "400.10", "no"],
        ["Ben", "", "250.00", "no"],
    ]
    assert count_lacking(EXPORTS["ie"], lines, FILING) == (1, 2)


def test_korea_registers_what_stands_in_whole_won() -> None:
    line = replace(LINE, currency="KRW", minor=200_005, name="김민서")
    assert rows("kr", line, replace(line, is_void=True)) == [
        ["2026-000001", "2026-06-02", "2026-06-01", "김민서", "", "1 Main Street, Cork", "200005"]
    ]


def test_india_takes_the_year_from_april_and_fifty_mebibytes() -> None:
    days = (date(2026, 3, 31), date(2026, 4, 1), date(2027, 3, 31), date(2027, 4, 1))
    lines = [replace(LINE, currency="INR", received_on=day, name="=X") for day in days]
    found = rows("in", *lines)
    assert [row[0] for row in found] == ["1", "2"]
    assert found[0][7] == "'=X"
    said = replace(lines[1], numbers={NumberKind.IN_PAN: "ABCPA1234F"})
    assert rows("in", said)[0][2:4] == ["Permanent Account Number", "ABCPA1234F"]
    assert count_lacking(EXPORTS["in"], [said, *lines], FILING) == (2, 3)
    with pytest.raises(TooLarge):
        write_file(replace(EXPORTS["in"], most_bytes=100), lines, FILING)


def test_south_africa_has_its_own_names_and_a_nil_return() -> None:
    assert name_file(EXPORTS["za"], FILING) == "IT3D_18A_930012345_20261123T120005.txt"
    assert rows("za")[0][:3] == ["NIL", "930-012/345", "2026"]
    shown = {
        ReceiptField.PERSON_NATURE: "Natural person",
        ReceiptField.ID_TYPE: "Passport",
        ReceiptField.ID_NUMBER: "A0123456",
        ReceiptField.ID_COUNTRY: "Zimbabwe",
        ReceiptField.TAX_REFERENCE: "0001339050",
        ReceiptField.DONOR_PHONE: "+27 11 555 0100",
        ReceiptField.DONOR_EMAIL: "ada@example.org",
    }
    february = replace(
        LINE, currency="ZAR", received_on=date(2026, 2, 28), is_official=True, shown=shown
    )
    march = replace(february, received_on=date(2026, 3, 1))
    letter, void = replace(february, is_official=False), replace(february, is_void=True)
    [found] = rows("za", february, march, letter, void)
    assert found[4:] == [
        *("Ada | =Eze", "Natural person", "Passport", "A0123456", "Zimbabwe", "", "0001339050"),
        *("1 Main Street, Cork", "0027115550100", "ada@example.org", "2026-02-28"),
        *("200.05", "Cash"),
    ]
    assert count_lacking(EXPORTS["za"], [february], FILING) == (0, 1)
    assert count_lacking(EXPORTS["za"], [], FILING) == (0, 0)
    assert '"' not in write_file(EXPORTS["za"], [february], FILING)
