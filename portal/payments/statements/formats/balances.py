"""Balances prove a file whole: its movements must lead from the opening to the closing one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from portal.i18n import gettext
from portal.money import Money
from portal.payments.statements.formats.entries import (
    StatementDocument,
    StatementEntry,
    StatementError,
)


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
