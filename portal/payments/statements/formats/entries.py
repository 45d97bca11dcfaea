"""The one shape every bank's file is read into, and a long sequence of such that waits on disk."""

import pickle
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from tempfile import TemporaryFile
from typing import Any, BinaryIO, TypeVar, overload

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
    currencies = _currencies(entries, statements)
    single = len(accounts) == 1
    return StatementDocument(
        format=format_name,
        account=accounts.pop() if single else "",
        currency=currencies.pop() if len(currencies) == 1 else "",
        entries=entries,
        opening_balance=statements[0].opening if single else None,
        closing_balance=statements[-1].closing if single else None,
    )


def _currencies(entries: Iterable[StatementEntry], statements: Iterable[AccountTotals]) -> set[str]:
    """All that the movements or the balances are in."""
    return {entry.money.currency for entry in entries} | {
        balance.currency
        for statement in statements
        for balance in (statement.opening, statement.closing)
        if balance is not None  # one of nought is a balance too
    }


T = TypeVar("T")

# So many things are in memory at once; a sequence no longer than that never touches the disk.
BLOCK = 1_000


class Spilled(Sequence[T]):
    """Things in the order in which they were added; equal to any sequence of equal things.

    All but the last few stand in a file without a name, which is gone with this object or
    its process. Made to be gone through from the start, as often as wanted; a single thing
    costs the reading of a thousand.
    """

    def __init__(self, things: Iterable[T] = ()) -> None:
        self._last: list[T] = []
        self._starts: list[int] = []
        self._opened: BinaryIO | None = None
        self.extend(things)

    def append(self, thing: T) -> None:
        """Add a thing at the end."""
        self._last.append(thing)
        if len(self._last) == BLOCK:
            self._starts.append(self._file.seek(0, 2))
            pickle.dump(self._last, self._file, pickle.HIGHEST_PROTOCOL)
            self._last = []

    def extend(self, things: Iterable[T]) -> None:
        """Add things at the end, in their order."""
        for thing in things:
            self.append(thing)

    @property
    def _file(self) -> BinaryIO:
        if self._opened is None:
            # Closed with this object: it has no name by which another could.
            self._opened = TemporaryFile()  # noqa: SIM115
            weakref.finalize(self, self._opened.close)
        return self._opened

    def _block(self, number: int) -> list[T]:
        if number == len(self._starts):
            return self._last
        self._file.seek(self._starts[number])
        block: list[T] = pickle.load(self._file)  # noqa: S301 - nobody else can reach the file
        return block

    def __len__(self) -> int:
        return len(self._starts) * BLOCK + len(self._last)

    def __iter__(self) -> Iterator[T]:
        for number in range(len(self._starts) + 1):
            yield from self._block(number)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        wanted = range(len(self))[index]
        if isinstance(wanted, int):
            return self._block(wanted // BLOCK)[wanted % BLOCK]
        if wanted.step == 1:
            return list(islice(self, wanted.start, wanted.stop))
        return [self[at] for at in wanted]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __repr__(self) -> str:
        return f"Spilled({list(self)!r})"
