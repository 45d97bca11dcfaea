"""The money of one CSV row, in whichever of its columns it stands."""

from portal.i18n import gettext
from portal.money import Money
from portal.payments.statements.amounts import read_amount, read_currency
from portal.payments.statements.columns import Columns, Sign
from portal.payments.statements.csv_rows import Row
from portal.payments.statements.entries import StatementError

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
