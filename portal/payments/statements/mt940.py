"""MT940 statements, as SWIFT defines them and as banks write them.

Fields are lines that begin `:61:`; a line without such a tag goes on the field before it.
Own reader: the `mt-940` package drops what it can't read, and keeps neither lines nor raw text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from portal.i18n import gettext
from portal.money import Money
from portal.payments.statements.amounts import read_currency, read_plain
from portal.payments.statements.balances import AccountTotals, document_of
from portal.payments.statements.dates import DateOrder, read_date, unreadable_date
from portal.payments.statements.entries import StatementDocument, StatementEntry, StatementError
from portal.payments.statements.mt940_details import read_details
from portal.payments.statements.texts import email_in, interac_reference_in, joined
from portal.spilled import Spilled

_TAG = re.compile(r":(\d{2}[A-Z]?|NS):(.*)", re.DOTALL)
# SWIFT's envelope around the text block, and the sign that ends a message.
_ENVELOPE = re.compile(r"\{\d:.*|-\}?.*|\x03|940|\s*", re.DOTALL)
_BALANCE = re.compile(r"([CD])(\d{6})([A-Z]{3})(\d{1,15},\d{0,3})\s*", re.ASCII)
_MOVEMENT = re.compile(
    r"(?P<value>\d{6})(?P<entry>\d{4})?(?P<mark>R?[CD])(?P<funds>[A-Z])?"
    r"(?P<amount>\d{1,15},\d{0,3})(?P<kind>[A-Z][A-Z0-9]{3})"
    r"(?P<own>[^\n]*?)(?://(?P<bank>[^\n]*))?(?:\n(?P<more>.*))?",
    re.ASCII | re.DOTALL,
)
_NOTHING = frozenset(("NONREF", "NOREF", "KREF+", "EREF+", ""))


@dataclass(slots=True)
class _Field:
    tag: str
    lines: list[str]
    line: int

    @property
    def text(self) -> str:
        return "\n".join(self.lines).rstrip()


@dataclass(slots=True)
class _Statement:
    line: int
    account: str = ""
    totals: AccountTotals = field(default_factory=AccountTotals)
    is_closed: bool = False


def read_mt940(text: str, *, account: str = "") -> StatementDocument:
    """Read a whole file. Raises StatementError with the line of what is wrong."""
    reader = _Reader(account)
    for each in _fields(text):
        reader.take(each)
    return reader.document()


def _fields(text: str) -> Iterator[_Field]:
    current: _Field | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        # The envelope may share a line with the first tag: {4::20:...
        tagged = _TAG.fullmatch(re.sub(r"^(?:\{\d:[^{}]*\}?)*(?=:\d\d)", "", line))
        if tagged:
            if current:
                yield current
            current = _Field(tagged[1], [tagged[2]], number)
        elif _ENVELOPE.fullmatch(line):
            if current and line.startswith("-"):
                yield current
                current = None
        elif current:
            current.lines.append(line)
        else:
            raise StatementError(gettext("The line belongs to no MT940 field."), number)
    if current:
        yield current


class _Reader:
    def __init__(self, account: str) -> None:
        self._default = account
        self._statements: list[_Statement] = []
        self._entries = Spilled[StatementEntry]()
        self._movement: _Field | None = None
        self._take = {
            "20": self._start,
            "25": self._account,
            "60": self._opening,
            "61": self._begin_movement,
            "62": self._closing,
            "86": self._details,
        }

    def take(self, each: _Field) -> None:
        """One field of the file, in order."""
        tag = each.tag[:2]
        if tag != "20" and not self._statements:
            raise StatementError(gettext("The file doesn’t begin with field :20:."), each.line)
        if tag not in {"86", "NS"}:
            self._finish_movement(None)
        handler = self._take.get(tag)
        if handler:
            handler(each)

    def document(self) -> StatementDocument:
        """All of it, proved by its balances."""
        self._finish_movement(None)
        if not self._statements:
            raise StatementError(gettext("The file holds no MT940 statement."))
        for statement in self._statements:
            if not statement.is_closed:
                raise StatementError(
                    gettext("The statement has no closing balance: the file is cut off."),
                    statement.line,
                )
            statement.totals.check(statement.line)
        totals = [statement.totals for statement in self._statements]
        return document_of("mt940", self._entries, totals, account=self._default)

    def _start(self, each: _Field) -> None:
        self._statements.append(_Statement(each.line))

    def _account(self, each: _Field) -> None:
        self._statements[-1].totals.account = each.text.strip().removeprefix("/")

    def _opening(self, each: _Field) -> None:
        self._statements[-1].totals.opening = _balance(each)

    def _closing(self, each: _Field) -> None:
        statement = self._statements[-1]
        statement.totals.closing = _balance(each)
        statement.is_closed = True

    def _begin_movement(self, each: _Field) -> None:
        if self._statements[-1].totals.opening is None:
            raise StatementError(
                gettext("A movement stands before the opening balance."), each.line
            )
        self._movement = each

    def _details(self, each: _Field) -> None:
        self._finish_movement(each)

    def _finish_movement(self, details: _Field | None) -> None:
        movement, self._movement = self._movement, None
        if movement is None:
            return
        totals = self._statements[-1].totals
        currency = "" if totals.opening is None else totals.opening.currency
        entry = _entry(
            movement,
            details,
            currency=currency,
            account=totals.account or self._default,
            position=len(self._entries) + 1,
        )
        totals.add(entry.money)
        self._entries.append(entry)


def _balance(each: _Field) -> Money:
    found = _BALANCE.fullmatch(each.text)
    if not found:
        raise StatementError(gettext("The balance can’t be read."), each.line)
    currency = read_currency(found[3], line=each.line)
    money = _amount(found[4], currency, each.line)
    return money if found[1] == "C" else -money


def _amount(text: str, currency: str, line: int) -> Money:
    return read_plain(text.replace(",", ".").removesuffix("."), currency, line=line)


def _entry(
    movement: _Field, details: _Field | None, *, currency: str, account: str, position: int
) -> StatementEntry:
    found = _MOVEMENT.fullmatch(movement.text)
    if not found:
        raise StatementError(gettext("The movement in field :61: can’t be read."), movement.line)
    money = _amount(found["amount"], currency, movement.line)
    known = read_details(details.text if details else "")
    own = found["own"].strip()
    message = joined((known.message, found["more"], "" if own in _NOTHING else own))
    return StatementEntry(
        position=position,
        booked_on=_booked_on(found, movement.line),
        # RC takes a credit back, RD a debit.
        money=money if found["mark"] in {"C", "RD"} else -money,
        account=account,
        payer_name=known.name,
        payer_account=known.account,
        payer_email=email_in(message),
        message=message,
        bank_reference=(found["bank"] or "").strip(),
        interac_reference=interac_reference_in(message),
        raw=_raw(movement) + ("\n" + _raw(details) if details else ""),
    )


def _raw(each: _Field) -> str:
    return f":{each.tag}:" + "\n".join(each.lines)


def _booked_on(found: re.Match[str], line: int) -> date:
    """The day of entry, whose year is that of the value date or next to it."""
    value = read_date("20" + found["value"], DateOrder.YEAR_FIRST)
    if value is None:
        raise unreadable_date(found["value"], line)
    if not found["entry"]:
        return value
    days = [
        day
        for year in (value.year - 1, value.year, value.year + 1)
        if (day := read_date(f"{year}{found['entry']}", DateOrder.YEAR_FIRST))
    ]
    if not days:
        raise unreadable_date(found["entry"], line)
    return min(days, key=lambda day: abs((day - value).days))
