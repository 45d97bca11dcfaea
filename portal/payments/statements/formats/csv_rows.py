"""Rows of a CSV text: cells, the line they begin at, and the line as it stood."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from portal.i18n import gettext
from portal.money import Money
from portal.payments.statements.formats.columns import Columns, Sign
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.values import read_amount, read_currency

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
