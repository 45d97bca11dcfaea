"""Cells of an export, as expressions that the database makes text of.

Cells that a spreadsheet would take for a formula get an apostrophe before them
(OWASP, "CSV Injection").
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.listing import Wanted, count_uses, select_codes
from portal.codes.models import CodeRecord, CodeUse, Scope
from portal.codes.sheets import FORMULA_SIGNS
from portal.database import Database, table_of
from portal.gifts.models import Gift
from portal.money import THREE_DECIMAL, ZERO_DECIMAL
from portal.payments.statements.models import Match, StatementFile, StatementLine
from portal.payments.statements.queries import LineFilter, select_lines
from portal.receipts.register import Receipt, ReceiptGift, covers
from portal.records.filters import GiftFilters, Search
from portal.records.listing import select_gifts

FIRST_SIGN = {"sqlite": sa.func.unicode, "postgresql": sa.func.ascii}


@dataclass(frozen=True, slots=True)
class Cell:
    """A column: its name, its expression, and whether its text may need quoting."""

    name: str
    value: Any
    is_text: bool = False


def typed(name: str, column: Any, dialect: str) -> Cell:
    """Text that people typed, harmless in a spreadsheet."""
    first = FIRST_SIGN[dialect](column)
    # Nearly every text begins with a letter, and is done with after one comparison.
    safe = sa.case(
        (first > ord("@"), column),
        (first.in_([ord(sign) for sign in FORMULA_SIGNS]), sa.literal("'").concat(column)),
        else_=column,
    )
    return Cell(name, safe, True)


# Letters whose people write the family's name first: from kana to Han, and Hangul.
EASTERN, HANGUL = (0x3005, 0x9FFF), (0xAC00, 0xD7A3)


def write_name(dialect: str) -> Any:
    """As `portal.plain.full_name` writes it, by the letter that each part begins with."""
    first, last = Gift.first_name, Gift.last_name
    begins = [FIRST_SIGN[dialect](part) for part in (first, last)]

    def are(letters: tuple[int, int]) -> Any:
        return sa.and_(*(one.between(*letters) for one in begins))

    return sa.case(
        (are(HANGUL), last.concat(first)),
        (are(EASTERN), last.concat(" ").concat(first)),
        else_=sa.func.trim(first.concat(" ").concat(last)),
    )


UNUSUAL = sorted(ZERO_DECIMAL | THREE_DECIMAL)


def decimal(minor: Any, currency: Any) -> sa.ColumnElement[str]:
    """Minor units as people write them: 7550 is 75.50, or 7550 in yen; nothing is 0."""

    def places(digits: int) -> sa.ColumnElement[str]:
        unit = 10**digits
        rest = sa.func.substr(sa.cast(unit + minor % unit, sa.String), 2)
        return sa.cast(minor // unit, sa.String).concat(".").concat(rest)

    whole = (currency.in_(sorted(ZERO_DECIMAL)), sa.cast(minor, sa.String))
    return sa.case(
        (minor.is_(None), sa.null()),
        (minor == 0, "0"),
        (currency.in_(UNUSUAL), sa.case(whole, else_=places(3))),
        else_=places(2),
    )


def moment(column: Any, dialect: str) -> sa.ColumnElement[Any]:
    """UTC as `2026-11-23 10:42:00`."""
    if dialect == "sqlite":
        return sa.func.substr(sa.type_coerce(column, sa.String), 1, 19)
    return sa.func.date_trunc("second", sa.func.timezone("UTC", column))


def gift_cells(dialect: str) -> list[Cell]:
    """What is told of a gift, in order."""

    def words(name: str) -> Cell:
        return typed(name, getattr(Gift, name), dialect)

    return [
        Cell("reference", Gift.reference),
        Cell("status", sa.cast(Gift.status, sa.String)),
        *_gift_time_cells(dialect),
        *_gift_money_cells(),
        Cell("region", Gift.region, True),
        Cell("fund", Gift.fund, True),
        words("code"),
        words("partner"),
        Cell("mode", Gift.mode, True),
        Cell("frequency", Gift.frequency),
        *_donor_cells(words),
        Cell("receipt", _receipt_label()),
    ]


def _gift_time_cells(dialect: str) -> list[Cell]:
    return [
        Cell("created_at_utc", moment(Gift.created_at, dialect)),
        Cell("received_at_utc", moment(Gift.received_at, dialect)),
        Cell("received_on", Gift.received_on),
    ]


def _gift_money_cells() -> list[Cell]:
    return [
        Cell("amount", decimal(Gift.amount_minor, Gift.currency)),
        Cell("received", decimal(Gift.paid_minor, Gift.currency)),
        Cell("currency", Gift.currency),
        Cell("refunded", decimal(Gift.refunded_minor, Gift.currency)),
        Cell("cover_fee", decimal(Gift.cover_minor, Gift.currency)),
        Cell("fee", decimal(Gift.fee_minor, Gift.fee_currency)),
        Cell("fee_currency", Gift.fee_currency),
    ]


def _donor_cells(words: Callable[[str], Cell]) -> list[Cell]:
    return [
        words("first_name"),
        words("last_name"),
        words("email"),
        Cell("anonymous", sa.case((Gift.anonymous, "yes"), else_="no")),
        *(words(name) for name in ADDRESS),
        words("dedication"),
    ]


ADDRESS = ("address_line1", "address_line2", "city", "province", "postal_code", "country")


def join_receipts(statement: sa.Select[Any]) -> sa.Select[Any]:
    """Each gift with the receipt that stands, so that the planner may read both in order."""
    return statement.outerjoin(ReceiptGift, covers(Gift.id)).outerjoin(
        Receipt, Receipt.id == ReceiptGift.receipt_id
    )


def _receipt_label() -> sa.ColumnElement[str]:
    """The number of the receipt that stands, such as 2026-000417."""
    padded = sa.func.substr(sa.cast(1_000_000 + Receipt.number, sa.String), 2)
    number = sa.case((Receipt.number < 1_000_000, padded), else_=sa.cast(Receipt.number, sa.String))
    label = sa.cast(Receipt.year, sa.String).concat("-").concat(number)
    named = Receipt.series.concat("-").concat(label)
    return sa.case((Receipt.series == "", label), else_=named)


LINE_TEXTS = (
    "payer_name",
    "payer_email",
    "payer_account",
    "message",
    "bank_reference",
    "interac_reference",
)


def line_cells(dialect: str) -> list[Cell]:
    """What is told of a bank's line, in order."""

    def words(name: str, column: Any = None) -> Cell:
        return typed(name, getattr(StatementLine, name) if column is None else column, dialect)

    return [
        Cell("line", StatementLine.id),
        words("file", StatementFile.filename),
        words("account", StatementFile.account),
        Cell("booked_on", StatementLine.booked_on),
        Cell("amount", decimal(StatementLine.amount_minor, StatementLine.currency)),
        Cell("currency", StatementLine.currency),
        *(words(name) for name in LINE_TEXTS),
        Cell("state", sa.cast(StatementLine.state, sa.String)),
        words("note"),
        Cell("gifts", _references(dialect)),
    ]


def _references(dialect: str) -> sa.ScalarSelect[str]:
    """The references of the gifts a line is booked for."""
    join = sa.func.group_concat if dialect == "sqlite" else sa.func.string_agg
    return (
        sa.select(join(Gift.reference, " "))
        .join(Match, Match.gift_id == Gift.id)
        .where(Match.line_id == StatementLine.id, Match.undone_at.is_(None))
        .scalar_subquery()
    )


LINES = 2_000
# By it spreadsheets know that a CSV file is UTF-8.
BYTE_ORDER_MARK = "\ufeff"

Select = Callable[..., sa.Select[Any]]


def stream_gifts(database: Database, filters: GiftFilters, search: Search | None) -> Iterator[str]:
    """Pieces of the file, some thousand lines each, from one look at the database."""

    def select(*values: Any) -> sa.Select[Any]:
        return join_receipts(select_gifts(filters, search, *values))

    return stream_cells(database, gift_cells(database.reader.dialect.name), select)


def stream_lines(database: Database, wanted: LineFilter) -> Iterator[str]:
    """The same of money that came in by bank."""

    def select(*values: Any) -> sa.Select[Any]:
        return select_lines(wanted, *values)

    return stream_cells(database, line_cells(database.reader.dialect.name), select)


def stream_cells(database: Database, columns: Sequence[Cell], select: Select) -> Iterator[str]:
    """The lines of any list: `select` has its rows, as statements of what it is given."""
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
    compiled = statement.compile(dialect=connection.dialect)
    expanded = compiled.construct_expanded_state()
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        parameters = _parameters(compiled, expanded)
        with cursor.copy(f"COPY ({expanded.statement}) TO STDOUT (FORMAT csv)", parameters) as copy:
            yield from _gather(copy)


def _parameters(compiled: Any, expanded: Any) -> dict[str, Any]:
    """The statement's parameters as the driver wants them."""
    processors = {**compiled._bind_processors, **expanded.processors}
    return {
        name: processors[name](value) if name in processors else value
        for name, value in expanded.parameters.items()
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
    """The same as XLSX."""
    with path.open("wb") as file:
        write_cells(database, code_cells(database.reader.dialect.name), _selecting(wanted), file)


def write_cells(
    database: Database, columns: Sequence[Cell], select: Select, file: IO[bytes]
) -> None:
    """Any list as XLSX, row by row; what is more than one sheet holds goes on on the next."""
    import xlsxwriter  # noqa: PLC0415 - only who writes one needs it

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book, database.read() as session:
        values = (sa.label(cell.name, cell.value) for cell in columns)
        statement = select(*values)
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
