"""A region's document as a data file or the database holds it, where its records differ from it.

A mode of payment is of one of three kinds: Stripe charges for it, or another provider, or its
donor follows instructions. Each has fields of its own, and a field of another kind is none here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from babel import Locale, UnknownLocaleError
from pydantic import AfterValidator, BeforeValidator, Field, create_model

from portal.money import MAXIMUM_MINOR, STRIPE_MINIMUM_MINOR
from portal.regions.accounts import FIELDS, SCHEMES, Account, Detail, is_nuban, is_number_of
from portal.regions.catalogue import (
    CurrencyOption,
    Fee,
    Frequency,
    Fund,
    Issuer,
    Mode,
    ModesHeading,
    Proof,
    ReceiptRule,
    Region,
    Security,
    Wallet,
)
from portal.regions.records import (
    CALENDAR_YEAR_END,
    AddressFormat,
    CurrencyCode,
    DayOfYear,
    Flag,
    GiftAid,
    OptionalTexts,
    Table,
    Texts,
    Timezone,
    TransferRules,
    Whole,
    each_once,
    holding,
    list_minor,
    map_minor,
    recorded,
    to_minor,
    wrong,
)
from portal.regions.schemes import ReceiptScheme, check_official

# Stable: the values of the form field `mode`, and of the column on every gift.
ModeKey = Literal[
    "card", "bank_debit", "interac", "bank_transfer", "wallet_code", "cheque", "cash", "other"
]
# What holds where neither region nor mode says anything of reminders and expiry.
TRANSFERS = TransferRules()
# The provider of modes whose kind is `stripe`.
STRIPE = "stripe"
PLACEHOLDERS = "may hold {amount}, {reference} and {recipient}"


class CurrencyTable(Table):
    """Amounts are texts in major units."""

    currency: CurrencyCode
    presets: tuple[str, ...] = ()
    monthly_presets: tuple[str, ...] = ()
    minimum: str
    maximum: str
    marked: str = ""
    monthly_marked: str = ""

    def record(self) -> CurrencyOption:
        option = CurrencyOption(
            currency=self.currency,
            presets_minor=list_minor(self.presets, self.currency, "presets"),
            monthly_presets_minor=list_minor(
                self.monthly_presets, self.currency, "monthly_presets"
            ),
            minimum_minor=to_minor(self.minimum, self.currency, "minimum"),
            maximum_minor=to_minor(self.maximum, self.currency, "maximum"),
            marked_minor=self._mark("marked"),
            monthly_marked_minor=self._mark("monthly_marked"),
        )
        if not 0 < option.minimum_minor <= option.maximum_minor <= MAXIMUM_MINOR:
            raise wrong(f"is above the minimum and at most {MAXIMUM_MINOR} minor", "maximum")
        for name in ("presets", "monthly_presets"):
            amounts = getattr(option, f"{name}_minor")
            if not amounts or not (
                option.minimum_minor <= min(amounts) <= max(amounts) <= option.maximum_minor
            ):
                raise wrong("has amounts from the minimum to the maximum", name)
        for name, amounts in (
            ("marked", option.presets_minor),
            ("monthly_marked", option.monthly_presets_minor),
        ):
            if getattr(option, f"{name}_minor") not in {None, *amounts}:
                raise wrong("is one of the suggested amounts", name)
        return option

    def _mark(self, name: str) -> int | None:
        text: str = getattr(self, name)
        return to_minor(text, self.currency, name) if text else None


class FeeTable(Table):
    """A processor's fee; its amounts by currency: `{ CAD = "0.30" }`."""

    basis_points: Annotated[
        Whole, holding(range(5000).__contains__, "is hundredths of a per cent, under 5000")
    ]
    fixed: Mapping[str, str] = {}
    maximum: Mapping[str, str] = {}

    def record(self) -> Fee:
        return Fee(
            basis_points=self.basis_points,
            fixed_minor=map_minor(self.fixed, "fixed"),
            maximum_minor=map_minor(self.maximum, "maximum"),
        )


class AccountTable(Table):
    """An account of any kind. Nothing that is wrong is ever shown: all fields are canonical."""

    kind: str

    def record(self) -> Account:
        values = {name: text for name, text in self if name != "kind" and text is not None}
        if self.kind == "nuban" and not is_nuban(values["bank_code"], values["account_number"]):
            raise wrong("is a NUBAN of this bank: its check digit is wrong", "account_number")
        return Account(kind=self.kind, values=values)


def _account_field(kind: str, name: str) -> Any:
    def check(text: str) -> str:
        value = FIELDS[name].check(text)
        if value is None or (name == "account_number" and not is_number_of(kind, value)):
            raise wrong(FIELDS[name].what)
        return value

    return Annotated[str, AfterValidator(check)]


def _make_account_table(kind: str) -> Any:
    """The table of one kind of account, from its scheme."""
    fields: dict[str, Any] = {"kind": (Literal[kind], ...)}
    for name in SCHEMES[kind].fields:
        is_optional = name in SCHEMES[kind].optional
        fields[name] = (_account_field(kind, name), None if is_optional else ...)
    return create_model(f"{kind}_account", __base__=AccountTable, **fields)


AnyAccount: Any = Annotated[
    reduce(or_, [_make_account_table(kind) for kind in SCHEMES]), Field(discriminator="kind")
]


def fill(text: str) -> str | None:
    """A template with nothing in its places; None where it has other places or stray braces."""
    try:
        return text.format_map({"amount": "", "reference": "", "recipient": ""})
    except (KeyError, ValueError, IndexError, AttributeError):
        return None


def _check_step(step: Mapping[str, str]) -> Mapping[str, str]:
    for language, text in step.items():
        if fill(text) is None:
            raise wrong(f"{PLACEHOLDERS}, and no other braces", language)
    return step


def _check_link(link: str) -> str:
    """A wallet's own address, which may hold amount and reference."""
    filled = fill(link)
    if filled is None:
        raise wrong(PLACEHOLDERS)
    try:
        parts = urlsplit(filled)
    except ValueError:
        raise wrong("is an address that begins with https://") from None
    if link and (parts.scheme != "https" or not parts.hostname or re.search(r"\s", link)):
        raise wrong("is an address that begins with https://")
    return link


def _check_frequencies(names: Any) -> Any:
    if isinstance(names, list) and (not names or not {*map(str, names)} <= {*Frequency}):
        raise wrong("has once, monthly or both")
    return names


def check_rules(rules: TransferRules, days: str, expiry: str) -> TransferRules:
    """Rising days, then the expiry; `days` and `expiry` are the fields' places."""
    recalled = rules.remind_after_days
    if list(recalled) != sorted({*recalled}) or any(day < 1 for day in recalled):
        raise wrong("is a rising list of days, each 1 or more", days)
    if not max(recalled, default=0) < rules.expire_after_days <= 730:
        raise wrong("is after the last reminder and at most 730 days", expiry)
    return rules


Frequencies = Annotated[tuple[Frequency, ...], BeforeValidator(_check_frequencies)]


class ModeTable(Table):
    """What every mode of payment has."""

    key: ModeKey
    kind: str
    icon: str
    label: Texts
    cost: Texts
    delay: Texts
    limits: Texts
    pace: OptionalTexts = Field(default_factory=dict)
    currencies: tuple[str, ...] = ()
    offered: Flag = True

    def record(self, rules: TransferRules) -> Mode:
        """The mode; `rules` are its region's, of reminders and expiry."""
        fields = {name: value for name, value in self if value is not None and name != "kind"}
        own = {"reminder_days": rules.remind_after_days, "expires_days": rules.expire_after_days}
        return Mode(**{**own, **fields})


class ChargedMode(ModeTable):
    """A mode that somebody charges for, who takes what they were asked for."""

    frequencies: Annotated[
        Frequencies, holding(lambda names: Frequency.ONCE in names, "has once")
    ] = (Frequency.ONCE,)
    fee: Annotated[Fee, recorded(FeeTable)] | None = None


class StripeMode(ChargedMode):
    """A mode that Stripe charges for."""

    kind: Literal["stripe"]
    stripe_allowed: tuple[str, ...] = ()
    stripe_excluded: tuple[str, ...] = ()
    wallets: tuple[Wallet, ...] = ()

    def record(self, rules: TransferRules) -> Mode:
        return replace(super().record(rules), provider=STRIPE)


class ProviderMode(ChargedMode):
    """A mode that another provider charges for, by its name."""

    kind: Literal["charged"]
    provider: Annotated[
        str,
        holding(
            re.compile("(?!stripe$)[a-z][a-z0-9]{0,11}").fullmatch,
            "is a provider's name, and Stripe's is kind = 'stripe'",
        ),
    ]


class InstructedMode(ModeTable):
    """A mode whose donor sends the money themselves, as they are told."""

    kind: Literal["instructions"]
    frequencies: Annotated[
        Frequencies,
        holding(
            lambda names: Frequency.MONTHLY not in names, "has monthly only where somebody charges"
        ),
    ] = (Frequency.ONCE,)
    recipient: str = ""
    account: Annotated[Account, recorded(AnyAccount)] | None = None
    security: Security | None = None
    unit: OptionalTexts = Field(default_factory=dict)
    link: Annotated[str, AfterValidator(_check_link)] = ""
    proof: Proof = Proof.WELCOME
    steps: Annotated[
        tuple[Annotated[Texts, AfterValidator(_check_step)], ...],
        holding(bool, "tells how to pay, as nobody else does"),
        Field(validate_default=True),
    ] = ()
    details: tuple[Detail, ...] = ()
    reminder_days: tuple[Whole, ...] | None = None
    expires_days: Whole | None = None


AnyMode = Annotated[StripeMode | InstructedMode | ProviderMode, Field(discriminator="kind")]


def _check_locales(locales: tuple[str, ...]) -> tuple[str, ...]:
    try:
        spoken = {Locale.parse(locale).language for locale in locales}
    except (UnknownLocaleError, ValueError):
        raise wrong("is a list of locales such as fr_CA") from None
    if not {"en", "fr"} <= spoken:
        raise wrong("offers English and French at least")
    return locales


def _check_address(address: AddressFormat) -> AddressFormat:
    if not {*address.required} <= {*address.labels}:
        raise wrong(f"names fields with a label: {', '.join(address.labels)}", "required")
    try:
        cleaned = address.clean_postal_code(address.postal_example)
    except (re.error, IndexError) as error:
        raise wrong(f"is a regular expression ({error})", "postal_pattern") from None
    if address.postal_pattern and cleaned != address.postal_example:
        raise wrong("is a code of the pattern, written canonically", "postal_example")
    return address


class RegionTable(Table):
    """A region's whole document."""

    slug: Annotated[
        str,
        holding(
            re.compile("[a-z][a-z0-9-]{1,19}").fullmatch,
            "is 2 to 20 small letters, digits and hyphens",
        ),
    ]
    code: str | None = None
    position: Whole = 1000
    sample: Flag = False
    modes_heading: ModesHeading = ModesHeading.SELECT
    receipts: ReceiptRule = ReceiptRule.EACH
    tax_year_end: DayOfYear = CALENDAR_YEAR_END
    names: Texts
    place: Texts
    welcome: Texts
    countries: Annotated[
        tuple[str, ...],
        holding(
            lambda codes: all(re.fullmatch("[A-Z]{2}", code) for code in codes),
            "is a list of ISO 3166 codes such as GB",
        ),
    ]
    locales: Annotated[tuple[str, ...], AfterValidator(_check_locales)]
    timezone: Timezone
    currencies: Annotated[
        tuple[Annotated[CurrencyOption, recorded(CurrencyTable)], ...], each_once("currency")
    ]
    address: Annotated[AddressFormat, AfterValidator(_check_address)]
    issuer: Issuer
    receipt: ReceiptScheme
    official: Annotated[tuple[ReceiptScheme, ...], AfterValidator(check_official)] = ()
    gift_aid: GiftAid | None = None
    transfers: Annotated[
        TransferRules,
        AfterValidator(lambda rules: check_rules(rules, "remind_after_days", "expire_after_days")),
    ] = TRANSFERS
    modes: Annotated[tuple[AnyMode, ...], each_once("key")]
    funds: Annotated[tuple[Fund, ...], each_once("key")]

    def record(self) -> Region:
        fields = {name: value for name, value in self if name != "transfers"}
        modes = tuple(mode.record(self.transfers) for mode in self.modes)
        region = Region(**{**fields, "code": self.code or self.slug.upper(), "modes": modes})
        for what, place in _find_misfits(region):
            raise wrong(what, place)
        return region


def _find_misfits(region: Region) -> Iterator[tuple[str, str]]:
    """What doesn't hold between fields: what they should be, and where."""
    keys = {mode.key for mode in region.modes}
    for fund in region.funds:
        if not keys.issuperset(fund.modes):
            yield f"names modes of the region only ({fund.key})", "funds"
    if region.gift_aid is not None and "GB" not in region.countries:
        yield "is for a region of the United Kingdom", "gift_aid"
    for name, offered in (("modes", region.offered), ("funds", region.open_funds)):
        if not offered:
            yield "has at least one that is offered", name
    for at, mode in enumerate(region.modes):
        where = f"modes[{at}]"
        rules = TransferRules(
            remind_after_days=mode.reminder_days, expire_after_days=mode.expires_days
        )
        check_rules(rules, f"{where}.reminder_days", f"{where}.expires_days")
        if any(region.currency(currency) is None for currency in mode.currencies):
            yield "are among the region's currencies", f"{where}.currencies"
        for option in region.currencies if mode.provider == STRIPE else ():
            least = STRIPE_MINIMUM_MINOR.get(option.currency, 1)
            if mode.takes(option.currency, Frequency.ONCE) and option.minimum_minor < least:
                yield f"{option.currency} begins at Stripe's minimum", "currencies"
