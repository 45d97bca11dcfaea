"""MT940 statements, as SWIFT defines them and as banks write them.

Standard: SWIFT, Category 9 message reference guide, MT 940 Customer Statement Message. Fields
are lines that begin `:61:`; a line without such a tag goes on the field before it. Variants
followed: German banks (DFÜ agreement, annex 3: `?20` subfields and SEPA's `EREF+` marks), Dutch
ones (`/NAME/` codes; ABN AMRO's and ING's own lines before `:20:`, Rabobank's `:940:`), amounts
padded with zeros, four blanks for the day of entry, and several `:86:` of one movement, which
belong together.
Own reader: the `mt-940` package keeps one `:86:` a movement, passes over what it can't read,
and tells neither the line of an error nor a movement's raw text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from portal.i18n import gettext
from portal.money import Money
from portal.payments.statements.formats import values
from portal.payments.statements.formats.entries import (
    AccountTotals,
    Spilled,
    StatementDocument,
    StatementEntry,
    StatementError,
    document_of,
)
from portal.payments.statements.formats.texts import (
    e_transfer_name,
    email_in,
    interac_reference_in,
    joined,
)

# German banks: three digits of a booking code, then ?NN subfields.
_SUBFIELDS = re.compile(r"\d{3}(?P<mark>[?~<^+])(?=\d\d)")
_REMITTANCE = (*range(20, 30), *range(60, 64))
_NAMES = (32, 33)
_ACCOUNT = 31
# Characters of a subfield.
FULL = 27
# SEPA's own marks inside remittance lines.
_SEPA = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|SVWZ|ABWA|ABWE|IBAN|BIC)\+")
_KEPT = frozenset(("EREF", "SVWZ"))

# Dutch banks: /NAME/J SMITH/REMI/text.
_CODES = re.compile(
    r"/(TRTP|IBAN|BIC|NAME|REMI|EREF|MARF|CSID|ORDP|BENM|ADDR|ISDT|RTYP|PREF|ID|CNTP|USTD|STRD|"
    r"TRCD|PURP|ULTD|ULTC)/"
)


@dataclass(frozen=True, slots=True)
class Details:
    """Payer and free text of one movement; empty where the field doesn't say."""

    name: str = ""
    account: str = ""
    message: str = ""


def read_details(texts: Sequence[str]) -> Details:
    """Understand a movement's fields; text in no known structure is all message."""
    known = [_read_one(text) for text in _continued(texts)]
    return Details(
        name=next((each.name for each in known if each.name), ""),
        account=next((each.account for each in known if each.account), ""),
        message=joined(each.message for each in known),
    )


def _continued(texts: Iterable[str]) -> list[str]:
    """The fields, each that begins within another's subfields glued to it."""
    fields: list[list[str]] = []
    for text in texts:
        begun = _SUBFIELDS.match(fields[-1][0]) if fields else None
        if begun and re.match(rf"{re.escape(begun['mark'])}\d\d", text):
            fields[-1].append(text)
        else:
            fields.append([text])
    return ["".join(parts) for parts in fields]


def _read_one(text: str) -> Details:
    subfields = _SUBFIELDS.match(text)
    if subfields:
        return _from_subfields(text, subfields["mark"])
    if _CODES.search(text):
        return _from_codes(text)
    message = joined(text.splitlines())
    return Details(name=e_transfer_name(message), message=message)


def _from_subfields(text: str, mark: str) -> Details:
    # Lines are cut at any letter, so they are glued before the subfields are told apart.
    parts = re.split(rf"{re.escape(mark)}(\d\d)", text.replace("\n", ""))
    pieces: dict[int, list[str]] = {}
    for number, piece in zip(parts[1::2], parts[2::2], strict=True):
        pieces.setdefault(int(number), []).append(piece)
    found = {number: "".join(all_of_it) for number, all_of_it in pieces.items()}
    remittance = "".join(found.get(number, "") for number in _REMITTANCE)
    return Details(
        name=joined([_glued([found.get(number, "") for number in _NAMES])]),
        account=found.get(_ACCOUNT, "").strip(),
        message=_sepa_text(remittance),
    )


def _glued(parts: Sequence[str]) -> str:
    """A text that goes on where its part was full; a shorter part ended with a word."""
    return "".join(part if len(part) == FULL else f"{part} " for part in parts)


def _sepa_text(remittance: str) -> str:
    """What the payer wrote, without mandates and creditor's ids."""
    parts = _SEPA.split(remittance)
    texts = [value for mark, value in zip(parts[1::2], parts[2::2], strict=True) if mark in _KEPT]
    return joined((parts[0], *(text for text in texts if text.strip() != "NOTPROVIDED")))


def _from_codes(text: str) -> Details:
    parts = _CODES.split(text.replace("\n", ""))
    found: dict[str, str] = {}
    for code, value in zip(parts[1::2], parts[2::2], strict=True):
        found.setdefault(code, value.strip("/ "))
    counterparty = found.get("CNTP", "").split("/")
    # ING writes /REMI/USTD//text.
    remittance = re.sub(r"^(?:USTD|STRD)/{1,2}", "", found.get("REMI", "") + found.get("USTD", ""))
    reference = found.get("EREF", "")
    return Details(
        name=found.get("NAME", "") or (counterparty[2] if len(counterparty) > 2 else ""),
        account=found.get("IBAN", "") or counterparty[0],
        message=joined((remittance, "" if reference == "NOTPROVIDED" else reference)),
    )


_TAG = re.compile(r":(\d{2}[A-Z]?|NS):(.*)", re.DOTALL)
# SWIFT's envelope around the text block, and what ends a message: a line that merely begins
# with a hyphen may be the rest of a reference, cut where the line was full.
_ENVELOPE = re.compile(r"\{\d:.*")
_END = re.compile(r"-(?:\}.*|X{3})?\s*|\x03")
# A bank's own lines before a message: its BIC, the message's type, a session's number.
_OWN_HEADER = re.compile(
    r"\s*(?:[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3,4})?|:?940:?(?: ?\d\d)?|\d{4} ?\d\d[A-Z0-9]{8,30})\s*",
    re.ASCII,
)
_HEADER = re.compile(r"[A-Z0-9 ]{1,60}|:940:\s*", re.ASCII)
LONGEST_HEADER = 10
_BALANCE = re.compile(r"([CD])(\d{6})([A-Z]{3})(0*\d{1,15},\d{0,3})\s*", re.ASCII)
_MOVEMENT = re.compile(
    r"(?P<value>\d{6})(?P<entry>\d{4}|[ ]{4})?(?P<mark>R?[CD])(?P<funds>[A-Z])?"
    r"(?P<amount>0*\d{1,15},\d{0,3})(?P<kind>[A-Z][A-Z0-9]{3})"
    r"(?P<own>[^\n]*?)(?://(?P<bank>[^\n]*))?(?:\n(?P<more>.*))?",
    re.ASCII | re.DOTALL,
)
# How much of a file its kind is told by.
LOOKED_AT = 2_000
_NOTHING = frozenset("NONREF NOREF KREF+ EREF+ KREF EREF PREF MREF MARF".split()) | {""}
# Rabobank's second line of a movement: the other side's account.
_IBAN = re.compile(r"[A-Z]{2}\d\d[A-Z0-9]{10,30}", re.ASCII)


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


def is_mt940(text: str) -> bool:
    """Whether it begins as a file of MT940 does, after whatever lines its bank puts before."""
    lines = (line for line in text[:LOOKED_AT].splitlines() if line.strip())
    for line in islice(lines, LONGEST_HEADER):
        if _untagged(line).startswith(":20:"):
            return True
        if not (_ENVELOPE.match(line) or _HEADER.fullmatch(line)):
            return False
    return False


def _untagged(line: str) -> str:
    """A line without the envelope that may share it with the first tag: {4::20:..."""
    return re.sub(r"^(?:\{\d:[^{}]*\}?)*(?=:\d\d)", "", line)


def _fields(text: str) -> Iterator[_Field]:
    current: _Field | None = None
    header = 0  # the line at which a bank's own lines began
    for number, line in enumerate(text.splitlines(), start=1):
        tagged = _TAG.fullmatch(_untagged(line))
        if tagged:
            _check_header(header, tagged[1])
            yield from _ended(current, is_last=tagged[1] == "20")
            current, header = _Field(tagged[1], [tagged[2]], number), 0
        elif _ENVELOPE.match(line) or _END.fullmatch(line):
            yield from _ended(current, is_last=True)
            current = None
        elif not line.strip():
            continue
        elif current:
            current.lines.append(line)
        else:
            header = header or number
            _check_header(0 if _HEADER.fullmatch(line) else number, "")
    _check_header(header, "")
    yield from _ended(current)


def _check_header(line: int, tag: str) -> None:
    """Lines of no field are a bank's own only where a message begins after them."""
    if line and tag != "20":
        raise StatementError(gettext("The line belongs to no MT940 field."), line)


def _ended(last: _Field | None, *, is_last: bool = False) -> Iterator[_Field]:
    """A field that is whole; a message's last one without the next one's header, where no
    hyphen stands between.
    """
    if last is None:
        return
    while is_last and len(last.lines) > 1 and _OWN_HEADER.fullmatch(last.lines[-1]):
        last.lines.pop()
    yield last


class _Reader:
    def __init__(self, account: str) -> None:
        self._default = account
        self._statements: list[_Statement] = []
        self._entries = Spilled[StatementEntry]()
        self._movement: _Field | None = None
        self._told: list[_Field] = []
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
            self._finish_movement()
        handler = self._take.get(tag)
        if handler:
            handler(each)

    def document(self) -> StatementDocument:
        """All of it, proved by its balances."""
        self._finish_movement()
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
                gettext("There is an entry before the opening balance."), each.line
            )
        self._movement = each

    def _details(self, each: _Field) -> None:
        """What a movement's field is; without a movement it is the statement's own."""
        if self._movement:
            self._told.append(each)

    def _finish_movement(self) -> None:
        movement, self._movement = self._movement, None
        details, self._told = self._told, []
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
    currency = values.read_currency(found[3], line=each.line)
    money = _amount(found[4], currency, each.line)
    return money if found[1] == "C" else -money


def _amount(text: str, currency: str, line: int) -> Money:
    return values.read_plain(text.replace(",", ".").removesuffix("."), currency, line=line)


def _read_movement(movement: _Field, currency: str) -> tuple[re.Match[str], Money]:
    """What field :61: holds by its parts, and its amount, negative where money went out."""
    found = _MOVEMENT.fullmatch(movement.text)
    if not found:
        raise StatementError(gettext("The entry in field :61: can’t be read."), movement.line)
    money = _amount(found["amount"], currency, movement.line)
    # RC takes a credit back, RD a debit.
    return found, money if found["mark"] in {"C", "RD"} else -money


def _entry(
    movement: _Field, details: list[_Field], *, currency: str, account: str, position: int
) -> StatementEntry:
    found, money = _read_movement(movement, currency)
    known = read_details([each.text for each in details])
    own, more = found["own"].strip(), (found["more"] or "").strip()
    other = more if _IBAN.fullmatch(more) else ""
    message = joined((known.message, more, "" if own in _NOTHING else own))
    return StatementEntry(
        position=position,
        booked_on=_booked_on(found, movement.line),
        money=money,
        account=account,
        payer_name=known.name,
        payer_account=known.account or other,
        payer_email=email_in(message),
        message=message,
        bank_reference=(found["bank"] or "").strip(),
        interac_reference=interac_reference_in(message),
        raw="\n".join(map(_raw, (movement, *details))),
    )


def _raw(each: _Field) -> str:
    return f":{each.tag}:" + "\n".join(each.lines)


def _booked_on(found: re.Match[str], line: int) -> date:
    """The day of entry, whose year is that of the value date or next to it."""
    value = values.read_date("20" + found["value"], values.DateOrder.YEAR_FIRST)
    if value is None:
        raise values.unreadable_date(found["value"], line)
    if not (found["entry"] or "").strip():
        return value
    days = [
        day
        for year in (value.year - 1, value.year, value.year + 1)
        if (day := values.read_date(f"{year}{found['entry']}", values.DateOrder.YEAR_FIRST))
    ]
    if not days:
        raise values.unreadable_date(found["entry"], line)
    return min(days, key=lambda day: abs((day - value).days))
