"""Field :86: of MT940: who and why, in one of the three ways banks structure it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from portal.payments.statements.formats.texts import e_transfer_name, joined

# German banks: three digits of a booking code, then ?NN subfields.
_SUBFIELDS = re.compile(r"\d{3}(?P<mark>[?~<^+])(?=\d\d)")
_REMITTANCE = (*range(20, 30), *range(60, 64))
_NAMES = (32, 33)
_ACCOUNT = 31
# SEPA's own marks inside remittance lines.
_SEPA = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|SVWZ|ABWA|ABWE|IBAN|BIC)\+")
_TOLD = frozenset(("EREF", "SVWZ"))

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
    told: dict[int, list[str]] = {}
    for number, value in zip(parts[1::2], parts[2::2], strict=True):
        told.setdefault(int(number), []).append(value)
    found = {number: "".join(values) for number, values in told.items()}
    remittance = "".join(found.get(number, "") for number in _REMITTANCE)
    return Details(
        name=joined(["".join(found.get(number, "") for number in _NAMES)]),
        account=found.get(_ACCOUNT, "").strip(),
        message=_sepa_text(remittance),
    )


def _sepa_text(remittance: str) -> str:
    """What the payer wrote, without mandates and creditor's ids."""
    parts = _SEPA.split(remittance)
    told = [value for mark, value in zip(parts[1::2], parts[2::2], strict=True) if mark in _TOLD]
    return joined((parts[0], *(text for text in told if text.strip() != "NOTPROVIDED")))


def _from_codes(text: str) -> Details:
    parts = _CODES.split(text.replace("\n", ""))
    found: dict[str, str] = {}
    for code, value in zip(parts[1::2], parts[2::2], strict=True):
        found.setdefault(code, value.strip("/ "))
    counterparty = found.get("CNTP", "").split("/")
    remittance = found.get("REMI", "") + found.get("USTD", "")
    reference = found.get("EREF", "")
    return Details(
        name=found.get("NAME", "") or (counterparty[2] if len(counterparty) > 2 else ""),
        account=found.get("IBAN", "") or counterparty[0],
        message=joined((remittance, "" if reference == "NOTPROVIDED" else reference)),
    )
