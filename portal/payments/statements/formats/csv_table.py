"""A CSV text as a table: which column means what, and its rows.

A row has its cells, the line it begins at, and the line as it stood.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cached_property
from itertools import islice

from portal.i18n import gettext
from portal.money import Money
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.values import DateOrder, read_amount, read_currency

# Counted from 0, or the name in the header row.
Column = int | str


class Sign(Enum):
    """What an amount without a sign means. Its value is what a stored mapping holds."""

    CREDIT_POSITIVE = "credit"
    DEBIT_POSITIVE = "debit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """How to read one bank's CSV.

    Amounts stand either in `amount` (its sign told by the number and `sign`, or by words in
    `direction`), or in `credit` and `debit`, or in `amounts_by_currency`. `header_rows` and
    `footer_rows` count rows that hold anything; the last header row names the columns.
    `status` says whether a row is booked yet. `width` is the number of columns where no header
    tells it. Empty `decimal_mark` and `delimiter` are found out.
    """

    date: Column
    amount: Column | None = None
    credit: Column | None = None
    debit: Column | None = None
    amounts_by_currency: tuple[tuple[str, Column], ...] = ()
    direction: Column | None = None
    currency: Column | None = None
    account: Column | None = None
    payer_name: Column | None = None
    payer_account: Column | None = None
    payer_email: Column | None = None
    message: tuple[Column, ...] = ()
    bank_reference: Column | None = None
    status: Column | None = None
    date_order: DateOrder = DateOrder.AUTO
    decimal_mark: str = ""
    delimiter: str = ""
    header_rows: int = 1
    footer_rows: int = 0
    width: int = 0
    sign: Sign = Sign.CREDIT_POSITIVE

    def __post_init__(self) -> None:
        ways = (
            self.amount is not None,
            self.credit is not None or self.debit is not None,
            bool(self.amounts_by_currency),
        )
        if sum(ways) != 1:
            raise ValueError("amounts stand in one column, in credit and debit, or by currency")
        if self.decimal_mark not in {"", ".", ","} or len(self.delimiter) > 1:
            raise ValueError("a mark is one character")
        if min(self.header_rows, self.footer_rows, self.width) < 0:
            raise ValueError("rows are counted from nought")


# The fields of a mapping that are one column each.
SINGLE = (
    "date amount credit debit direction currency account payer_name payer_account payer_email"
    " bank_reference status"
).split()


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A mapping with every column as its index in the rows of one file."""

    date: int
    amount: int | None
    credit: int | None
    debit: int | None
    direction: int | None
    currency: int | None
    account: int | None
    payer_name: int | None
    payer_account: int | None
    payer_email: int | None
    bank_reference: int | None
    status: int | None
    message: tuple[int, ...]
    amounts_by_currency: tuple[tuple[str, int], ...]
    mapping: ColumnMapping

    @cached_property
    def amounts(self) -> tuple[int, ...]:
        """Every column an amount may stand in."""
        single = (self.amount, self.credit, self.debit)
        found = [column for column in single if column is not None]
        return (*found, *(column for _, column in self.amounts_by_currency))

    @cached_property
    def narrowest(self) -> int:
        """How many cells a row must have to reach every column that is read."""
        singles: list[int | None] = [getattr(self, name) for name in SINGLE]
        told = [column for column in singles if column is not None]
        return max(*told, *self.message, *self.amounts) + 1


def bind(mapping: ColumnMapping, header: Sequence[str], line: int | None) -> Columns:
    """Find the mapping's columns in a header row, which may be empty if all are numbers."""

    def index(column: Column) -> int:
        return _index(column, header, line)

    singles = {
        name: None if getattr(mapping, name) is None else index(getattr(mapping, name))
        for name in SINGLE
    }
    return Columns(
        **singles,  # type: ignore[arg-type]  # `date` is never None in a mapping
        message=tuple(map(index, mapping.message)),
        amounts_by_currency=tuple(
            (currency, index(column)) for currency, column in mapping.amounts_by_currency
        ),
        mapping=mapping if mapping.width else replace(mapping, width=len(header)),
    )


def _index(column: Column, header: Sequence[str], line: int | None) -> int:
    if isinstance(column, int):
        if header and not 0 <= column < len(header):
            raise StatementError(gettext("There is no column %(number)s.", number=column + 1), line)
        return column
    wanted = plain(column)
    found = [index for index, name in enumerate(header) if plain(name) == wanted]
    if not found:
        raise StatementError(gettext("There is no column “%(name)s”.", name=column), line)
    if len(found) > 1:
        raise StatementError(
            gettext("Two columns are named “%(name)s”. Choose by number.", name=column), line
        )
    return found[0]


def plain(name: str) -> str:
    """A column's name as it is compared: case and spaces don't matter."""
    return " ".join(name.casefold().split())


def mapping_to_dict(mapping: ColumnMapping) -> dict[str, object]:
    """A mapping as JSON keeps it."""
    values = {field.name: getattr(mapping, field.name) for field in fields(mapping)}
    return {
        name: value.value if isinstance(value, Enum) else value for name, value in values.items()
    }


def mapping_from_dict(stored: dict[str, object]) -> ColumnMapping:
    """A mapping from JSON. Raises ValueError or TypeError if it is none."""
    values = dict(stored)
    values["date_order"] = DateOrder(values.get("date_order", DateOrder.AUTO.value))
    values["sign"] = Sign(values.get("sign", Sign.CREDIT_POSITIVE.value))
    values["message"] = tuple(_items(values.get("message")))
    values["amounts_by_currency"] = tuple(
        (str(currency), column)
        for currency, column in map(_items, _items(values.get("amounts_by_currency")))
    )
    return ColumnMapping(**values)  # type: ignore[arg-type]  # __post_init__ and bind check them


def _items(value: object) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise TypeError("a list is expected")
    return list(value)


# In order of preference where two would cut a file into equally many cells.
DELIMITERS = (";", "\t", "|", ",")
LOOKED_AT = 30

# Any of the three line endings; a StringIO would hold the text again at four bytes a sign.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
# Spreadsheets keep leading zeros by ="00123" or '00123.
_KEPT = re.compile(r'="(.*)"|\'([\d*]+)\'?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """One row; cells without surrounding space, `raw` without its line ending."""

    line: int
    cells: tuple[str, ...]
    raw: str

    def cell(self, index: int | None) -> str:
        """The cell of a column; empty where the row ends before it."""
        return "" if index is None or index >= len(self.cells) else self.cells[index]

    @property
    def width(self) -> int:
        """How many cells it has, empty ones at its end not counted."""
        return max(index for index, cell in enumerate(self.cells, start=1) if cell)


def read_rows(text: str, delimiter: str) -> Iterator[Row]:
    """All rows that hold anything. Raises StatementError at a broken quote."""
    consumed: list[str] = []

    def lines() -> Iterator[str]:
        for found in _LINE.finditer(text):
            consumed.append(found[0])
            yield found[0]

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = tuple(map(_clean, next(reader)))
        except StopIteration:
            return
        except csv.Error as error:
            raise StatementError(
                gettext("A quotation mark is missing or out of place."), line
            ) from error
        if any(cells):
            yield Row(line, cells, "".join(consumed).rstrip("\r\n"))
        line += len(consumed)
        consumed.clear()


def _clean(cell: str) -> str:
    cell = cell.strip()
    kept = _KEPT.fullmatch(cell) if cell[:1] in {"=", "'"} else None
    return (kept[1] or kept[2] or "").strip() if kept else cell


def find_delimiter(text: str) -> str:
    """What cuts most of the first rows into equally many cells."""
    start = "".join(found[0] for found in islice(_LINE.finditer(text), LOOKED_AT))
    return max(DELIMITERS, key=lambda delimiter: _regularity(start, delimiter))


def _regularity(start: str, delimiter: str) -> tuple[int, int]:
    """How many rows agree on a number of cells above one, and that number."""
    widths: Counter[int] = Counter()
    # The cut may go through a quoted cell: what was read before it counts.
    with suppress(StatementError):
        widths.update(len(row.cells) for row in read_rows(start, delimiter))
    del widths[1]
    return max(((count, width) for width, count in widths.items()), default=(0, 0))


CREDIT_WORDS = frozenset("c cr credit crédit crdt kredit deposit dépôt in h +".split())
DEBIT_WORDS = frozenset("d dr debit débit dbit withdrawal retrait out s -".split())


def row_money(row: Row, columns: Columns, currency: str | None) -> Money:
    """What the row moved: positive in, negative out."""
    if columns.amounts_by_currency:
        return _by_currency(row, columns)
    currency = _currency(row, columns, currency)
    if columns.amount is not None:
        return _single(row, columns, currency)
    return _credit_or_debit(row, columns, currency)


def _currency(row: Row, columns: Columns, currency: str | None) -> str:
    if columns.currency is not None and (row.cell(columns.currency) or not currency):
        return read_currency(row.cell(columns.currency), line=row.line)
    if not currency:
        raise StatementError(gettext("The file names no currency. Choose the account’s."))
    return currency


def _read(row: Row, column: int, columns: Columns, currency: str) -> Money:
    mark = columns.mapping.decimal_mark
    return read_amount(row.cell(column), currency, decimal_mark=mark, line=row.line)


def _by_currency(row: Row, columns: Columns) -> Money:
    found = [
        _read(row, column, columns, currency)
        for currency, column in columns.amounts_by_currency
        if row.cell(column)
    ]
    return _only(row, [money for money in found if money] or found[:1])


def _credit_or_debit(row: Row, columns: Columns, currency: str) -> Money:
    found = []
    if columns.credit is not None and row.cell(columns.credit):
        found.append(_credit(row, columns.credit, columns, currency))
    if columns.debit is not None and row.cell(columns.debit):
        debit = _read(row, columns.debit, columns, currency)
        found.append(debit if debit.minor < 0 else -debit)
    return _only(row, [money for money in found if money] or found[:1])


def _credit(row: Row, column: int, columns: Columns, currency: str) -> Money:
    credit = _read(row, column, columns, currency)
    if credit.minor < 0:
        raise _contradiction(row)
    return credit


def _only(row: Row, found: list[Money]) -> Money:
    if len(found) == 1:
        return found[0]
    raise StatementError(
        gettext("The line has two amounts.") if found else gettext("The line has no amount."),
        row.line,
    )


def _single(row: Row, columns: Columns, currency: str) -> Money:
    if columns.amount is None or not row.cell(columns.amount):
        return _only(row, [])
    money = _read(row, columns.amount, columns, currency)
    if columns.direction is not None:
        return _directed(row, money, row.cell(columns.direction))
    return -money if columns.mapping.sign is Sign.DEBIT_POSITIVE else money


def _directed(row: Row, money: Money, word: str) -> Money:
    """An amount whose sign a word tells; a negative credit contradicts itself."""
    word = word.casefold().rstrip(".")
    if word in DEBIT_WORDS:
        return money if money.minor < 0 else -money
    if word not in CREDIT_WORDS:
        raise StatementError(
            gettext("“%(word)s” says neither credit nor debit.", word=word[:20]), row.line
        )
    if money.minor < 0:
        raise _contradiction(row)
    return money


def _contradiction(row: Row) -> StatementError:
    return StatementError(gettext("A credit can’t be negative."), row.line)
