"""The one shape every bank's file is read into."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from portal.i18n import gettext
from portal.money import Money
from portal.plain import clean_line

# The fields in which a bank repeats what a payer wrote.
TEXTS = (
    "payer_name",
    "payer_account",
    "payer_email",
    "message",
    "bank_reference",
    "interac_reference",
)


@dataclass(frozen=True, kw_only=True)
class StatementEntry:
    """One movement on an account.

    `position` counts from 1: a CSV's line in the file, elsewhere the movement in the file.
    `money` is positive for a credit, negative for a debit. Texts are as the bank wrote them,
    without surrounding space, and empty where the file says nothing. `raw` is the untouched
    text of the line or element. `corrects` is the bank reference of an earlier movement that
    this one replaces.
    """

    position: int
    booked_on: date
    money: Money
    account: str = ""
    payer_name: str = ""
    payer_account: str = ""
    payer_email: str = ""
    message: str = ""
    bank_reference: str = ""
    interac_reference: str = ""
    corrects: str = ""
    raw: str = ""

    @property
    def is_credit(self) -> bool:
        """Whether money came in."""
        return self.money.minor > 0

    def without_hidden(self) -> "StatementEntry":
        """The same with texts in which everything can be seen; `raw` stays as it came."""
        texts: dict[str, Any] = {name: clean_line(getattr(self, name)) for name in TEXTS}
        return replace(self, **texts)


@dataclass(frozen=True, slots=True)
class SetAside:
    """A line that is no money yet: where it stands, its bank's word for that, and its text."""

    line: int
    status: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementDocument:
    """A whole file. `account` is empty if its movements belong to several, or to none named.

    `currency` is empty if there are several. Balances are given where the format has them
    and the file speaks of one account only. `taken_back` are movements that the bank deletes,
    with their money turned round: they matter where an earlier file brought them.
    `set_aside` are lines that are no money yet: they are shown, and not kept.
    """

    format: str
    account: str
    currency: str
    entries: Sequence[StatementEntry]
    opening_balance: Money | None = None
    closing_balance: Money | None = None
    taken_back: Sequence[StatementEntry] = ()
    set_aside: Sequence[SetAside] = ()


class StatementError(Exception):
    """The file can't be read; nothing of it is. `reason` is a sentence for the clerk."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line

    def __str__(self) -> str:
        if self.line is None:
            return self.reason
        return gettext("Line %(line)s: %(reason)s", line=self.line, reason=self.reason)


@dataclass
class AccountTotals:
    """What one statement in a file says of its account, and what was counted."""

    account: str = ""
    opening: Money | None = None
    closing: Money | None = None
    moved_minor: int = 0
    currencies: set[str] = field(default_factory=set)

    def add(self, money: Money) -> None:
        """Count a booked movement."""
        self.moved_minor += money.minor
        self.currencies.add(money.currency)

    def check(self, line: int | None) -> None:
        """Raises StatementError if movements are missing between the two balances."""
        if self.opening is None or self.closing is None:
            return
        if self.opening.currency != self.closing.currency:
            raise StatementError(gettext("The two balances are of different currencies."), line)
        if self.currencies - {self.opening.currency}:
            return  # movements in other currencies can't be added up
        if self.opening.minor + self.moved_minor != self.closing.minor:
            raise StatementError(
                gettext(
                    "The entries don’t lead from the opening to the closing balance:"
                    " the file is not whole."
                ),
                line,
            )


def document_of(
    format_name: str,
    entries: Sequence[StatementEntry],
    statements: Sequence[AccountTotals],
    *,
    account: str,
) -> StatementDocument:
    """The document of a file with one statement or several."""
    accounts = {statement.account or account for statement in statements}
    currencies = {entry.money.currency for entry in entries} | {
        balance.currency
        for statement in statements
        for balance in (statement.opening, statement.closing)
        if balance is not None  # one of nought is a balance too
    }
    single = len(accounts) == 1
    return StatementDocument(
        format=format_name,
        account=accounts.pop() if single else "",
        currency=currencies.pop() if len(currencies) == 1 else "",
        entries=entries,
        opening_balance=statements[0].opening if single else None,
        closing_balance=statements[-1].closing if single else None,
    )
