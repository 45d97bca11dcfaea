"""The form a bank's file comes by: the file, its bank, or what its columns mean."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from portal.forms import ChoiceField, LineField, PortalForm, TickField
from portal.i18n import gettext
from portal.money import Money
from portal.payments.statements.formats.csv_table import Column, ColumnMapping, Row, Sign
from portal.payments.statements.formats.entries import (
    SetAside,
    StatementDocument,
    StatementEntry,
    StatementError,
)
from portal.payments.statements.formats.presets import PRESETS
from portal.payments.statements.formats.reading import preview, read_statement
from portal.payments.statements.formats.values import DateOrder

OWN_COLUMNS = "columns"
BANKS = {
    "": "Detect it",
    **{preset.name: preset.title for preset in PRESETS},
    OWN_COLUMNS: "Another CSV: I say what its columns mean",
}
ORDERS = {
    DateOrder.AUTO.value: "Detect from the dates",
    DateOrder.YEAR_FIRST.value: "Year, month, day",
    DateOrder.DAY_FIRST.value: "Day, month, year",
    DateOrder.MONTH_FIRST.value: "Month, day, year",
}
MARKS = {"": "Detect from the amounts", ".": "Point (1,234.56)", ",": "Comma (1.234,56)"}
# What a column may mean, in the order of the form.
COLUMNS = {
    "date": "Date",
    "amount": "Amount, credit and debit in one column",
    "credit": "Credit, in a column of its own",
    "debit": "Debit, in a column of its own",
    "direction": "Credit or debit as a word, such as C and D",
    "payer_name": "Payer’s name",
    "message": "Message or description",
    "payer_email": "Payer’s e-mail",
    "payer_account": "Payer’s account",
    "bank_reference": "Bank’s reference",
    "currency": "Currency",
    "status": "Booked or pending, as a word",
}
SEVERAL = "message"


class StatementForm(PortalForm):
    """Fields beside the file itself; columns are numbers from 1, or names in the header."""

    bank = ChoiceField(ask="Choose a bank from the list")
    account = LineField(longest=60)
    currency = LineField(longest=3)
    date_order = ChoiceField(ask="Choose how dates are written")
    decimal_mark = ChoiceField(ask="Choose how amounts are written")
    header_rows = LineField(longest=3)
    column_date = LineField(longest=80)
    column_amount = LineField(longest=80)
    column_credit = LineField(longest=80)
    column_debit = LineField(longest=80)
    column_direction = LineField(longest=80)
    column_payer_name = LineField(longest=80)
    column_message = LineField(longest=200)
    column_payer_email = LineField(longest=80)
    column_payer_account = LineField(longest=80)
    column_bank_reference = LineField(longest=80)
    column_currency = LineField(longest=80)
    column_status = LineField(longest=80)
    debit_positive = TickField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bank.options = tuple(BANKS)
        self.date_order.options = tuple(ORDERS)
        self.decimal_mark.options = tuple(MARKS)

    @property
    def has_columns(self) -> bool:
        """Whether the columns are told rather than recognised."""
        return bool(self.bank.data == OWN_COLUMNS)

    def validate(self, extra_validators: Any = None) -> bool:
        """The fields, and where columns are told, that they can be meant so."""
        super().validate(extra_validators)
        if self.has_columns:
            self._check_columns()
        return not self.errors

    def _check_columns(self) -> None:
        if not self["column_date"].data:
            self.refuse("column_date", gettext("Say which column has the date"))
        self._check_amounts()
        if not (self.header_rows.data or "1").isdecimal():
            self.refuse("header_rows", gettext("Enter how many rows are above, like 1"))

    def _check_amounts(self) -> None:
        """Nothing that is told of amounts may be left unread: money out would come in."""
        one, direction = self["column_amount"].data, self["column_direction"].data
        if bool(one) is bool(self["column_credit"].data or self["column_debit"].data):
            self.refuse(
                "column_amount",
                gettext("Say where the amounts are: in one column, or in credit and debit"),
            )
        if direction and not one:
            self.refuse(
                "column_direction",
                gettext("Leave this empty, or say which one column has the amounts"),
            )
        if self.debit_positive.data and (direction or not one):
            self.refuse(
                "debit_positive",
                gettext("Tick this only where one column alone has the amounts, credit and debit"),
            )

    @property
    def mapping(self) -> ColumnMapping | None:
        """What the columns mean; None where they are recognised."""
        if not self.has_columns:
            return None
        columns: dict[str, Any] = {
            name: _column(self[f"column_{name}"].data) for name in COLUMNS if name != SEVERAL
        }
        words = self[f"column_{SEVERAL}"].data.split(",")
        columns[SEVERAL] = tuple(found for word in words if (found := _column(word)) is not None)
        return ColumnMapping(
            **columns,
            date_order=DateOrder(self.date_order.data),
            decimal_mark=self.decimal_mark.data,
            header_rows=int(self.header_rows.data or "1"),
            sign=Sign.DEBIT_POSITIVE if self.debit_positive.data else Sign.CREDIT_POSITIVE,
        )

    def read(self, content: bytes, filename: str) -> StatementDocument:
        """The file as the form says; raises StatementError."""
        return read_statement(
            content,
            filename=filename,
            preset=None if self.has_columns else self.bank.data or None,
            mapping=self.mapping,
            account=self.account.data,
            currency=self.currency.data.upper() or None,
        )


def _column(text: str) -> Column | None:
    """A column by its number from 1, or by its name."""
    word = text.strip()
    if not word:
        return None
    return int(word) - 1 if word.isdecimal() and int(word) > 0 else word


SHOWN = 10
SHOWN_ACCOUNTS = 5
COLUMNS_GIVEN = "csv"
BANK_TITLES = {preset.name: preset.title for preset in PRESETS}
# What the import calls otherwise than people do; camt’s messages go by their own names.
FORMATS = {"mt940": "MT940", "ofx": "OFX", **BANK_TITLES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The movements that would be kept: how many, of which accounts, the first of them.

    `came_in` and `went_out` are sums by currency, both above nothing.
    """

    name: str
    accounts: tuple[str, ...]
    movements: int
    came_in: tuple[Money, ...]
    went_out: tuple[Money, ...]
    first: Sequence[StatementEntry]
    set_aside: Sequence[SetAside] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A file looked at: how it is read or why it can't be, and a CSV's first rows as they stand."""

    rows: Sequence[Row] = ()
    reading: Reading | None = None
    error: StatementError | None = None


def look_at(content: bytes, read: Callable[[], StatementDocument] | None) -> Look:
    """The file, by `read` as an import would read it; None where the form can't say how yet."""
    if read is None:
        return Look(rows=_first_rows(content))
    try:
        document = read()
    except StatementError as error:
        return Look(rows=_first_rows(content), error=error)
    is_csv = document.format == COLUMNS_GIVEN or document.format in BANK_TITLES
    return Look(rows=_first_rows(content) if is_csv else (), reading=_describe(document))


def _first_rows(content: bytes) -> Sequence[Row]:
    try:
        return preview(content, None, rows=SHOWN).rows
    except StatementError:
        return ()


def _describe(document: StatementDocument) -> Reading:
    """The document as it would be kept: movements of nothing are left out."""
    came_in: dict[str, int] = defaultdict(int)
    went_out: dict[str, int] = defaultdict(int)
    accounts: dict[str, None] = {}
    first: list[StatementEntry] = []
    movements = 0
    for entry in document.entries:
        if not entry.money:
            continue
        movements += 1
        accounts[entry.account or document.account] = None
        sums = came_in if entry.is_credit else went_out
        sums[entry.money.currency] += abs(entry.money.minor)
        if len(first) < SHOWN:
            first.append(entry.without_hidden())
    return Reading(
        name=name_format(document.format),
        accounts=tuple(filter(None, accounts))[:SHOWN_ACCOUNTS],
        movements=movements,
        came_in=_sums(came_in),
        went_out=_sums(went_out),
        first=first,
        set_aside=document.set_aside[:SHOWN],
    )


def _sums(minor: dict[str, int]) -> tuple[Money, ...]:
    return tuple(Money(amount, currency) for currency, amount in sorted(minor.items()))


def name_format(name: str) -> str:
    """What was recognised: a bank, or a format."""
    if name == COLUMNS_GIVEN:
        return gettext("CSV with the columns you chose")
    return FORMATS.get(name, name)
