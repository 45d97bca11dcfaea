"""Reading a region from its document, as a data file or the database holds it."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from babel import Locale, UnknownLocaleError

from portal.money import MAXIMUM_MINOR, STRIPE_MINIMUM_MINOR
from portal.regions.catalogue import CurrencyOption, Frequency, Fund, Region, TransferRules
from portal.regions.fields import FieldError, Fields
from portal.regions.mode_parsing import mode_reader, read_rules
from portal.regions.part_parsing import (
    read_address,
    read_fund,
    read_issuer,
    read_receipt,
    read_timezone,
)

T = TypeVar("T")


class RegionError(ValueError):
    """A region's data is wrong; the text names file and field, and what it should be.

    `place` is the field's path (`modes[2].label.fr`), empty where it is the whole file.
    """

    def __init__(self, text: str, place: str = "", what: str = "") -> None:
        super().__init__(text)
        self.place, self.what = place, what


def parse_region(document: Mapping[str, Any], source: str) -> Region:
    """The region a document describes; `source` is what errors call it (`ca.toml`)."""
    try:
        fields = Fields(document, source)
        region = _region(fields)
        fields.close()
        _check_modes(region, fields)
    except FieldError as error:
        raise RegionError(str(error), error.place, error.what) from error
    return region


# What holds where neither region nor mode says anything of reminders and expiry.
TRANSFERS = TransferRules(remind_after_days=(3, 10), expire_after_days=60)


def _transfers(fields: Fields) -> TransferRules:
    if "transfers" not in fields:
        return TRANSFERS
    return fields.one(
        "transfers",
        lambda table: read_rules(table, "remind_after_days", "expire_after_days", TRANSFERS),
    )


def _region(fields: Fields) -> Region:
    slug = fields.text("slug")
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,19}", slug):
        raise fields.wrong("slug", "is 2 to 20 small letters, digits and hyphens")
    modes = _some(fields, "modes", fields.each("modes", mode_reader(_transfers(fields))))
    return Region(
        code=fields.text("code", slug.upper()),
        slug=slug,
        position=fields.integer("position", 1000),
        sample=fields.flag("sample", False),
        names=fields.texts("names"),
        place=fields.texts("place"),
        countries=_matching(fields, "countries", r"[A-Z]{2}", "ISO 3166 codes such as GB"),
        currencies=_some(fields, "currencies", fields.each("currencies", _currency)),
        locales=_locales(fields),
        timezone=read_timezone(fields),
        address=fields.one("address", read_address),
        issuer=fields.one("issuer", read_issuer),
        receipt=fields.one("receipt", read_receipt),
        modes=modes,
        funds=_funds(fields, {mode.key for mode in modes}),
        welcome=fields.texts("welcome"),
    )


def _funds(fields: Fields, modes: set[str]) -> tuple[Fund, ...]:
    """The funds, whose own modes are all the region's."""
    funds = _some(fields, "funds", fields.each("funds", read_fund))
    for fund in funds:
        if not modes.issuperset(fund.modes):
            raise fields.wrong("funds", f"names modes of the region only ({fund.key})")
    return funds


def _some(fields: Fields, key: str, values: tuple[T, ...]) -> tuple[T, ...]:
    """At least one, and each only once by its key or code."""
    names = [getattr(value, "key", getattr(value, "currency", None)) for value in values]
    if not values:
        raise fields.wrong(key, "has at least one")
    if len(set(names)) < len(names):
        raise fields.wrong(key, "has each only once")
    return values


def _matching(fields: Fields, key: str, pattern: str, what: str) -> tuple[str, ...]:
    values = fields.strings(key)
    if not all(re.fullmatch(pattern, value) for value in values):
        raise fields.wrong(key, f"is a list of {what}")
    return values


def _locales(fields: Fields) -> tuple[str, ...]:
    locales = fields.strings("locales")
    try:
        spoken = {Locale.parse(locale).language for locale in locales}
    except (UnknownLocaleError, ValueError):
        raise fields.wrong("locales", "is a list of locales such as fr_CA") from None
    if not {"en", "fr"} <= spoken:
        raise fields.wrong("locales", "offers English and French at least")
    return locales


def _currency(fields: Fields) -> CurrencyOption:
    code = fields.text("currency")
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise fields.wrong("currency", "is three capital letters")
    option = CurrencyOption(
        currency=code,
        presets_minor=fields.minors("presets", code),
        monthly_presets_minor=fields.minors("monthly_presets", code),
        minimum_minor=fields.minor("minimum", code),
        maximum_minor=fields.minor("maximum", code),
    )
    if not 0 < option.minimum_minor <= option.maximum_minor <= MAXIMUM_MINOR:
        raise fields.wrong("maximum", f"is above the minimum and at most {MAXIMUM_MINOR} minor")
    for key in ("presets", "monthly_presets"):
        amounts = getattr(option, f"{key}_minor")
        if not amounts or not option.minimum_minor <= min(amounts) <= max(amounts) <= (
            option.maximum_minor
        ):
            raise fields.wrong(key, "has amounts from the minimum to the maximum")
    return option


def _check_modes(region: Region, fields: Fields) -> None:
    """What holds between fields: a mode's currencies, its instructions, Stripe's minimum."""
    if not region.offered:
        raise fields.wrong("modes", "has at least one that is offered")
    for at, mode in enumerate(region.modes):
        where = f"modes[{at}]"
        if any(region.currency(currency) is None for currency in mode.currencies):
            raise fields.wrong(f"{where}.currencies", "are among the region's currencies")
        if mode.is_stripe and Frequency.ONCE not in mode.frequencies:
            raise fields.wrong(f"{where}.frequencies", "has once")
        if not mode.is_stripe and Frequency.MONTHLY in mode.frequencies:
            raise fields.wrong(f"{where}.frequencies", "has monthly only where Stripe charges")
        if not mode.is_stripe and not mode.steps:
            raise fields.wrong(f"{where}.steps", "tells how to pay, as nobody else does")
        for option in region.currencies if mode.is_stripe else ():
            least = STRIPE_MINIMUM_MINOR.get(option.currency, 1)
            if mode.takes(option.currency, Frequency.ONCE) and option.minimum_minor < least:
                raise fields.wrong("currencies", f"{option.currency} begins at Stripe's minimum")
