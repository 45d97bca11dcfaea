"""What tax laws ask of donors, kind by kind: how each is checked, and what it says of who has it.

The checks are those that the offices publish: South Africa's identity number and tax reference end
with a Luhn digit, Ireland's PPS number has a check letter, India's PAN a pattern. A passport has
none, and no country's is known.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stdnum.exceptions import ValidationError
from stdnum.ie import pps
from stdnum.in_ import pan
from stdnum.za import idnr, tin

from portal.i18n import Labelled
from portal.regions.schemes import NumberKind, ReceiptField, ReceiptScheme

# As long as the longest, a trading name, may be.
LONGEST = 200


class PersonNature(Labelled):
    """What a donor is before the law."""

    NATURAL = "natural", "Natural person"
    COMPANY = "company", "Company"
    TRUST = "trust", "Trust"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRule:
    """A kind's rule: `field` is where a document shows it, `example` one that is right.

    `read` gives it as it is kept, or nothing where it is none. `nature` is what its bearer is,
    where it identifies them, and `country` the one that gave it; without that it has to be said.
    """

    field: ReceiptField
    example: str
    read: Callable[[str], str]
    nature: PersonNature | None = None
    country: str = ""

    @property
    def wants_country(self) -> bool:
        return self.nature is not None and not self.country


def _checked(validate: Callable[[str], str]) -> Callable[[str], str]:
    """By the published check of one of python-stdnum's kinds."""

    def read(text: str) -> str:
        try:
            return str(validate(text)) if text.isascii() else ""
        except ValidationError:
            return ""

    return read


def _read_passport(text: str) -> str:
    """Letters and figures, as the machine-readable line has them (ICAO Doc 9303)."""
    plain = re.sub(r"[\s.-]", "", text).upper()
    return plain if re.fullmatch(r"(?=.*\d)[A-Z0-9]{5,20}", plain, re.ASCII) else ""


def _read_company(text: str) -> str:
    """The register's: year, six figures and two for the kind of company."""
    match = re.fullmatch(r"(\d{4})[\s/-]?(\d{6})[\s/-]?(\d{2})", text, re.ASCII)
    return "/".join(match.groups()) if match else ""


def _read_trust(text: str) -> str:
    """The Master's, which each of its offices writes in its own way."""
    plain = " ".join(text.upper().split())
    return plain if re.fullmatch(r"(?=.*\d)[A-Z0-9 ()/.-]{4,30}", plain, re.ASCII) else ""


def _read_phone(text: str) -> str:
    """At most fifteen figures (E.164), kept as they are grouped."""
    figures = sum(sign.isdigit() for sign in text)
    is_one = re.fullmatch(r"\+?[\d\s()./-]+", text, re.ASCII) is not None
    return text if is_one and 7 <= figures <= 15 else ""


RULES: dict[NumberKind, NumberRule] = {
    NumberKind.ZA_INCOME_TAX: NumberRule(
        field=ReceiptField.TAX_REFERENCE, example="0001339050", read=_checked(tin.validate)
    ),
    NumberKind.ZA_ID: NumberRule(
        field=ReceiptField.ID_NUMBER,
        example="8001015009087",
        read=_checked(idnr.validate),
        nature=PersonNature.NATURAL,
        country="ZA",
    ),
    NumberKind.PASSPORT: NumberRule(
        field=ReceiptField.ID_NUMBER,
        example="A01234567",
        read=_read_passport,
        nature=PersonNature.NATURAL,
    ),
    NumberKind.ZA_COMPANY: NumberRule(
        field=ReceiptField.ID_NUMBER,
        example="2020/123456/07",
        read=_read_company,
        nature=PersonNature.COMPANY,
        country="ZA",
    ),
    NumberKind.ZA_TRUST: NumberRule(
        field=ReceiptField.ID_NUMBER,
        example="IT000123/2020(G)",
        read=_read_trust,
        nature=PersonNature.TRUST,
        country="ZA",
    ),
    NumberKind.PHONE: NumberRule(
        field=ReceiptField.DONOR_PHONE, example="+27 11 555 0100", read=_read_phone
    ),
    NumberKind.TRADING_NAME: NumberRule(
        field=ReceiptField.TRADING_NAME, example="Okafor Crafts", read=lambda text: text
    ),
    NumberKind.IN_PAN: NumberRule(
        field=ReceiptField.ID_NUMBER, example="ABCPA1234F", read=_checked(pan.validate)
    ),
    NumberKind.IE_PPSN: NumberRule(
        field=ReceiptField.ID_NUMBER, example="1234567T", read=_checked(pps.validate)
    ),
}


def list_kinds(schemes: Iterable[ReceiptScheme]) -> tuple[NumberKind, ...]:
    """All that some schemes ask for, each once."""
    return tuple(dict.fromkeys(kind for one in schemes for kind in one.donor_numbers))


def group_kinds(kinds: Iterable[NumberKind]) -> dict[ReceiptField, tuple[NumberKind, ...]]:
    """Kinds by their field: of each field a donor has one."""
    found: dict[ReceiptField, tuple[NumberKind, ...]] = {}
    for kind in kinds:
        field = RULES[kind].field
        found[field] = (*found.get(field, ()), kind)
    return found


def find_alternatives(schemes: Iterable[ReceiptScheme], kind: NumberKind) -> set[NumberKind]:
    """The kinds that may stand where a scheme asks for one: of them a donor has one alone."""
    groups = (
        group_kinds(one.donor_numbers)[RULES[kind].field]
        for one in schemes
        if kind in one.donor_numbers
    )
    return {one for group in groups for one in group}
