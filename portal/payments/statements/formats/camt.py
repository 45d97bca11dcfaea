"""camt.052 reports, camt.053 statements and camt.054 notifications of ISO 20022, in every version.

Standard: https://www.iso20022.org/iso-20022-message-definitions (Bank-to-Customer Cash
Management), camt.052, .053 and .054, each from 001.02 to 001.12, told by the root element and
not by the namespace. Variants followed: German, Swiss and Dutch banks' files (batches, reversals,
any prefix and encoding), parties inside `Pty` (version 8 and later), entries without a day,
which stand on their statement's. Entries that aren't booked are shown and not kept; German
savings banks give their customers reports of the day alone, whose booked entries are money.
Own reader: no kept library reads both messages in every version and keeps lines and raw text.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import date

from portal.i18n import gettext
from portal.money import Money
from portal.payments.statements.formats.entries import (
    AccountTotals,
    SetAside,
    Spilled,
    StatementDocument,
    StatementEntry,
    StatementError,
    document_of,
)
from portal.payments.statements.formats.texts import (
    Element,
    ElementReader,
    e_transfer_name,
    email_in,
    interac_reference_in,
    joined,
)
from portal.payments.statements.formats.values import (
    DateOrder,
    read_currency,
    read_date,
    read_plain,
    unreadable_date,
)

# What banks write where the payer gave no reference.
_NOTHING = frozenset(("NOTPROVIDED", "NONREF", "NOT PROVIDED"))


def _divide(element: Element, money: Money) -> list[tuple[Element, Money]]:
    """The parts that tell of the money, each with its own; the whole entry if they can't."""
    parts = element.all("NtryDtls/TxDtls")
    amounts = [_part_amount(part, money) for part in parts]
    known = [amount for amount in amounts if amount is not None]
    if len(parts) < 2 or len(known) < len(parts) or sum(m.minor for m in known) != money.minor:
        return [(parts[0] if len(parts) == 1 else element, money)]
    return list(zip(parts, known, strict=True))


def movement_entries(
    element: Element, *, money: Money, booked_on: date, account: str, position: int
) -> list[StatementEntry]:
    """The entry's movements, counted on from `position`.

    A batch is divided only if its parts' amounts, in its own currency, add up to it.
    """
    pairs = _divide(element, money)
    return [
        _entry(
            element,
            part,
            money=amount,
            booked_on=booked_on,
            account=account,
            position=position + index,
            raw=part.raw if len(pairs) > 1 else element.raw,
        )
        for index, (part, amount) in enumerate(pairs)
    ]


def _part_amount(part: Element, whole: Money) -> Money | None:
    """A part's amount in the whole's currency, with its direction or else the whole's."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"):
        amount = part.first(path)
        if amount is None:
            continue
        currency = read_currency(amount.attributes.get("Ccy", whole.currency), line=amount.line)
        if currency != whole.currency:
            continue
        money = read_plain(amount.text.strip(), currency, line=amount.line)
        direction = part.text_at("CdtDbtInd")
        out = direction == "DBIT" if direction else whole.minor < 0
        return -money if out else money
    return None


def _entry(
    element: Element,
    part: Element,
    *,
    money: Money,
    booked_on: date,
    account: str,
    position: int,
    raw: str,
) -> StatementEntry:
    side = "Dbtr" if money.minor >= 0 else "Cdtr"
    parties = f"RltdPties/{side}"
    message = _message(element, part)
    return StatementEntry(
        position=position,
        booked_on=booked_on,
        money=money,
        account=account,
        payer_name=_party(element, part, side, message),
        payer_account=part.text_at(f"{parties}Acct/Id/IBAN", f"{parties}Acct/Id/Othr/Id"),
        payer_email=part.text_at(f"{parties}/CtctDtls/EmailAdr", f"{parties}/Pty/CtctDtls/EmailAdr")
        or email_in(part.text_at(f"{parties}Acct/Prxy/Id"))
        or email_in(message),
        message=message,
        bank_reference=part.text_at("Refs/AcctSvcrRef", "Refs/TxId")
        or element.text_at("AcctSvcrRef", "NtryRef"),
        interac_reference=interac_reference_in(message),
        raw=raw,
    )


def _party(element: Element, part: Element, side: str, message: str) -> str:
    """The other side's name: its own, in version 8 and later inside `Pty`; else whom it acts
    for; else the bank's words; and its bank's name as a last resort. Parts that can't be
    divided have a name where all have the same.
    """
    sources = [part] if part is not element else element.all("NtryDtls/TxDtls")
    parties = (f"RltdPties/{side}", f"RltdPties/Ultmt{side}")
    places = ("Nm", "Pty/Nm", "Agt/FinInstnId/Nm")
    paths = [f"{party}/{place}" for party in parties for place in places]
    names = {each.text_at(*paths) for each in sources} - {""}
    named = names.pop() if len(names) == 1 else ""
    agents = {each.text_at(f"RltdAgts/{side}Agt/FinInstnId/Nm") for each in sources} - {""}
    agent = agents.pop() if len(agents) == 1 and not names else ""
    return named or e_transfer_name(message) or agent


def _message(element: Element, part: Element) -> str:
    """All free text: what the payer wrote first, then the bank's own words."""
    # With several parts that can't be divided, the entry stands for them and tells all.
    sources = [part] if part is not element else element.all("NtryDtls/TxDtls")
    paths = (
        "RmtInf/Ustrd",
        "RmtInf/Strd/CdtrRefInf/Ref",
        "RmtInf/Strd/RfrdDocInf/Nb",
        "RmtInf/Strd/AddtlRmtInf",
        "Refs/EndToEndId",
        "AddtlTxInf",
    )
    texts = [found.text for path in paths for each in sources for found in each.all(path)]
    texts += [found.text for found in element.all("AddtlNtryInf")]
    return joined(text for text in texts if text.strip() not in _NOTHING)


# The message's root element.
KINDS = {
    "BkToCstmrAcctRpt": "camt.052",
    "BkToCstmrStmt": "camt.053",
    "BkToCstmrDbtCdtNtfctn": "camt.054",
}
_STARTS = frozenset(("Rpt", "Stmt", "Ntfctn"))
_WANTED = frozenset(("Acct", "Bal", "CreDtTm", "FrToDt", "TxsSummry", "Ntry"))
_KEPT_RAW = frozenset(("Ntry", "TxDtls"))
# Opening and closing booked balances; interim ones belong to pages of a statement.
_OPENING = ("OPBD", "PRCD")
_CLOSING = ("CLBD",)


@dataclass
class _Statement:
    account: str = ""
    currency: str = ""
    day: date | None = None
    count: int | None = None
    found: int = 0
    line: int = 0
    totals: AccountTotals = field(default_factory=AccountTotals)


class CamtReader:
    """Collects the entries of one file while its elements pass by."""

    def __init__(self, account: str) -> None:
        self.kind = ""
        self.entries = Spilled[StatementEntry]()
        self.set_aside = Spilled[SetAside]()
        self.statements: list[_Statement] = []
        self._account = account
        self._take = {
            "Acct": self._account_of,
            "Bal": self._balance,
            "CreDtTm": self._created,
            "FrToDt": self._period,
            "TxsSummry": self._summary,
            "Ntry": self._movement,
        }

    def read(self, content: bytes) -> StatementDocument:
        """The whole file. Raises StatementError with the line of what is wrong."""
        ElementReader(_WANTED, _KEPT_RAW, self._element, self._seen).read(content)
        if not self.kind:
            raise StatementError(
                gettext("The XML isn’t a camt.052, camt.053 or camt.054 statement.")
            )
        for statement in self.statements:
            self._check(statement)
        document = document_of(
            self.kind,
            self.entries,
            [statement.totals for statement in self.statements],
            account=self._account,
        )
        return replace(document, set_aside=self.set_aside)

    def _seen(self, name: str, line: int) -> None:
        if name in KINDS:
            self.kind = KINDS[name]
        elif name in _STARTS and self.kind:
            self.statements.append(_Statement(line=line))

    def _element(self, element: Element) -> None:
        if not self.statements:
            if element.name == "CreDtTm":
                return  # the message's own
            raise StatementError(
                gettext("The XML isn’t a camt.052, camt.053 or camt.054 statement."), element.line
            )
        self._take[element.name](element)

    def _account_of(self, element: Element) -> None:
        statement = self.statements[-1]
        statement.account = element.text_at("Id/IBAN", "Id/Othr/Id")
        statement.currency = element.text_at("Ccy")
        statement.totals.account = statement.account

    def _balance(self, element: Element) -> None:
        code = element.text_at("Tp/CdOrPrtry/Cd")
        if element.first("Tp/SubTp"):
            return
        totals = self.statements[-1].totals
        if code in _OPENING:
            totals.opening = self._signed(element)
        elif code in _CLOSING:
            totals.closing = self._signed(element)

    def _created(self, element: Element) -> None:
        if self.statements[-1].day is None:
            self.statements[-1].day = _read_day(element.text, element.line)

    def _period(self, element: Element) -> None:
        text = element.text_at("ToDtTm", "ToDt")
        if text:
            self.statements[-1].day = _read_day(text, element.line)

    def _day_of_statement(self, element: Element) -> date:
        """The last day that the statement is of, for an entry that has none of its own."""
        day = self.statements[-1].day
        if day is None:
            raise unreadable_date("", element.line)
        return day

    def _summary(self, element: Element) -> None:
        count = element.text_at("TtlNtries/NbOfNtries")
        if count.isdecimal() and len(count) < 10:
            self.statements[-1].count = int(count)

    def _movement(self, element: Element) -> None:
        statement = self.statements[-1]
        statement.found += 1
        status = element.text_at("Sts/Cd", "Sts/Prtry", "Sts")
        if status not in {"BOOK", ""}:  # pending and merely informative entries move no money
            self.set_aside.append(SetAside(element.line, status, element.raw))
            return
        money = self._signed(element)
        statement.totals.add(money)
        self.entries.extend(
            movement_entries(
                element,
                money=money,
                booked_on=_day(element) or self._day_of_statement(element),
                account=statement.account or self._account,
                position=len(self.entries) + 1,
            )
        )

    def _signed(self, element: Element) -> Money:
        """An element's amount by its own direction, which a reversal has already turned."""
        amount = element.first("Amt")
        if amount is None:
            raise StatementError(gettext("The entry has no amount."), element.line)
        currency = amount.attributes.get("Ccy") or self.statements[-1].currency
        code = read_currency(currency, line=amount.line)
        money = read_plain(amount.text.strip(), code, line=amount.line)
        direction = element.text_at("CdtDbtInd")
        if direction not in {"CRDT", "DBIT"}:
            raise StatementError(gettext("The entry says neither credit nor debit."), element.line)
        return money if direction == "CRDT" else -money

    def _check(self, statement: _Statement) -> None:
        if statement.count is not None and statement.count != statement.found:
            raise StatementError(
                gettext(
                    "The file promises %(promised)s entries and holds %(found)s.",
                    promised=statement.count,
                    found=statement.found,
                ),
                statement.line,
            )
        statement.totals.check(statement.line)


def _day(element: Element) -> date | None:
    """The day of booking, else of value, else of its parts; None if none is told."""
    parts = "NtryDtls/TxDtls/RltdDts"
    text = element.text_at(
        "BookgDt/Dt",
        "BookgDt/DtTm",
        "ValDt/Dt",
        "ValDt/DtTm",
        f"{parts}/IntrBkSttlmDt",
        f"{parts}/AccptncDtTm",
    )
    return _read_day(text, element.line) if text else None


def _read_day(text: str, line: int) -> date:
    # XML Schema's dates may carry a time zone, which names no other day here.
    bare = re.sub(r"(?<=^\d{4}-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d|T.*)$", "", text.strip())
    day = read_date(bare, DateOrder.YEAR_FIRST)
    if day is None:
        raise unreadable_date(text, line)
    return day


def read_camt(content: bytes, *, account: str = "") -> StatementDocument:
    """Read a camt.052, camt.053 or camt.054 file; `account` is taken where the file names none."""
    return CamtReader(account).read(content)
