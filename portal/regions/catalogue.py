"""The catalogue's records: what a region offers a donor. Pure, frozen, read from data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Annotated, Protocol
from urllib.parse import quote

from portal.i18n import pick
from portal.money import Money
from portal.regions.accounts import Account, Detail
from portal.regions.records import (
    CALENDAR_YEAR_END,
    AddressFormat,
    Fee,
    Flag,
    Frequency,
    GiftAid,
    Issuer,
    ModesHeading,
    OptionalTexts,
    PictureName,
    Proof,
    Province,
    ReceiptRule,
    Texts,
    Wallet,
    cover_fee,
    end_of_year,
    holding,
)
from portal.regions.schemes import ReceiptScheme

__all__ = [
    "Account",
    "AddressFormat",
    "Catalogue",
    "CurrencyOption",
    "Detail",
    "Fee",
    "Frequency",
    "Fund",
    "Issuer",
    "Mode",
    "ModesHeading",
    "Proof",
    "Province",
    "ReceiptRule",
    "ReceiptScheme",
    "Region",
    "Texts",
    "Wallet",
    "cover_fee",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyOption:
    """One currency a region takes, with suggested amounts and limits in its minor units.

    One amount of each list may be marked, for who has nothing to go by.
    """

    currency: str
    presets_minor: tuple[int, ...]
    monthly_presets_minor: tuple[int, ...]
    minimum_minor: int
    maximum_minor: int
    marked_minor: int | None = None
    monthly_marked_minor: int | None = None

    @property
    def minimum(self) -> Money:
        return Money(self.minimum_minor, self.currency)

    @property
    def maximum(self) -> Money:
        return Money(self.maximum_minor, self.currency)

    def presets(self, frequency: str = Frequency.ONCE) -> tuple[Money, ...]:
        """The suggested amounts for a one-off or a monthly gift."""
        is_monthly = frequency == Frequency.MONTHLY
        amounts = self.monthly_presets_minor if is_monthly else self.presets_minor
        return tuple(Money(minor, self.currency) for minor in amounts)

    def marked(self, frequency: str = Frequency.ONCE) -> Money | None:
        """The suggested amount that stands out, if one does."""
        is_monthly = frequency == Frequency.MONTHLY
        minor = self.monthly_marked_minor if is_monthly else self.marked_minor
        return None if minor is None else Money(minor, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """An e-Transfer's question and answer; with autodeposit only for banks that insist."""

    question: Annotated[
        str, holding(lambda text: 1 <= len(text) <= 40, "has 1 to 40 characters, as banks take")
    ]
    answer: Annotated[
        str,
        holding(
            lambda text: 3 <= len(text) <= 25 and " " not in text,
            "has 3 to 25 characters and no space, as banks take",
        ),
    ]
    autodeposit: Flag = True

    @property
    def lines(self) -> tuple[Detail, ...]:
        label = QUESTION_IF_ASKED if self.autodeposit else QUESTION
        return (Detail(label=label, value=self.question), Detail(label=ANSWER, value=self.answer))


SEND_TO: Texts = {"en": "Send to", "fr": "Destinataire"}
QUESTION: Texts = {"en": "Security question", "fr": "Question de sécurité"}
QUESTION_IF_ASKED: Texts = {
    "en": "Security question, only if your bank asks",
    "fr": "Question de sécurité, seulement si votre banque l’exige",
}
ANSWER: Texts = {"en": "Answer", "fr": "Réponse"}
WALLET_CODE: Texts = {"en": "Code to send to", "fr": "Code du destinataire"}
UNIT: Texts = {"en": "Sent in", "fr": "Unité d’envoi"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One mode of payment as a card on the form, and what its gift's page tells to do.

    `provider` is who takes the payment, None where its donor is told how to send it. `pace` is
    the delay in a few words, for a row. `steps` are templates with `{amount}`, `{reference}` and
    `{recipient}`, and so may `link`, a wallet's address. `unit` is what a wallet counts in, in
    words. Empty `currencies` means all of the region. `stripe_allowed` and `stripe_excluded` are
    Stripe's payment method types, `wallets` what Checkout puts beside a card in that region.
    """

    key: str
    provider: str | None = None
    icon: str
    label: Texts
    cost: Texts
    delay: Texts
    limits: Texts
    pace: OptionalTexts = field(default_factory=dict)
    recipient: str = ""
    account: Account | None = None
    security: Security | None = None
    unit: OptionalTexts = field(default_factory=dict)
    link: str = ""
    proof: Proof = Proof.WELCOME
    steps: tuple[Texts, ...] = ()
    details: tuple[Detail, ...] = ()
    frequencies: tuple[Frequency, ...]
    currencies: tuple[str, ...]
    fee: Fee | None = None
    stripe_allowed: tuple[str, ...] = ()
    stripe_excluded: tuple[str, ...] = ()
    wallets: tuple[Wallet, ...] = ()
    reminder_days: tuple[int, ...]
    expires_days: int
    offered: bool

    @property
    def is_instructed(self) -> bool:
        """Whether its donor sends the money themselves; else they are handed to a provider."""
        return self.provider is None

    @property
    def beside_cards(self) -> tuple[str, ...]:
        """What Checkout offers beside a card, by the names that people know."""
        link = ("Link",) if "link" in self.stripe_allowed else ()
        return (*(wallet.label for wallet in self.wallets), *link)

    def takes(self, currency: str, frequency: str) -> bool:
        """Whether a gift in this currency and frequency can be paid so."""
        known = not self.currencies or currency in self.currencies
        return known and frequency in self.frequencies

    def cover(self, money: Money) -> Money:
        """What covers the fee on `money`; nothing where no fee is known."""
        return cover_fee(money, self.fee) if self.fee else Money(0, money.currency)

    @property
    def particulars(self) -> tuple[Detail, ...]:
        """Where to send, line by line: recipient or account, then whatever else is needed."""
        lines = [*self.account.lines] if self.account else []
        if not self.account and self.recipient and " " not in self.recipient:
            label = WALLET_CODE if self.key == "wallet_code" else SEND_TO
            lines.append(Detail(label=label, value=self.recipient))
        if self.unit:
            lines.append(Detail(label=UNIT, value=pick(self.unit), copy=False))
        if self.security:
            lines += self.security.lines
        return (*lines, *self.details)

    def filled_link(self, *, amount: str, reference: str) -> str:
        """The wallet's address for one gift; `amount` in plain figures."""
        values = {"amount": amount, "reference": reference, "recipient": self.recipient}
        return self.link.format_map({name: quote(text, "") for name, text in values.items()})

    def filled_steps(self, *, amount: str, reference: str, locale: str | None = None) -> list[str]:
        """The steps for one gift, in the reader's language."""
        values = {"amount": amount, "reference": reference, "recipient": self.recipient}
        return [pick(step, locale).format_map(values) for step in self.steps]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fund:
    """What a gift is for: tithe, offering, or a partnership arm.

    `modes` are the keys of the only modes it can be given by, in the order to show them; none
    for all of the region's. `heading` stands over its form, where "Give to" and its name is no
    sentence. One that is not `offered` is closed: nothing new is given to it.
    """

    key: str
    names: Texts
    descriptions: Texts
    modes: tuple[str, ...] = ()
    heading: OptionalTexts = field(default_factory=dict)
    offered: Flag = True
    image: PictureName = ""

    def narrow(self, modes: tuple["Mode", ...], *, in_order: bool) -> tuple["Mode", ...]:
        """Those of the modes that this fund can be given by, in their order or in its own."""
        if not self.modes:
            return modes
        kept = [mode for mode in modes if mode.key in self.modes]
        if not in_order:
            kept.sort(key=lambda mode: self.modes.index(mode.key))
        return tuple(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Everything that differs by where the donor gives from.

    `names` stand alone ("United Kingdom"), `place` stands in a sentence after "from"
    ("the United Kingdom"). The rest of the world has no `countries`. The first locale,
    currency and fund are the region's default. A `sample` is nobody's: it shows what a region's
    file can say, and takes money in a demo alone. `receipt` acknowledges every gift for which
    none of the `official` ones is given.
    """

    code: str
    slug: str
    position: int
    names: Texts
    place: Texts
    countries: tuple[str, ...]
    currencies: tuple[CurrencyOption, ...]
    locales: tuple[str, ...]
    timezone: str
    address: AddressFormat
    issuer: Issuer
    receipt: ReceiptScheme
    modes: tuple[Mode, ...]
    funds: tuple[Fund, ...]
    welcome: Texts
    sample: bool = False
    modes_heading: ModesHeading = ModesHeading.SELECT
    receipts: ReceiptRule = ReceiptRule.EACH
    tax_year_end: str = CALENDAR_YEAR_END
    official: tuple[ReceiptScheme, ...] = ()

    gift_aid: GiftAid | None = None

    @property
    def needs_address(self) -> bool:
        """Whether its form asks for an address: some document that it gives out shows one."""
        is_official = not self.sample and self.issuer.official_receipts_from is not None
        given_out = (self.receipt, *(self.official if is_official else ()))
        return any(scheme.needs_address for scheme in given_out)

    def official_on(self, day: date) -> ReceiptScheme | None:
        """The official receipt of a day, once its issuer has confirmed that it gives them out.

        A sample's issuer is nobody, and gives out none.
        """
        begins = self.issuer.official_receipts_from
        if self.sample or begins is None or day < begins:
            return None
        return next((scheme for scheme in self.official if scheme.is_in_force(day)), None)

    def tax_year(self, year: int) -> tuple[date, date]:
        """The first and the last day of the tax year that ends in this one."""
        first, last = (end_of_year(self.tax_year_end, at) for at in (year - 1, year))
        return first + timedelta(days=1), last

    def asked_on(self, day: date) -> tuple[ReceiptScheme, ...]:
        """Those of its schemes that ask a donor for numbers on a day, the official one first."""
        schemes = (self.official_on(day), self.receipt)
        return tuple(scheme for scheme in schemes if scheme and scheme.donor_numbers)

    @property
    def takes_gift_aid(self) -> bool:
        """Whether donors may declare Gift Aid: to a charity that has its number."""
        terms = self.gift_aid
        return terms is not None and terms.offered and bool(self.issuer.registration_number)

    def currency(self, code: str) -> CurrencyOption | None:
        """The option for a currency; None where the region doesn't take it."""
        wanted = code.upper()
        return next((option for option in self.currencies if option.currency == wanted), None)

    def mode(self, key: str) -> Mode | None:
        return next((mode for mode in self.modes if mode.key == key), None)

    def fund(self, key: str) -> Fund | None:
        return next((fund for fund in self.funds if fund.key == key), None)

    @property
    def open_funds(self) -> tuple[Fund, ...]:
        """The funds a new gift may go to, in order; the others keep what they have."""
        return tuple(fund for fund in self.funds if fund.offered)

    @property
    def offered(self) -> tuple[Mode, ...]:
        """The modes a new gift may take, in order; the others serve gifts begun before."""
        return tuple(mode for mode in self.modes if mode.offered)

    def modes_for(self, currency: str, frequency: str) -> tuple[Mode, ...]:
        """The modes, in order, that take this currency in this frequency."""
        return tuple(mode for mode in self.offered if mode.takes(currency, frequency))


@dataclass(frozen=True, slots=True)
class Home:
    """Where a gift belongs: its region, and its mode there, as far as they are known."""

    region: Region
    mode: Mode | None


class Promised(Protocol):
    """What is needed of a gift to find its home: its region's slug, and its mode's key."""

    @property
    def region(self) -> str: ...
    @property
    def mode(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All regions by slug, in the order a chooser lists them, as of one version.

    `former` ones were taken out: nothing new is given there, and their gifts live on.
    """

    regions: Mapping[str, Region]
    version: int
    former: Mapping[str, Region] = field(default_factory=dict)

    def by_slug(self, slug: str) -> Region | None:
        """The region of an address, whatever its case."""
        return self.regions.get(slug.lower())

    @property
    def open(self) -> tuple[Region, ...]:
        """The regions in which something can be given, in order."""
        return tuple(region for region in self.regions.values() if region.offered)

    def by_country(self, country: str) -> Region | None:
        """The region that names this ISO 3166-1 alpha-2 country as its own."""
        wanted = country.upper()
        return next((here for here in self.regions.values() if wanted in here.countries), None)

    def known(self, slug: str) -> Region | None:
        """The same, also of one that was taken out."""
        return self.by_slug(slug) or self.former.get(slug.lower())

    def home_of(self, gift: Promised) -> Home:
        """A gift's region and mode, also when they have left the catalogue.

        `LookupError` where nobody knows the region and there is no rest of the world.
        """
        region = self.issuing(gift.region)
        return Home(region, region.mode(gift.mode))

    def issuing(self, slug: str) -> Region:
        """The region whose issuer money of `slug` belongs to; `LookupError` without any."""
        region = self.known(slug) or self.rest
        if region is None:
            raise LookupError("the catalogue has no region for this gift")
        return region

    def timezone_of(self, slug: str) -> str:
        """The zone of the issuer that money of `slug` belongs to; UTC where nobody knows it."""
        region = self.known(slug) or self.rest
        return region.issuer.timezone if region else "UTC"

    @property
    def rest(self) -> Region | None:
        """The rest of the world: the region that names no country."""
        return next((region for region in self.regions.values() if not region.countries), None)
