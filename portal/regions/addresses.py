"""How people write addresses in a region, and the one way its postal codes are kept."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from portal.regions.fields import OptionalTexts, Texts

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
