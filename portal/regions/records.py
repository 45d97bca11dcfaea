"""What a region is made of beside its modes: its address format, fees, issuer, receipt scheme."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from portal.money import Money
from portal.regions.fields import Flag, OptionalTexts, PictureName, Texts, Timezone, holding

IGNORED_IN_POSTAL_CODES = " -.–—"
LONGEST_POSTAL_CODE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Province:
    """A province, state or county as a form offers it."""

    code: str
    names: Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressFormat:
    """The address fields of a region; an empty label means that the field is not asked.

    `postal_pattern` is a regular expression over the code in capitals without the characters
    in `postal_ignored`; `postal_canonical` puts its groups together again (`\\1 \\2`).
    `required` names form fields, such as `address_line1`.
    """

    line1_label: Texts
    line2_label: OptionalTexts = field(default_factory=dict)
    city_label: Texts
    province_label: OptionalTexts = field(default_factory=dict)
    postal_label: OptionalTexts = field(default_factory=dict)
    postal_pattern: str = ""
    postal_example: str = ""
    postal_canonical: str = r"\g<0>"
    postal_ignored: str = IGNORED_IN_POSTAL_CODES
    required: tuple[str, ...] = ()
    provinces: tuple[Province, ...] = ()

    @property
    def labels(self) -> Mapping[str, Texts]:
        """The label of each form field that this region asks for, in order."""
        labels = {
            "address_line1": self.line1_label,
            "address_line2": self.line2_label,
            "city": self.city_label,
            "province": self.province_label,
            "postal_code": self.postal_label,
        }
        return {name: label for name, label in labels.items() if label}

    def clean_postal_code(self, text: str) -> str | None:
        """The code as it is kept (`A1A 1A1`), or None where it is no code of this region.

        Case, spaces, hyphens and full-width digits don't matter. Where the region has no
        pattern any short text is kept as typed. Empty text is not a code.
        """
        typed = " ".join(unicodedata.normalize("NFKC", text).upper().split())
        if not self.postal_pattern:
            return typed if 0 < len(typed) <= LONGEST_POSTAL_CODE else None
        compact = typed.translate(dict.fromkeys(map(ord, self.postal_ignored)))
        match = re.fullmatch(self.postal_pattern, compact, flags=re.ASCII)
        return match.expand(self.postal_canonical).strip(" -") if match else None

    def province(self, text: str) -> Province | None:
        """The province meant by a code or a name in any language, whatever its case."""
        wanted = text.strip().casefold()
        for province in self.provinces:
            spellings = {province.code, *province.names.values()}
            if wanted in {spelling.casefold() for spelling in spellings}:
                return province
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What a processor keeps: basis points of all that is charged, plus a fixed part.

    `fixed_minor` and `maximum_minor` are minor units by currency; a currency without a
    fixed part has no known fee, and one without a maximum has no cap.
    """

    basis_points: int
    fixed_minor: Mapping[str, int]
    maximum_minor: Mapping[str, int] = field(default_factory=dict)

    def covers(self, currency: str) -> bool:
        """Whether the fee is known in this currency, so that covering it can be offered."""
        return currency in self.fixed_minor


def cover_fee(money: Money, fee: Fee) -> Money:
    """The least to add to `money` so that, after the fee on the whole, `money` is left.

    With rate r and fixed part f: ceil((amount * r + f) / (1 - r)), and never more than the
    fee's cap. Nothing where the fee is not known in this currency.
    """
    if not fee.covers(money.currency):
        return Money(0, money.currency)
    due = money.minor * fee.basis_points + fee.fixed_minor[money.currency] * 10_000
    cover = -(-due // (10_000 - fee.basis_points))
    return Money(min(cover, fee.maximum_minor.get(money.currency, cover)), money.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """The body that receives the gifts of a region and signs for them.

    `registration_kind` names the rule its number is checked by, if there is one
    (`portal.regions.operations`); `accent` is a CSS colour, `timezone` an IANA
    name, `logo` and `signature` the names of pictures.
    """

    key: str
    legal_name: str
    registration_label: OptionalTexts = field(default_factory=dict)
    registration_number: str = ""
    registration_kind: str = ""
    address_lines: tuple[str, ...]
    country: str
    email: str
    phone: str = ""
    website: Annotated[
        str, holding(re.compile(r"(https?://\S+)?").fullmatch, "is an address with https://")
    ] = ""
    timezone: Timezone
    place: str
    signatory_name: str
    signatory_title: Texts
    accent: Annotated[
        str, holding(re.compile("(#[0-9a-f]{6})?").fullmatch, "is a colour such as #1d4f91")
    ] = ""
    logo: PictureName = ""
    signature: PictureName = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptScheme:
    """What a region's acknowledgement says: its title and the sentences its law asks for.

    `needs_address` asks the donor's address on the form; `paper` is a typst paper name.
    """

    key: str
    title: Texts
    statements: tuple[Texts, ...] = ()
    needs_address: Flag = False
    show_registration: Flag = False
    authority_name: OptionalTexts = field(default_factory=dict)
    authority_url: OptionalTexts = field(default_factory=dict)
    paper: Literal["a4", "us-letter"] = "a4"
