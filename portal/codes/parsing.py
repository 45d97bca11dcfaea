"""Reading a code's terms from its document, as a data file or the database holds them.

The document has, all optional: `regions` (slugs), `fund`, `currency`, `modes` (keys in
order), `message` (texts), and by currency `presets` (lists), `amount` and `minimum`, as
texts in major units ("75.50").
"""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter, ValidationError

from portal.codes.terms import Code, Kind
from portal.regions.documents import ModeKey
from portal.regions.fields import (
    CurrencyCode,
    OptionalTexts,
    Table,
    holding,
    list_minor,
    map_minor,
    recorded,
)
from portal.regions.files import list_faults

LONGEST_INPUT = 40
LONGEST_CODE = 32

# Dashes, spaces and controls, by Unicode category; dots and middle dots by name.
_SILENT_CATEGORIES = frozenset("Pd Zs Zl Zp Cc Cf Cs Co Cn".split())
_SILENT_SIGNS = frozenset(".·•")


def normalise_code(text: str) -> str:
    """`text` in capitals without spaces, hyphens and dots, at most 40 characters.

    Real codes have at most 32, so that a cut text never equals one.
    """
    if text.isascii() and text.isalnum():
        return text.upper()[:LONGEST_INPUT]
    spelling = text
    while (folded := _fold(spelling)) != spelling:
        spelling = folded
    return spelling[:LONGEST_INPUT]


def _fold(text: str) -> str:
    """One round: taking a character out can join its neighbours, so that rounds are repeated."""
    return _without_silent(unicodedata.normalize("NFKC", text).upper())


def _without_silent(text: str) -> str:
    return "".join(character for character in text if not _is_silent(character))


def _is_silent(character: str) -> bool:
    return character in _SILENT_SIGNS or unicodedata.category(character) in _SILENT_CATEGORIES


MODE_KEYS = get_args(ModeKey)


class CodeError(ValueError):
    """A code's data is wrong; the text names code and field, and what it should be."""


class TermsTable(Table):
    """What a code sets, as its document says it."""

    regions: tuple[str, ...] = ()
    fund: str | None = None
    currency: CurrencyCode | None = None
    modes: (
        Annotated[
            tuple[str, ...],
            holding(
                lambda keys: keys and {*keys} <= {*MODE_KEYS},
                f"has some of {', '.join(MODE_KEYS)}",
            ),
        ]
        | None
    ) = None
    presets: Mapping[str, tuple[str, ...]] = {}
    amount: Mapping[str, str] = {}
    minimum: Mapping[str, str] = {}
    message: OptionalTexts = Field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The part of a `Code` that its document says."""
        return {
            "regions": frozenset(self.regions),
            "fund": self.fund,
            "currency": self.currency,
            "modes": self.modes,
            "presets_minor": {
                code: list_minor(texts, code, f"presets.{code}")
                for code, texts in self.presets.items()
            },
            "amount_minor": map_minor(self.amount, "amount"),
            "minimum_minor": map_minor(self.minimum, "minimum"),
            "message": self.message,
        }


ADAPTER: TypeAdapter[dict[str, Any]] = TypeAdapter(Annotated[dict[str, Any], recorded(TermsTable)])


def parse_code(
    display: str,
    document: Mapping[str, Any],
    *,
    kind: Kind,
    partner: str | None = None,
    partner_name: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    active: bool = True,
) -> Code:
    """The code its columns and its document describe."""
    code = normalise_code(display)
    if not 0 < len(code) <= LONGEST_CODE:
        raise CodeError(f"{display}: code: has 1 to {LONGEST_CODE} characters")
    if starts_at and ends_at and starts_at >= ends_at:
        raise CodeError(f"{display}: ends_at: is after starts_at")
    terms = _read_terms(display, document)
    return Code(
        code=code,
        display=display,
        kind=kind,
        partner=partner,
        partner_name=partner_name,
        starts_at=starts_at,
        ends_at=ends_at,
        active=active,
        **terms,
    )


def _read_terms(display: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """What a document says. A campaign's codes, one a person, say the same: it is read once."""
    said = repr(document)
    terms = _READ.get(said)
    if terms is None:
        try:
            terms = ADAPTER.validate_python(document)
        except ValidationError as error:
            fault = next(list_faults(error, document))
            raise CodeError(fault.tell(display)) from error
        if len(_READ) >= MOST_READ:
            _READ.clear()
        _READ[said] = terms
    return terms


MOST_READ = 256
_READ: dict[str, dict[str, Any]] = {}
