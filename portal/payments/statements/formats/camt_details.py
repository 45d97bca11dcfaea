"""One camt entry as movements: a batch that lists its parts becomes one movement each."""

from datetime import date

from portal.money import Money
from portal.payments.statements.formats.amounts import read_currency, read_plain
from portal.payments.statements.formats.entries import StatementEntry
from portal.payments.statements.formats.texts import (
    e_transfer_name,
    email_in,
    interac_reference_in,
    joined,
)
from portal.payments.statements.formats.xml_reading import Element

# What banks write where the payer gave no reference.
_NOTHING = frozenset(("NOTPROVIDED", "NONREF", "NOT PROVIDED"))


def movement_entries(
    element: Element, *, money: Money, booked_on: date, account: str, position: int
) -> list[StatementEntry]:
    """The entry's movements, counted on from `position`.

    A batch is divided only if its parts' amounts, in its own currency, add up to it.
    """
    parts = element.all("NtryDtls/TxDtls")
    amounts = [_part_amount(part, money) for part in parts]
    known = [amount for amount in amounts if amount is not None]
    if len(parts) < 2 or len(known) < len(parts) or sum(m.minor for m in known) != money.minor:
        pairs = [(parts[0] if len(parts) == 1 else element, money)]
    else:
        pairs = list(zip(parts, known, strict=True))
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
    paths = [path for party in parties for path in (f"{party}/Nm", f"{party}/Pty/Nm")]
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
        "RmtInf/Strd/AddtlRmtInf",
        "Refs/EndToEndId",
        "AddtlTxInf",
    )
    texts = [found.text for path in paths for each in sources for found in each.all(path)]
    texts += [found.text for found in element.all("AddtlNtryInf")]
    return joined(text for text in texts if text.strip() not in _NOTHING)
