"""Which column of a CSV file means what."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cached_property

from portal.i18n import gettext
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.values import DateOrder

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
