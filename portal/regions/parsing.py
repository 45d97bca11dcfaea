"""Reading a region from its document, as a data file or the database holds it."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError

from portal.money import MAXIMUM_MINOR, STRIPE_MINIMUM_MINOR
from portal.regions.addresses import AddressFormat, Province
from portal.regions.catalogue import (
    CurrencyOption,
    Detail,
    Fund,
    Issuer,
    Mode,
    ReceiptScheme,
    Region,
)
from portal.regions.fees import Fee
from portal.regions.fields import FieldError, Fields
from portal.regions.frequency import Frequency

MODE_KEYS = ("card", "bank_debit", "interac", "bank_transfer", "wallet_code", "cheque")
ADDRESS_FIELDS = ("address_line1", "address_line2", "city", "province", "postal_code")
IGNORED_IN_POSTAL_CODES = " -.–—"

T = TypeVar("T")
_STEP_VALUES = {"amount": "", "reference": "", "recipient": ""}


class RegionError(ValueError):
    """A region's data is wrong; the text names file and field, and what it should be."""


def parse_region(document: Mapping[str, Any], source: str) -> Region:
    """The region a document describes; `source` is what errors call it (`ca.toml`)."""
    try:
        fields = Fields(document, source)
        region = _region(fields)
        fields.close()
        _check_modes(region, fields)
    except FieldError as error:
        raise RegionError(str(error)) from error
    return region


def _region(fields: Fields) -> Region:
    slug = fields.text("slug")
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,19}", slug):
        raise fields.wrong("slug", "is 2 to 20 small letters, digits and hyphens")
    return Region(
        code=fields.text("code", slug.upper()),
        slug=slug,
        position=fields.integer("position", 1000),
        names=fields.texts("names"),
        place=fields.texts("place"),
        countries=_matching(fields, "countries", r"[A-Z]{2}", "ISO 3166 codes such as GB"),
        currencies=_some(fields, "currencies", fields.each("currencies", _currency)),
        locales=_locales(fields),
        timezone=_timezone(fields),
        address=fields.one("address", _address),
        issuer=fields.one("issuer", _issuer),
        receipt=fields.one("receipt", _receipt),
        modes=_some(fields, "modes", fields.each("modes", _mode)),
        funds=_some(fields, "funds", fields.each("funds", _fund)),
        welcome=fields.texts("welcome"),
    )


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


def _timezone(fields: Fields) -> str:
    name = fields.text("timezone")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise fields.wrong("timezone", "is a time zone such as America/Toronto") from None
    return name


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


def _address(fields: Fields) -> AddressFormat:
    address = AddressFormat(
        line1_label=fields.texts("line1_label"),
        line2_label=fields.texts("line2_label", optional=True),
        city_label=fields.texts("city_label"),
        province_label=fields.texts("province_label", optional=True),
        postal_label=fields.texts("postal_label", optional=True),
        postal_pattern=fields.text("postal_pattern", ""),
        postal_example=fields.text("postal_example", ""),
        postal_canonical=fields.text("postal_canonical", r"\g<0>"),
        postal_ignored=fields.text("postal_ignored", IGNORED_IN_POSTAL_CODES),
        required=fields.strings("required", ()),
        provinces=fields.each("provinces", _province),
    )
    if not {*address.required} <= {*address.labels}:
        raise fields.wrong("required", f"names fields with a label: {', '.join(address.labels)}")
    _check_postal(fields, address)
    return address


def _check_postal(fields: Fields, address: AddressFormat) -> None:
    try:
        cleaned = address.clean_postal_code(address.postal_example)
    except (re.error, IndexError) as error:
        raise fields.wrong("postal_pattern", f"is a regular expression ({error})") from None
    if address.postal_pattern and cleaned != address.postal_example:
        raise fields.wrong("postal_example", "is a code of the pattern, written canonically")


def _province(fields: Fields) -> Province:
    return Province(code=fields.text("code"), names=fields.texts("names"))


def _issuer(fields: Fields) -> Issuer:
    accent = fields.text("accent", "")
    if accent and not re.fullmatch(r"#[0-9a-f]{6}", accent):
        raise fields.wrong("accent", "is a colour such as #1d4f91")
    return Issuer(
        key=fields.text("key"),
        legal_name=fields.text("legal_name"),
        registration_label=fields.texts("registration_label", optional=True),
        registration_number=fields.text("registration_number", ""),
        registration_kind=fields.text("registration_kind", ""),
        address_lines=fields.strings("address_lines"),
        country=fields.text("country"),
        email=fields.text("email"),
        phone=fields.text("phone", ""),
        website=fields.text("website", ""),
        timezone=_timezone(fields),
        place=fields.text("place"),
        signatory_name=fields.text("signatory_name"),
        signatory_title=fields.texts("signatory_title"),
        accent=accent,
    )


def _receipt(fields: Fields) -> ReceiptScheme:
    return ReceiptScheme(
        key=fields.text("key"),
        title=fields.texts("title"),
        statements=fields.texts_list("statements"),
        needs_address=fields.flag("needs_address", False),
        show_registration=fields.flag("show_registration", False),
        authority_name=fields.texts("authority_name", optional=True),
        authority_url=fields.texts("authority_url", optional=True),
        paper=fields.choice("paper", ("a4", "us-letter"), "a4"),
    )


def _mode(fields: Fields) -> Mode:
    frequencies = fields.strings("frequencies", ("once",))
    if not frequencies or not {*frequencies} <= {*Frequency}:
        raise fields.wrong("frequencies", "has once, monthly or both")
    return Mode(
        key=fields.choice("key", MODE_KEYS),
        kind=fields.choice("kind", ("stripe", "instructions")),
        icon=fields.text("icon"),
        label=fields.texts("label"),
        cost=fields.texts("cost"),
        delay=fields.texts("delay"),
        limits=fields.texts("limits"),
        recipient=fields.text("recipient", ""),
        steps=_steps(fields),
        details=fields.each("details", _detail),
        frequencies=tuple(Frequency(name) for name in frequencies),
        currencies=fields.strings("currencies", ()),
        fee=fields.one("fee", _fee) if "fee" in fields else None,
        stripe_allowed=fields.strings("stripe_allowed", ()),
        stripe_excluded=fields.strings("stripe_excluded", ()),
        reminder_days=fields.integers("reminder_days"),
        expires_days=fields.integer("expires_days") if "expires_days" in fields else None,
    )


def _steps(fields: Fields) -> tuple[dict[str, str], ...]:
    steps = fields.texts_list("steps")
    for at, step in enumerate(steps):
        for locale, text in step.items():
            try:
                text.format_map(_STEP_VALUES)
            except (KeyError, ValueError, IndexError, AttributeError):
                what = "may hold {amount}, {reference} and {recipient}, and no other braces"
                raise fields.wrong(f"steps[{at}].{locale}", what) from None
    return steps


def _detail(fields: Fields) -> Detail:
    return Detail(
        label=fields.texts("label"), value=fields.text("value"), copy=fields.flag("copy", True)
    )


def _fee(fields: Fields) -> Fee:
    fee = Fee(
        basis_points=fields.integer("basis_points"),
        fixed_minor=fields.minor_by_currency("fixed"),
        maximum_minor=fields.minor_by_currency("maximum"),
    )
    if not 0 <= fee.basis_points < 5000:
        raise fields.wrong("basis_points", "is hundredths of a per cent, under 5000")
    return fee


def _fund(fields: Fields) -> Fund:
    return Fund(
        key=fields.text("key"),
        names=fields.texts("names"),
        descriptions=fields.texts("descriptions"),
    )


def _check_modes(region: Region, fields: Fields) -> None:
    """What holds between fields: a mode's currencies, its instructions, Stripe's minimum."""
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
