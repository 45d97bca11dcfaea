"""The kinds of fields in a region's document, as pydantic reads them.

The catalogue's records carry these in their annotations, so that a document is held to what a
record says. What is wrong is said as a rule ("is six digits"), and `parsing` puts file and
place before it.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, GetPydanticSchema, StrictBool, StrictInt
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from portal.money import exponent

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
Timezone = Annotated[str, AfterValidator(_check_timezone)]
