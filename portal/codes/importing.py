"""Codes from somebody's table, in blocks: what can't be taken is told row by row, the rest kept.

A file is known by its content. One that is imported again, as after it was broken off, goes on
under the policy of the first time: what is there as the file says it is passed over.
"""

import csv
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from portal.codes.batches import Order, describe_code, end_batch, hold_batch, open_batch
from portal.codes.models import CodeBatch, CodeRecord, Scope
from portal.codes.parsing import CodeError, check_spelling
from portal.codes.revising import LONGEST_TAG, clean_display
from portal.codes.terms import CodeState
from portal.database import Document, insert_new, table_of
from portal.services import Act, Services

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
    # Half a second to load, for those who read one.
    import openpyxl  # noqa: PLC0415

    try:
        book = openpyxl.load_workbook(path, read_only=True)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        for row in sheet.iter_rows():
            yield [_read_cell(cell) for cell in row]
        book.close()
    except BROKEN as error:
        raise SheetError("The file is no XLSX table; save it as XLSX or CSV UTF-8.") from error


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


COLUMNS = ("code", "tag", "state", "partner")
BLOCK = 500
MOST_ROWS = 100_000

_CODES = table_of(CodeRecord)
# What must be the same for a code to be the one that the row means.
SAME = ("policy_id", "scope_id", "state", "tag")
DIFFERS = "there is one already, and it differs"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken: its number, what it says, and why not."""

    number: int
    text: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """How many rows there were, how many codes are new, and how many were there already."""

    rows: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0


def find_import(act: Act, sha256: str) -> CodeBatch | None:
    """The batch of a file that was imported before, whole or in part."""
    newest = sa.select(CodeBatch).where(CodeBatch.sha256 == sha256).order_by(CodeBatch.id.desc())
    return act.session.scalars(newest.limit(1)).first()


def begin_import(act: Act, order: Order, sha256: str) -> CodeBatch:
    """The batch of a file that was not imported before."""
    batch = open_batch(act, order, sha256=sha256)
    act.note("codes_import", f"batch:{batch.id}", {})
    return batch


def import_lines(
    services: Services,
    batch_id: int,
    lines: Iterator[Line],
    reject: Callable[[Rejected], object],
) -> Imported:
    """Keep the codes of a table's rows; `reject` hears of each that isn't taken, in order.

    A block is whole or not there. `SheetError` where there are too many rows: those before are
    kept.
    """
    seen: dict[str, int] = {}
    total = Imported()
    while block := list(islice(lines, BLOCK)):
        if total.rows + len(block) > MOST_ROWS:
            raise SheetError(
                f"The file has more than {MOST_ROWS} rows, and was imported up to row"
                f" {total.rows}: divide it."
            )
        with services.write() as act:
            batch = hold_batch(act.session, batch_id)
            done, rejected = _import_block(act, batch, block, seen)
        for one in rejected:
            reject(one)
        total = _add(total, done)
    _end(services, batch_id, total)
    return total


def _add(one: Imported, other: Imported) -> Imported:
    return Imported(
        rows=one.rows + other.rows,
        new=one.new + other.new,
        known=one.known + other.known,
        rejected=one.rejected + other.rejected,
    )


def _end(services: Services, batch_id: int, total: Imported) -> None:
    with services.write() as act:
        batch = hold_batch(act.session, batch_id)
        batch.wanted = batch.made
        end_batch(act, batch)
        detail = {"rows": total.rows, "new": total.new}
        act.note("codes_import", f"batch:{batch.id}", detail)


def _import_block(
    act: Act, batch: CodeBatch, block: list[Line], seen: dict[str, int]
) -> tuple[Imported, list[Rejected]]:
    rejected: list[Rejected] = []
    wanted: dict[str, tuple[Line, Document]] = {}
    scopes = _find_scopes(act, block)
    for line in block:
        try:
            row = _read_row(act, batch, line, scopes)
            _check_once(row["code"], line, seen)
        except CodeError as error:
            rejected.append(Rejected(line.number, line.text, str(error)))
        else:
            wanted[row["code"]] = line, row
    new, known = _keep(act, batch, wanted, rejected)
    rejected.sort(key=lambda one: one.number)
    done = Imported(rows=len(block), new=new, known=known, rejected=len(rejected))
    return done, rejected


def _check_once(code: str, line: Line, seen: dict[str, int]) -> None:
    if code in seen:
        raise CodeError(f"it stands in row {seen[code]} already")
    seen[code] = line.number


def _find_scopes(act: Act, block: Iterable[Line]) -> dict[str, int]:
    keys = {line.cells["partner"] for line in block if line.cells.get("partner")}
    rows = act.session.execute(sa.select(Scope.key, Scope.id).where(Scope.key.in_(keys)))
    return {row.key: row.id for row in rows}


def _read_row(act: Act, batch: CodeBatch, line: Line, scopes: Mapping[str, int]) -> Document:
    """A code's row of a line; `CodeError` says in a few words why it can't be."""
    if line.fault:
        raise CodeError(line.fault)
    said = line.cells
    if not said.get("code"):
        raise CodeError("the code is blank")
    try:
        check_spelling(said["code"])
    except CodeError as error:
        raise CodeError(str(error).partition(": ")[2]) from None
    return describe_code(
        batch,
        clean_display(said["code"]),
        act,
        state=_read_state(said.get("state", "")),
        tag=_read_tag(said.get("tag", "")),
        scope_id=_read_partner(said.get("partner", ""), scopes),
    )


def _read_state(text: str) -> CodeState:
    if text and text.lower() not in {*CodeState}:
        raise CodeError(f"state: it is one of {', '.join(CodeState)}")
    return CodeState(text.lower() or CodeState.ACTIVE)


def _read_tag(text: str) -> str:
    if len(text) > LONGEST_TAG or not text.isprintable():
        raise CodeError(f"tag: it has {LONGEST_TAG} characters at most")
    return text


def _read_partner(text: str, scopes: Mapping[str, int]) -> int | None:
    if text and text not in scopes:
        raise CodeError("partner: there is none of this key; `portal scope add` makes one")
    return scopes.get(text)


def _keep(
    act: Act,
    batch: CodeBatch,
    wanted: Mapping[str, tuple[Line, Document]],
    rejected: list[Rejected],
) -> tuple[int, int]:
    """Add what is not there; how many are new, and how many were there as the file says.

    The table's constraint decides: whoever adds the same one meanwhile comes before or after.
    """
    if not wanted:
        return 0, 0
    new = {*insert_new(act.session, CodeRecord, *(row for _line, row in wanted.values()))}
    batch.made += len(new)
    act.session.flush()
    known = 0
    for found in _find_there(act, wanted):
        line, row = wanted[found.code]
        if found.id in new:
            continue
        if all(getattr(found, name) == row[name] for name in SAME):
            known += 1
        else:
            rejected.append(Rejected(line.number, line.text, DIFFERS))
    return len(new), known


def _find_there(act: Act, codes: Iterable[str]) -> list[Any]:
    columns = (_CODES.c[name] for name in ("id", "code", *SAME))
    return list(act.session.execute(sa.select(*columns).where(_CODES.c.code.in_(list(codes)))))
