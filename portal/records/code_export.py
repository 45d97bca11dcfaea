"""Codes and who used them, as CSV or XLSX: a row for each gift, one for a code without any.

Donors are told by their gift's reference, never by name.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from portal.codes.models import CodeRecord, CodeUse, Scope
from portal.codes.rows import Wanted, count_uses, select_codes
from portal.database import Database, table_of
from portal.gifts.models import Gift
from portal.records.export import Cell, decimal, moment, stream_cells, typed

_CODES, _SCOPES, _USES = table_of(CodeRecord), table_of(Scope), table_of(CodeUse)
AT_ONCE = 2_000
# What a spreadsheet is to add up.
NUMBERS = frozenset(("uses", "amount"))
# What one sheet holds, its header included (Excel specifications and limits).
MOST_ROWS = 1_048_576


def code_cells(dialect: str) -> list[Cell]:
    """What is told of a code and of a gift that came with it, in order."""
    return [
        typed("code", _CODES.c.display, dialect),
        Cell("state", sa.cast(_CODES.c.state, sa.String)),
        typed("tag", _CODES.c.tag, dialect),
        typed("partner", sa.func.coalesce(_SCOPES.c.key, ""), dialect),
        Cell("secret", sa.case((_CODES.c.is_secret, "yes"), else_="no")),
        Cell("uses", count_uses()),
        Cell("gift", Gift.reference),
        Cell("used_at_utc", moment(_USES.c.at, dialect)),
        Cell("amount", decimal(Gift.amount_minor, Gift.currency)),
        Cell("currency", Gift.currency),
        Cell("gift_status", sa.cast(Gift.status, sa.String)),
    ]


def _selecting(wanted: Wanted) -> Callable[..., sa.Select[Any]]:
    def select(*values: Any) -> sa.Select[Any]:
        return (
            select_codes(wanted, *values)
            .outerjoin(_USES, _USES.c.code_id == _CODES.c.id)
            .outerjoin(Gift, Gift.id == _USES.c.gift_id)
            .order_by(_USES.c.gift_id)
        )

    return select


def stream_codes(database: Database, wanted: Wanted) -> Iterator[str]:
    """Pieces of the CSV file, from one look at the database."""
    return stream_cells(database, code_cells(database.reader.dialect.name), _selecting(wanted))


def write_book(database: Database, wanted: Wanted, path: Path) -> None:
    """The same as XLSX, row by row; what is more than one sheet holds goes on on the next."""
    # Only who writes one needs it.
    import xlsxwriter  # noqa: PLC0415

    columns = code_cells(database.reader.dialect.name)
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with (
        path.open("wb") as file,
        xlsxwriter.Workbook(file, options) as book,
        database.read() as session,
    ):
        values = (sa.label(cell.name, cell.value) for cell in columns)
        statement = _selecting(wanted)(*values)
        rows = session.execute(statement.execution_options(yield_per=AT_ONCE))
        names = [cell.name for cell in columns]
        sheet, at = None, MOST_ROWS
        for row in rows:
            if at == MOST_ROWS:
                sheet, at = _begin_sheet(book, names), 1
            _write_row(sheet, at, row)
            at += 1
        if sheet is None:
            _begin_sheet(book, names)


def _begin_sheet(book: Any, names: Sequence[str]) -> Any:
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    sheet.write_row(0, 0, names)
    return sheet


def _write_row(sheet: Any, at: int, row: sa.Row[Any]) -> None:
    for place, (name, value) in enumerate(row._mapping.items()):
        if value is None:
            continue
        if name in NUMBERS:
            sheet.write_number(at, place, Decimal(value))
        else:
            sheet.write_string(at, place, str(value))
