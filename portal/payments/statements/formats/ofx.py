"""OFX 1 (SGML, unclosed tags) and OFX 2 (XML), and QFX, which is OFX under Intuit's name.

Standard: OFX 1.6 and 2.2, chapter 11 (https://www.ofx.net/downloads.html), read by tags alone:
no entity is ever expanded. Variants followed: Canadian and French banks' files that leave
required elements out, a decimal comma, unclosed tags in OFX 2, text in CDATA, and corrections
of earlier movements (`ofx_corrections`).
Own reader: `ofxtools` refuses files of real banks that leave an element out, and keeps neither
lines nor raw text.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date

from portal.i18n import gettext
from portal.money import Money
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
    unescaped,
)
from portal.payments.statements.formats.values import (
    DateOrder,
    read_amount,
    read_currency,
    read_date,
    unreadable_date,
)

_TOKEN = re.compile(
    r"<(?P<close>/?)(?P<tag>[A-Za-z0-9._]{1,40})\s*(?P<empty>/?)>"
    r"(?P<value>[^<]*(?:<!\[CDATA\[.*?\]\]>[^<]*)*)",
    re.DOTALL,
)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_FORBIDDEN = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
# A movement holds aggregates, such as PAYEE, that hold none but small ones.
DEEPEST = 5
# Elements of a movement that hold no others: left empty and unclosed, they hold nothing.
SIMPLE = frozenset(
    "TRNTYPE DTPOSTED DTUSER DTAVAIL TRNAMT FITID CORRECTFITID CORRECTACTION SRVRTID CHECKNUM"
    " REFNUM SIC PAYEEID NAME EXTDNAME MEMO".split()
)

_STATEMENTS = frozenset(("STMTRS", "CCSTMTRS"))
_MOVEMENT = "STMTTRN"
_NAMES = ("NAME", "PAYEE.NAME")


@dataclass(slots=True)
class _Movement:
    began: int
    values: dict[str, str] = field(default_factory=dict)
    inside: list[str] = field(default_factory=list)


class _Reader:
    def __init__(self, text: str, account: str) -> None:
        self._text = text
        self._default = account
        self._entries = Spilled[StatementEntry]()
        self._corrections: Corrections = Corrections()
        self._statements: list[AccountTotals] = []
        self._currency = ""
        self._movement: _Movement | None = None
        self._in_ledger_balance = False
        self._line = 1
        self._counted = 0

    def read(self) -> StatementDocument:
        start = re.search(r"<OFX\s*>", self._text, re.IGNORECASE)
        if start is None:
            raise StatementError(gettext("The file holds no OFX statement."))
        if not re.search(r"</OFX\s*>\s*\Z", self._text, re.IGNORECASE):
            raise StatementError(gettext("The OFX file is cut off."), self._text.count("\n") + 1)
        for token in self._tokens(start.start()):
            self._take(token)
        if not self._statements:
            raise StatementError(gettext("The file holds no OFX statement."))
        if not self._corrections:
            return document_of("ofx", self._entries, self._statements, account=self._default)
        stand = Spilled(self._corrections.apply(self._entries))
        document = document_of("ofx", stand, self._statements, account=self._default)
        return replace(document, taken_back=Spilled(self._corrections.taken_back(self._entries)))

    def _tokens(self, start: int) -> Iterator[re.Match[str]]:
        end = start
        for token in _TOKEN.finditer(self._text, start):
            if self._text[end : token.start()].strip():
                raise StatementError(gettext("The OFX tag can’t be read."), self._line_at(end))
            end = token.end()
            yield token
        if self._text[end:].strip():
            raise StatementError(gettext("The OFX tag can’t be read."), self._line_at(end))

    def _line_at(self, at: int) -> int:
        """The line of a place, counted on from the last one asked for."""
        self._line += self._text.count("\n", self._counted, at)
        self._counted = at
        return self._line

    def _take(self, token: re.Match[str]) -> None:
        tag = token["tag"].upper()
        if token["empty"]:
            return
        if self._movement:
            self._take_within(token, tag, self._movement)
        elif token["close"]:
            self._in_ledger_balance = False
        elif tag == _MOVEMENT:
            if not self._statements:
                raise StatementError(
                    gettext("There is an entry outside any statement."),
                    self._line_at(token.start()),
                )
            self._movement = _Movement(token.start())
        elif tag in _STATEMENTS:
            self._statements.append(AccountTotals())
            self._currency = ""
        elif self._statements:
            self._take_about(token, tag, self._statements[-1])

    def _take_about(self, token: re.Match[str], tag: str, totals: AccountTotals) -> None:
        """What a statement says of itself outside of its movements."""
        line = self._line_at(token.start())
        if tag == "CURDEF":
            self._currency = read_currency(token["value"], line=line)
        elif tag == "ACCTID":
            totals.account = _plain(token["value"])
        elif tag == "LEDGERBAL":
            self._in_ledger_balance = True
        elif tag == "BALAMT" and self._in_ledger_balance:
            totals.closing = self._amount(_plain(token["value"]), self._currency, line)

    def _take_within(self, token: re.Match[str], tag: str, movement: _Movement) -> None:
        if tag in {_MOVEMENT, "BANKTRANLIST", *_STATEMENTS, "OFX"}:
            if tag != _MOVEMENT or not token["close"]:
                raise StatementError(
                    gettext("The entry doesn’t end."), self._line_at(movement.began)
                )
            self._movement = None
            self._keep(self._entry(movement, token.end("tag") + 1), movement.values)
        elif token["close"]:
            if movement.inside and movement.inside[-1] == tag:
                movement.inside.pop()
        elif value := _plain(token["value"]):
            movement.values.setdefault(".".join((*movement.inside, tag)), value)
        elif not (tag in SIMPLE or self._text.startswith(f"</{token['tag']}", token.end())):
            movement.inside.append(tag)
            if len(movement.inside) > DEEPEST:
                raise StatementError(
                    gettext("The entry doesn’t end."), self._line_at(movement.began)
                )

    def _keep(self, entry: StatementEntry, values: dict[str, str]) -> None:
        self._entries.append(entry)
        corrects = values.get("CORRECTFITID", "")
        if corrects:
            is_deletion = values.get("CORRECTACTION", "").upper() == DELETE
            self._corrections.add(entry, Correction(corrects, is_deletion))

    def _entry(self, movement: _Movement, end: int) -> StatementEntry:
        values = movement.values
        line = self._line_at(movement.began)
        name = next((values[key] for key in _NAMES if key in values), "")
        message = joined((values.get("MEMO"), name, values.get("CHECKNUM"), values.get("REFNUM")))
        return StatementEntry(
            position=len(self._entries) + 1,
            booked_on=_day(values.get("DTPOSTED", ""), line),
            money=self._money(values, line),
            account=self._statements[-1].account or self._default,
            payer_name=e_transfer_name(values.get("MEMO", "")) or e_transfer_name(name) or name,
            payer_account=values.get("BANKACCTFROM.ACCTID", values.get("BANKACCTTO.ACCTID", "")),
            payer_email=email_in(message),
            message=message,
            bank_reference=values.get("FITID", ""),
            interac_reference=interac_reference_in(message),
            raw=self._text[movement.began : end],
        )

    def _money(self, values: dict[str, str], line: int) -> Money:
        """TRNAMT is in CURRENCY's currency if the movement has one, else in the account's."""
        code = values.get("CURRENCY.CURSYM", self._currency)
        return self._amount(values.get("TRNAMT", ""), code, line)

    @staticmethod
    def _amount(text: str, code: str, line: int) -> Money:
        if not text:
            raise StatementError(gettext("The entry has no amount."), line)
        mark = "," if re.fullmatch(r"[+-]?\d+,\d{1,2}", text) else "."
        return read_amount(text, read_currency(code, line=line), decimal_mark=mark, line=line)


def _plain(value: str) -> str:
    unwrapped = _CDATA.sub(lambda found: html.escape(found[1]), value)
    return " ".join(unescaped(unwrapped).split())


def _day(text: str, line: int) -> date:
    """YYYYMMDD, whatever time and zone follow."""
    day = read_date(text[:8], DateOrder.YEAR_FIRST)
    if day is None or not text[:8].isdecimal():
        raise unreadable_date(text, line)
    return day


def read_ofx(text: str, *, account: str = "") -> StatementDocument:
    """Read a whole OFX or QFX file. Raises StatementError with the line of what is wrong."""
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        raise StatementError(
            gettext("The XML declares entities or a document type, which no bank’s file does."),
            text.count("\n", 0, forbidden.start()) + 1,
        )
    return _Reader(text, account).read()


DELETE = "DELETE"

# An account and the FITID that is unique in it.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Correction:
    """What one movement says of another, whose FITID is `corrects`."""

    corrects: str
    is_deletion: bool


class Corrections:
    """All corrections of one file, by the place of the movement that tells them.

    Banks also write one without a FITID of its own, or with that of the movement it corrects.
    """

    def __init__(self) -> None:
        self._by_position: dict[int, Correction] = {}
        self._by_reference: dict[Key, Correction] = {}
        # The last movement that corrects one of this FITID.
        self._corrected: dict[Key, int] = {}

    def __bool__(self) -> bool:
        return bool(self._by_position)

    def add(self, entry: StatementEntry, correction: Correction) -> None:
        """Note a correction while the file is read."""
        self._by_position[entry.position] = correction
        self._corrected[entry.account, correction.corrects] = entry.position
        if entry.bank_reference not in {"", correction.corrects}:
            self._by_reference[entry.account, entry.bank_reference] = correction

    def apply(self, entries: Iterable[StatementEntry]) -> Iterator[StatementEntry]:
        """The movements that stand, in order."""
        for entry in entries:
            correction = self._by_position.get(entry.position)
            if self._is_corrected(entry):
                continue
            if correction is None:
                yield entry
            elif not correction.is_deletion:
                yield replace(entry, corrects=self._first(entry.account, correction.corrects))

    def _is_corrected(self, entry: StatementEntry) -> bool:
        by = self._corrected.get((entry.account, entry.bank_reference))
        return by is not None and by != entry.position

    def taken_back(self, entries: Iterable[StatementEntry]) -> Iterator[StatementEntry]:
        """What was deleted, as money that went the other way."""
        for entry in entries:
            correction = self._by_position.get(entry.position)
            if correction and correction.is_deletion:
                first = self._first(entry.account, correction.corrects)
                yield replace(entry, money=-entry.money, bank_reference=first)

    def _first(self, account: str, fitid: str) -> str:
        """The movement at the beginning of a chain of corrections."""
        seen = {fitid}
        while correction := self._by_reference.get((account, fitid)):
            if correction.corrects in seen:
                break
            fitid = correction.corrects
            seen.add(fitid)
        return fitid
