"""Gifts, or a bank's lines, as CSV, streamed: the database writes the lines, we only pass
them on.

PostgreSQL has COPY for it; SQLite builds each line with its own printf. Both are some
times faster than rows that become Python objects first, and memory stays flat.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database
from portal.payments.statements.queries import LineFilter, select_lines
from portal.records.export.columns import Cell, gift_cells, join_receipts, line_cells
from portal.records.listing.filters import GiftFilters
from portal.records.listing.page import select_gifts
from portal.records.listing.search import Search

LINES = 2_000
# By it spreadsheets know that a CSV file is UTF-8.
BYTE_ORDER_MARK = "\ufeff"

Select = Callable[..., sa.Select[Any]]


def stream_gifts(database: Database, filters: GiftFilters, search: Search | None) -> Iterator[str]:
    """Pieces of the file, some thousand lines each, from one look at the database."""

    def select(*values: Any) -> sa.Select[Any]:
        return join_receipts(select_gifts(filters, search, *values))

    return _stream(database, gift_cells(database.reader.dialect.name), select)


def stream_lines(database: Database, wanted: LineFilter) -> Iterator[str]:
    """The same of money that came in by bank."""

    def select(*values: Any) -> sa.Select[Any]:
        return select_lines(wanted, *values)

    return _stream(database, line_cells(database.reader.dialect.name), select)


def _stream(database: Database, columns: Sequence[Cell], select: Select) -> Iterator[str]:
    yield BYTE_ORDER_MARK + ",".join(cell.name for cell in columns) + "\n"
    with database.read() as session:
        write = _by_printf if database.is_sqlite else _by_copy
        yield from write(session, columns, select)


def _by_printf(session: Session, columns: Sequence[Cell], select: Select) -> Iterator[str]:
    # %w doubles quotation marks (https://sqlite.org/printf.html).
    pattern = ",".join('"%w"' if cell.is_text else "%s" for cell in columns)
    # It writes (NULL) for text that is not there, and nothing for a number.
    values = (sa.func.coalesce(cell.value, "") if cell.is_text else cell.value for cell in columns)
    line = sa.func.printf(pattern, *values)
    connection = session.connection().execution_options(yield_per=LINES)
    for lines in connection.execute(select(line)).scalars().partitions():
        yield "\n".join([*lines, ""])


def _by_copy(session: Session, columns: Sequence[Cell], select: Select) -> Iterator[str]:
    statement = select(*(cell.value for cell in columns))
    connection = session.connection()
    compiled = statement.compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        parameters = _parameters(compiled)
        with cursor.copy(f"COPY ({compiled}) TO STDOUT (FORMAT csv)", parameters) as copy:
            yield from _gather(copy)


def _parameters(compiled: Any) -> dict[str, Any]:
    """The statement's parameters as the driver wants them."""
    processors = compiled._bind_processors
    return {
        name: processors[name](value) if name in processors else value
        for name, value in compiled.params.items()
    }


def _gather(copy: Any) -> Iterator[str]:
    """The copied lines, many at a time."""
    lines: list[bytes] = []
    for line in copy:
        lines.append(bytes(line))
        if len(lines) == LINES:
            yield b"".join(lines).decode()
            lines.clear()
    yield b"".join(lines).decode()
