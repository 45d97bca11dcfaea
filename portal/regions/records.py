"""What a region is made of beside its modes and schemes: address format, fees, issuer, transfers.

The kinds of fields in a region's document stand first, as pydantic reads them.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetPydanticSchema,
    StrictBool,
    StrictInt,
)
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from portal.i18n import Labelled, gettext
from portal.money import Money, exponent

LANGUAGES = ("en", "fr")


class Table(BaseModel):
    """A table of a document, whose `record()` is what the catalogue keeps of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def wrong(what: str, place: str = "") -> PydanticCustomError:
    """An error to raise in a validator; `place` is the field's path below what is validated."""
    return PydanticCustomError("wrong", "{what}", {"what": what, "place": place})


def recorded(table: Any) -> GetPydanticSchema:
    """Annotates a record that is read by way of another table: by its `record()`."""
    return GetPydanticSchema(
        lambda _kind, handler: no_info_after_validator_function(
            lambda read: read.record(), handler(table)
        )
    )


def holding(rule: Callable[[Any], object], what: str) -> AfterValidator:
    """Refuses a value that the rule doesn't hold for."""

    def check(value: Any) -> Any:
        if not rule(value):
            raise wrong(what)
        return value

    return AfterValidator(check)


def each_once(name: str) -> AfterValidator:
    """Refuses an empty list, and one that has the same `name` twice."""

    def check(values: tuple[Any, ...]) -> tuple[Any, ...]:
        names = {getattr(value, name) for value in values}
        if not values:
            raise wrong("has at least one")
        if len(names) < len(values):
            raise wrong("has each only once")
        return values

    return AfterValidator(check)


def _check_texts(texts: Mapping[str, str]) -> Mapping[str, str]:
    for language in LANGUAGES:
        if not texts.get(language, "").strip():
            raise wrong("is missing: the product speaks it everywhere", language)
    return texts


def _check_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise wrong("is a time zone such as America/Toronto") from None
    return name


def to_minor(text: str, currency: str, place: str) -> int:
    """An amount written as text in major units ("75.50"), in minor units, exactly."""
    try:
        minor = Decimal(text).scaleb(exponent(currency))
    except InvalidOperation:
        raise wrong('is an amount such as "75.50"', place) from None
    if not minor.is_finite() or minor < 0 or minor != minor.to_integral_value():
        raise wrong(f"is an amount that {currency} can express", place)
    return int(minor)


def list_minor(texts: tuple[str, ...], currency: str, place: str) -> tuple[int, ...]:
    """Amounts of one currency."""
    return tuple(to_minor(text, currency, f"{place}[{at}]") for at, text in enumerate(texts))


def map_minor(texts: Mapping[str, str], place: str) -> dict[str, int]:
    """Amounts by currency: `{ CAD = "0.30" }`."""
    return {code: to_minor(text, code, f"{place}.{code}") for code, text in texts.items()}


def _check_day(said: object) -> object:
    if said is None or said == "":
        return None
    if isinstance(said, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", said, re.ASCII):
        return said
    raise wrong('is a date in quotes such as "2026-03-01"')


Flag = StrictBool
Whole = StrictInt
# A text by locale; English and French at least, which an optional one may lack together.
Texts = Annotated[Mapping[str, str], AfterValidator(_check_texts)]
OptionalTexts = Annotated[
    Mapping[str, str], AfterValidator(lambda texts: texts and _check_texts(texts))
]
# A picture of `portal.regions.branding` by its hash, or none.
PictureName = Annotated[
    str, holding(re.compile("([0-9a-f]{64})?").fullmatch, "is the name of a picture")
]
CurrencyCode = Annotated[str, holding(re.compile("[A-Z]{3}").fullmatch, "is three capital letters")]
# A day as documents hold it: a text, since they are kept as JSON.
Day = Annotated[date | None, BeforeValidator(_check_day)]
Timezone = Annotated[str, AfterValidator(_check_timezone)]


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
    (`portal.regions.schemes`); `accent` is a CSS colour, `timezone` an IANA
    name, `logo` and `signature` the names of pictures. From `official_receipts_from` on it gives
    out official receipts, where its region has a scheme for them: that is its own confirmed choice.
    `official_reviewer` and `official_reviewed_on` say who of it held them against the law;
    `exemption` is what its tax office wrote it and when, `tax_number` the one it has there.
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
    tax_number: str = ""
    exemption: str = ""
    official_receipts_from: Day = None
    official_reviewer: str = ""
    official_reviewed_on: Day = None


class Proof(StrEnum):
    """Whether the donor may, or is asked to, send a picture of what they paid."""

    NONE = "none"
    WELCOME = "welcome"
    WANTED = "wanted"


class Wallet(StrEnum):
    """A phone's or a browser's wallet, which holds cards; Checkout shows it where there is one."""

    APPLE_PAY = "apple_pay"
    GOOGLE_PAY = "google_pay"

    @property
    def label(self) -> str:
        """Its name, which is the same in every language."""
        return self.value.replace("_", " ").title()


class ModesHeading(StrEnum):
    """What stands over the modes of payment, as the operator chooses; the first is the house's."""

    SELECT = "select"
    HOW = "how"

    @property
    def label(self) -> str:
        if self is ModesHeading.HOW:
            return gettext("How would you like to give?")
        return gettext("Please select your preferred mode of payment")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRules:
    """When a donor whose transfer has not come is reminded, and when the gift is given up."""

    remind_after_days: tuple[Whole, ...] = (3, 10)
    expire_after_days: Whole = 60


def _is_day_of_year(text: str) -> bool:
    """Whether a text is a month and a day, such as `04-05`, as every year or a leap year has it."""
    try:
        return len(text) == len("04-05") and bool(date.fromisoformat(f"2000-{text}"))
    except ValueError:
        return False


CALENDAR_YEAR_END = "12-31"
DayOfYear = Annotated[str, holding(_is_day_of_year, "is a month and a day such as 04-05")]


def end_of_year(ends: str, year: int) -> date:
    """The last day, such as `04-05`, of the year that ends in this one.

    29 February is the last of the month where this year has none.
    """
    try:
        return date.fromisoformat(f"{year}-{ends}")
    except ValueError:
        return date(year, 2, 28)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftAid:
    """The United Kingdom's Gift Aid: whether it is offered, and when the issuer's accounts end.

    `year_end` is a month and a day; 5 April where the charity is a trust.
    """

    offered: Flag = True
    year_end: DayOfYear = "04-05"


class Frequency(StrEnum):
    """The values of the form field `frequency`; `label` speaks the current language."""

    ONCE = "once"
    MONTHLY = "monthly"

    @property
    def label(self) -> str:
        return gettext("Every month") if self is Frequency.MONTHLY else gettext("One time")


class ReceiptRule(Labelled):
    """Whether a gift gets its receipt at once, or its donor one over all gifts of a year."""

    EACH = "each", "One a gift"
    YEARLY = "yearly", "One a year"
