"""Somebody's table, CSV or XLSX: its rows, each with its number, or what is wrong with it."""

import csv
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
FORMULA_SIGNS = "=+-@\t\r\n"
_SIGNS = frozenset(FORMULA_SIGNS)
DELIMITERS = ",;\t|"
# Greater whole numbers lose figures in a spreadsheet.
MOST_EXACT = 10**15
# What a file that is no whole workbook makes its reader stumble over.
BROKEN = (
    *(KeyError, ValueError, TypeError, IndexError, OSError, EOFError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error),
)
NO_TABLE = "The file is no XLSX table; save it as XLSX or CSV UTF-8."
# A hundred thousand rows of four columns are a tenth of it.
MOST_UNPACKED = 400 * 1024 * 1024
TEXT_COLUMN = "make the column text and type it again"


class SheetError(ValueError):
    """The file as a whole can't be read; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row by its number, as a spreadsheet counts them: its cells by column, or its fault.

    `text` is what to call it by, `fault` is said of it.
    """

    number: int
    text: str
    cells: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    fault: str = ""


_Row = Sequence[_Cell]


def read_lines(path: Path, columns: Sequence[str]) -> Iterator[Line]:
    """The rows below the header; of their cells those of `columns`, of which the first is needed.

    Rows without any text are left out. `SheetError` where there is no such table.
    """
    rows = enumerate(_read_xlsx(path) if zipfile.is_zipfile(path) else _read_csv(path), 1)
    places = _read_header(next(rows, (0, ()))[1], columns)
    for number, row in rows:
        found = {name: row[at] for name, at in places.items() if at < len(row)}
        if any(cell.text.strip() or cell.fault for cell in row):
            yield _make_line(number, found, columns[0])


def _read_header(row: _Row, columns: Sequence[str]) -> dict[str, int]:
    said = [cell.text.strip().lower() for cell in row]
    places = {name: said.index(name) for name in columns if name in said}
    if columns[0] not in places:
        raise SheetError(f"The first row names the columns, and one is {columns[0]}.")
    return places


def _make_line(number: int, found: Mapping[str, _Cell], first: str) -> Line:
    text = found[first].text if first in found else ""
    for name, cell in found.items():
        fault = cell.fault or _find_fault(cell.text)
        if fault:
            return Line(number=number, text=show(text), fault=f"{name}: {fault}")
    cells = {name: _undo_quote(cell.text.strip()) for name, cell in found.items()}
    return Line(number=number, text=show(text), cells=cells)


def show(text: str) -> str:
    """A cell as it can be printed, cut."""
    clean = "".join(sign if sign.isprintable() else "?" for sign in text)
    return clean if len(clean) <= 40 else clean[:40] + "…"


def _find_fault(text: str) -> str:
    if any("\udc80" <= sign <= "\udcff" for sign in text):
        return "has letters that aren’t UTF-8; save the file as CSV UTF-8"
    if "\n" in text.strip() or "\r" in text.strip():
        return "has a line break; a quotation mark may be left open, and rows below be part of it"
    if text.strip()[:1] in _SIGNS:
        return f"is a formula; {TEXT_COLUMN}"
    return ""


def _undo_quote(text: str) -> str:
    """Without the sign that an export puts before what looks like a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in _SIGNS else text


def _read_csv(path: Path) -> Iterator[_Row]:
    with path.open("rb") as file:
        is_wide = file.read(2) in {b"\xff\xfe", b"\xfe\xff"}
    encoding, errors = ("utf-16", "replace") if is_wide else ("utf-8-sig", "surrogateescape")
    with path.open(encoding=encoding, errors=errors, newline="") as text:
        first = text.readline()
        text.seek(0)
        reader = csv.reader(text, delimiter=max(DELIMITERS, key=first.count))
        try:
            for row in reader:
                yield [_Cell(cell) for cell in row]
        except csv.Error:
            raise SheetError(
                f"Line {reader.line_num} can’t be read, nor what follows: a quotation mark is left"
                " open there or above."
            ) from None


def _read_xlsx(path: Path) -> Iterator[_Row]:
    import openpyxl  # noqa: PLC0415 - half a second to load, for those who read one

    _check_unpacked(path)
    try:
        # By its content: a path's name would have to end well.
        with path.open("rb") as file:
            sheet = openpyxl.load_workbook(file, read_only=True).worksheets[0]
            sheet.reset_dimensions()
            for row in sheet.iter_rows():
                yield [_read_cell(cell) for cell in row]
    except BROKEN as error:
        raise SheetError(NO_TABLE) from error


def _check_unpacked(path: Path) -> None:
    """Refuse a small file that unpacks to more than anybody's codes."""
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(one.file_size for one in packed.infolist())
    except BROKEN as error:
        raise SheetError(NO_TABLE) from error
    if size > MOST_UNPACKED:
        raise SheetError("The file is too large once it is unpacked; save it as CSV UTF-8.")


def _read_cell(cell: Any) -> _Cell:
    value = cell.value
    if value is None or (isinstance(value, str) and cell.data_type not in "fe"):
        return _Cell(value or "")
    if cell.data_type == "f":
        return _Cell(str(value), f"is a formula; {TEXT_COLUMN}")
    if cell.data_type == "e":
        return _Cell(str(value), f"is an error of the spreadsheet; {TEXT_COLUMN}")
    if type(value) in {int, float} and abs(value) < MOST_EXACT and value == int(value):
        return _Cell(str(int(value)))
    return _Cell(str(value), f"is a date or number that the spreadsheet made; {TEXT_COLUMN}")
