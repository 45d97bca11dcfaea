"""Reading a code's spelling, and what one level sets, as a file or the database holds it.

A document has, all optional: `regions`, `funds`, `modes` (in order), `currencies` and
`frequencies` that are allowed, `not_regions`, `not_funds` and `not_modes` that aren't; by currency
`presets` (lists), `amount`, `minimum`, `goal` and `match_cap`, as texts in major units ("75.50");
how often it may be used; texts, a picture and an address to go on to; `hosts` that may show its
panel. Its matching offer is the key of a pot (`match_pot`), what is added for what (`match_ratio`,
"2:1", else 1:1) and the most for one gift (`match_cap`); `no_match` denies any, also below.
`receipt_class` is `none` where others give the receipt.
"""

import re
import secrets
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, get_args
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, ValidationError

from portal.codes.terms import Frequency, ReceiptClass, Renewals
from portal.database import Document
from portal.regions.documents import ModeKey
from portal.regions.files import list_faults
from portal.regions.records import (
    CurrencyCode,
    Flag,
    OptionalTexts,
    PictureName,
    Table,
    Timezone,
    Whole,
    holding,
    list_minor,
    map_minor,
    recorded,
)

LONGEST_INPUT = 40
LONGEST_CODE = 32
# As it is printed, with spaces and dashes.
LONGEST_DISPLAY = 60

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
LONGEST_NAME = 80
# A name of the web, perhaps of all below it; a port where a test or an office has one.
HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}(:\d{1,5})?")


def is_host(name: str) -> bool:
    return len(name) <= 253 and HOST.fullmatch(name) is not None


def is_web_address(address: str) -> bool:
    """Whether it is a page of the web, or nothing."""
    if not address:
        return True
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    is_clean = not any(sign.isspace() or sign in "\"'<>\\" for sign in address)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and is_clean


class CodeError(ValueError):
    """A code's data is wrong; the text names code and field, and what it should be.

    `place` is the field's path (`presets.CAD[1]`), empty where it is the whole; `what` the rest.
    """

    def __init__(self, name: str, place: str = "", what: str = "") -> None:
        super().__init__(": ".join(part for part in (name, place, what) if part))
        self.place, self.what = place, what or name


Keys = tuple[str, ...]
Count = Annotated[Whole, holding(lambda count: count > 0, "is a number from 1")]
ModeKeys = Annotated[
    Keys, holding(lambda keys: {*keys} <= {*MODE_KEYS}, f"has some of {', '.join(MODE_KEYS)}")
]
SomeModes = Annotated[ModeKeys, holding(bool, f"has some of {', '.join(MODE_KEYS)}")]
WebAddress = Annotated[str, holding(is_web_address, "is an address such as https://example.org/")]
Name = Annotated[str, holding(lambda name: len(name) <= LONGEST_NAME, "is at most 80 characters")]
Hosts = Annotated[
    Keys,
    holding(lambda names: all(map(is_host, names)), "has hosts such as example.org, *.example.org"),
]
SomeKeys = Annotated[Keys, holding(bool, "has at least one")]
# A pot's name in terms, on pages and in the ledger.
POT_KEY = re.compile("[a-z0-9-]{2,40}")
PotKey = Annotated[
    str,
    holding(lambda key: not key or POT_KEY.fullmatch(key) is not None, "is the key of a pot"),
]
RATIO = re.compile(r"([1-9]\d{0,2}):([1-9]\d{0,2})", re.ASCII)
Ratio = Annotated[
    str,
    holding(
        lambda ratio: not ratio or RATIO.fullmatch(ratio) is not None, "is a ratio such as 1:1, 2:1"
    ),
]


# What is one amount a currency.
AMOUNTS = ("amount", "minimum", "goal", "match_cap")
# What a level leaves open.
NOTHING: tuple[Any, ...] = (None, (), {}, "", False)


class TermsTable(Table):
    """What one level sets, as its document says it."""

    regions: SomeKeys | None = None
    not_regions: Keys = ()
    funds: SomeKeys | None = None
    not_funds: Keys = ()
    modes: SomeModes | None = None
    not_modes: ModeKeys = ()
    currencies: Annotated[tuple[CurrencyCode, ...], holding(bool, "has at least one")] | None = None
    frequencies: Annotated[tuple[Frequency, ...], holding(bool, "has at least one")] | None = None
    presets: Mapping[str, tuple[str, ...]] = {}
    amount: Mapping[str, str] = {}
    minimum: Mapping[str, str] = {}
    goal: Mapping[str, str] = {}
    max_uses: Count | None = None
    max_uses_in_all: Count | None = None
    max_uses_a_donor: Count | None = None
    first_gift_only: Flag = False
    message: OptionalTexts = Field(default_factory=dict)
    headline: OptionalTexts = Field(default_factory=dict)
    picture: PictureName = ""
    landing: WebAddress = ""
    campaign: Name = ""
    renewals: Renewals | None = None
    hosts: Hosts = ()
    match_pot: PotKey = ""
    match_ratio: Ratio = ""
    match_cap: Mapping[str, str] = {}
    no_match: Flag = False
    receipt_class: ReceiptClass | None = None
    zone: Timezone = "UTC"

    def record(self) -> Document:
        """The part of a level's terms that its document says, without what it leaves open."""
        read = {
            name: getattr(self, name)
            for name in self.model_fields_set - {"presets", *AMOUNTS, "zone"}
        }
        read |= {f"{name}_minor": map_minor(getattr(self, name), name) for name in AMOUNTS}
        read["presets_minor"] = {
            code: list_minor(texts, code, f"presets.{code}") for code, texts in self.presets.items()
        }
        return {
            name: value for name, value in read.items() if value not in (None, (), {}, "", False)
        }


ADAPTER: TypeAdapter[Document] = TypeAdapter(Annotated[Document, recorded(TermsTable)])


def read_terms(name: str, document: Mapping[str, Any]) -> Document:
    """The terms that a document sets, by their names in `Code`; `CodeError` names the field.

    A campaign's codes, one a person, say the same: it is read once.
    """
    said = repr(document)
    terms = _READ.get(said)
    if terms is None:
        try:
            terms = ADAPTER.validate_python(document)
        except ValidationError as error:
            fault = next(list_faults(error, document))
            raise CodeError(name, fault.place, fault.what) from error
        if len(_READ) >= MOST_READ:
            _READ.clear()
        _READ[said] = terms
    return terms


MOST_READ = 256
_READ: dict[str, Document] = {}


def check_spelling(display: str) -> str:
    """The one spelling of a new code; raises `CodeError` where it has none that can be typed."""
    code = normalise_code(display)
    if not 0 < len(code) <= LONGEST_CODE:
        raise CodeError(display, "code", f"has 1 to {LONGEST_CODE} characters")
    if not is_spelling(code):
        raise CodeError(display, "code", "has letters and digits only")
    if len(display) > LONGEST_DISPLAY:
        raise CodeError(code, "code", f"is written with at most {LONGEST_DISPLAY} signs")
    return code


def is_spelling(code: str) -> bool:
    """Whether a normalised text can be a code at all."""
    return 0 < len(code) <= LONGEST_CODE and code.isalnum()


def check_window(name: str, starts_at: datetime | None, ends_at: datetime | None) -> None:
    if starts_at and ends_at and starts_at >= ends_at:
        raise CodeError(name, "ends_at", "is after starts_at")


UNAMBIGUOUS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
SECRET_LENGTH = 12
FEWEST_SECRET = 11
# One that has fewer different ones was thought up by somebody: AAAAAAAAAAAA.
FEWEST_DIFFERENT = 5
GROUP = 4


def make_secret() -> str:
    """A new spelling in groups, as it is printed: `7K3Q-XDLW-9MPA` kind."""
    drawn = ""
    while len({*drawn}) < FEWEST_DIFFERENT:
        drawn = "".join(secrets.choice(UNAMBIGUOUS) for _ in range(SECRET_LENGTH))
    return "-".join(drawn[at : at + GROUP] for at in range(0, SECRET_LENGTH, GROUP))


def check_secret(display: str) -> None:
    """Raise `CodeError` where a secret code could be guessed or misread."""
    code = check_spelling(display)
    is_clear = {*code} <= {*UNAMBIGUOUS}
    if not is_clear or len(code) < FEWEST_SECRET or len({*code}) < FEWEST_DIFFERENT:
        what = f"is at least {FEWEST_SECRET} letters and digits without 0, O, 1, I and L"
        raise CodeError(display, "code", what)
