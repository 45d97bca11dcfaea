"""The giving form: its stable field names, read and judged, and the pledge it makes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from portal.codes.parsing import is_spelling, normalise_code
from portal.codes.terms import Frequency, Pledge, Via
from portal.codes.uses import Attribution
from portal.donors import DonorDetails
from portal.forms import (
    AmountField,
    ChoiceField,
    EmailField,
    LineField,
    PortalForm,
    TickField,
)
from portal.giving.form.cache import Slot
from portal.giving.form.offer import Offer, Speaker
from portal.i18n import DEFAULT_LOCALE, current_locale, gettext, language, pick
from portal.money import Money
from portal.receipts.pdf import (
    ADDRESS_FIELDS,
    check_postal_code,
    check_province,
    check_signs,
    inside,
)
from portal.regions.catalogue import Region

# A name that no form filler knows: what is filled in here was filled in by a program.
HONEYPOT = "kx_7"
NAMES = ("first_name", "last_name")
PRINTED_FIELDS = (*NAMES, *ADDRESS_FIELDS, "dedication")
MORE_FIELDS = ("dedication", "anonymous", "consent_partner", "consent_news")
PLEDGE_FIELDS = ("amount", "currency", "frequency", "fund", "mode")
ASK_ADDRESS = {
    "address_line1": "Enter your %(label)s",
    "address_line2": "Enter your %(label)s",
    "city": "Enter your %(label)s",
    "province": "Choose your %(label)s",
    "postal_code": "Enter your %(label)s",
}


class GiftForm(PortalForm):
    """One gift as typed. `offer` says what may be chosen; its labels stand in templates."""

    amount = AmountField()
    currency = ChoiceField(ask="Choose one of the currencies listed here")
    frequency = ChoiceField(ask="Choose to give one time or every month")
    fund = ChoiceField(ask="Choose one of the funds listed here")
    code = LineField(longest=60)
    mode = ChoiceField(ask="Select your preferred mode of payment")
    first_name = LineField(ask="Enter your first name")
    last_name = LineField(ask="Enter your last name")
    email = EmailField(ask="Enter your e-mail address", longest=254)
    address_line1 = LineField(longest=200)
    address_line2 = LineField(longest=200)
    city = LineField()
    province = LineField()
    postal_code = LineField(longest=20)
    country = LineField(longest=2)
    dedication = LineField(longest=300)
    anonymous = TickField()
    cover_fee = TickField()
    consent_news = TickField()
    consent_partner = TickField()
    gift_aid = TickField()

    def __init__(self, sent: MultiDict[str, str], offer: Offer) -> None:
        super().__init__(sent, **_first_values(offer))
        self.offer = offer
        self.amount.currency = offer.currency
        self.amount.cards = frozenset(money.plain() for money in offer.cards)
        if not self.amount.sent and offer.suggested is not None:
            self.amount.sent = (offer.suggested.plain(),)
        self._set_options()
        self._set_address()
        # The box says whom it names: what was said to one partner is not said to another.
        told = sent.get(self.consent_partner.name, "")
        self.consent_partner.data = bool(offer.partner) and told == offer.partner

    def _set_options(self) -> None:
        offer = self.offer
        modes = [card.mode.key for card in offer.modes]
        self.currency.options = offer.currencies
        self.frequency.options = tuple(Frequency)
        # A fund that the code doesn't leave is refused by the policy, which says why.
        self.fund.options = [fund.key for fund in offer.region.open_funds]
        self.mode.options = modes
        self.frequency.anchor = f"frequency-{offer.frequency}"
        self.mode.anchor = f"mode-{modes[0]}" if modes else "modes"
        if len(modes) == 1 and not self.mode.data:
            self.mode.data = modes[0]

    def _set_address(self) -> None:
        region = self.offer.region
        if not (region.needs_address or region.takes_gift_aid):
            for name in ADDRESS_FIELDS:
                del self[name]
            return
        labels = region.address.labels
        for name, ask in ASK_ADDRESS.items():
            if name not in labels:
                del self[name]
            elif name in region.address.required and self.keeps_address:
                self[name].ask = gettext(ask, label=inside(pick(labels[name])))
        if self.country.data.upper() not in region.countries:
            self.country.data = next(iter(region.countries), "")

    def validate(self, extra_validators: Any = None) -> bool:
        """Judge every field; amounts and choices are then judged by `codes.policy.decide`."""
        super().validate(extra_validators)
        address = self.offer.region.address
        check_signs(self, PRINTED_FIELDS if self.keeps_address else (*NAMES, "dedication"))
        if self.keeps_address:
            check_postal_code(self, address)
            check_province(self, address)
        return not self.errors

    @property
    def wants_gift_aid(self) -> bool:
        """Whether Gift Aid was declared, where it can be."""
        return self.offer.region.takes_gift_aid and bool(self.gift_aid.data)

    @property
    def keeps_address(self) -> bool:
        """Whether the address is asked for: by the receipt, or by a declaration of Gift Aid."""
        return self.offer.region.receipt.needs_address or self.wants_gift_aid

    @property
    def chosen_mode(self) -> str:
        """The mode that is to look chosen: the one asked for, else the first of the order."""
        return self.mode.data if self.mode.data in self.mode.options else self.offer.first_mode

    @property
    def speaker(self) -> Speaker:
        """Who says what depends on the amount, as far as all else is chosen."""
        return Speaker(
            currency=self.offer.currency,
            frequency=self.offer.frequency,
            mode=self.offer.region.mode(self.chosen_mode),
            wants_cover=self.cover_fee.data,
        )

    @property
    def said(self) -> Mapping[Slot, str]:
        """What is said of the amount; a card's sum has a point whatever the locale."""
        is_card = self.amount.text in self.amount.cards
        return self.speaker.say_typed(
            self.amount.text, DEFAULT_LOCALE if is_card else current_locale()
        )

    @property
    def has_more(self) -> bool:
        """Whether something that few need was filled in, or is wrong."""
        return any(self[name].data or self[name].errors for name in MORE_FIELDS)

    @property
    def names_donor(self) -> bool:
        """Whether the code's partner may know who gives: never of an anonymous gift."""
        return bool(self.consent_partner.data and not self.anonymous.data)

    @property
    def has_pledge(self) -> bool:
        """Whether what was promised can be judged, however the rest of the form is."""
        return not any(self[name].errors for name in PLEDGE_FIELDS)

    def to_pledge(self) -> Pledge:
        """What was promised, once the form is valid."""
        given: Money = self.amount.data
        mode = self.offer.region.mode(self.mode.data)
        wants_cover = mode is not None and self.cover_fee.data
        return Pledge(
            given=given,
            cover=mode.cover(given) if mode and wants_cover else Money(0, given.currency),
            region=self.offer.region.slug,
            fund=self.fund.data,
            mode=self.mode.data,
            frequency=Frequency(self.frequency.data),
            code=self.offer.terms.code,
        )

    def to_donor(self) -> DonorDetails:
        """Who gives, once the form is valid."""
        asked = ADDRESS_FIELDS if self.keeps_address else ()
        address = {name: self[name].data for name in asked if name in self}
        return DonorDetails(
            first_name=self.first_name.data,
            last_name=self.last_name.data,
            email=self.email.data,
            locale=current_locale(),
            dedication=self.dedication.data,
            anonymous=self.anonymous.data,
            consent_news=self.consent_news.data,
            consent_partner=self.names_donor,
            gift_aid=self.wants_gift_aid,
            **address,
        )


def _first_values(offer: Offer) -> dict[str, str]:
    """What is chosen before anybody chose."""
    return {
        "currency": offer.currency,
        "frequency": offer.frequency,
        "fund": offer.fund,
        "country": next(iter(offer.region.countries), ""),
    }


LONGEST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class FormQuery:
    """The meaning of `/give/<region>?…`; empty text where nothing was asked.

    `via` and `first_code` are no choices: they tell how the donor came. `left_code` is another code
    than `code` that came beside it, and doesn't count.
    """

    region: str
    locale: str
    code: str = ""
    amount: str = ""
    currency: str = ""
    fund: str = ""
    frequency: str = ""
    mode: str = ""
    via: str = ""
    first_code: str = ""
    left_code: str = ""

    def form_data(self) -> MultiDict[str, str]:
        """The choices as the form's own fields; what was not asked is left to defaults."""
        names = ("code", "amount", "currency", "fund", "frequency", "mode", "via")
        asked = [(name, getattr(self, name)) for name in names if getattr(self, name)]
        return MultiDict([*asked, *([("code", self.left_code)] if self.left_code else [])])

    def address(self, **changes: str) -> str:
        """The address that asks the same but for `changes`, for links and redirects."""
        query = replace(self, **changes)
        pairs = list(query.form_data().items(multi=True))
        encoded = urlencode([*pairs, ("lang", language(query.locale))])
        return f"/give/{query.region}?{encoded}"


def choose_locale(region: Region, wanted: str) -> str:
    """The region's locale for a wish such as `fr`, `fr-CA` or nothing."""
    wish = wanted.replace("-", "_").strip()
    exact = (locale for locale in region.locales if locale.lower() == wish.lower())
    spoken = (locale for locale in region.locales if wish and language(locale) == language(wish))
    return next(exact, None) or next(spoken, None) or region.locales[0]


def read_query(region: Region, args: MultiDict[str, str]) -> FormQuery:
    """The meaning of a query string, for a region that exists.

    A choice that the region doesn't have is none: it would make a page of its own that says the
    same.
    """

    def text(name: str) -> str:
        return args.get(name, "").strip()[:LONGEST]

    def choice(wanted: str, known: Iterable[str]) -> str:
        return wanted if wanted in {*known} else ""

    code, left_code = read_codes(args)
    return FormQuery(
        region=region.slug,
        locale=choose_locale(region, text("lang")),
        code=code,
        left_code=left_code,
        amount=text("amount"),
        currency=choice(text("currency").upper(), (one.currency for one in region.currencies)),
        fund=choice(text("fund"), (one.key for one in region.funds)),
        frequency=choice(text("frequency"), Frequency),
        mode=choice(text("mode"), (one.key for one in region.modes)),
        via=choice(text("via"), LINKS),
    )


def read_codes(args: MultiDict[str, str], first: str = "") -> tuple[str, str]:
    """The code that counts, which is the first, and another one that came beside it."""
    sent = (normalise_code(text[:LONGEST]) for text in [first, *args.getlist("code")])
    codes = [*dict.fromkeys(filter(None, sent)), "", ""]
    return codes[0], codes[1]


# How a link may say that its code came.
LINKS = (Via.EMBED, Via.QR)


def read_attribution(sent: MultiDict[str, str], code: str) -> Attribution:
    """How a donor came by a form's code: as they first came, unless they typed another since.

    The form carries both with it, so that no trip to a pay page loses them.
    """
    first = normalise_code(sent.get("first_code", "")[:LONGEST])
    if not is_spelling(first):
        first = ""
    if not code or code != first:
        return Attribution(Via.TYPED, first or code)
    said = sent.get("via", "")
    return Attribution(Via(said) if said in (*LINKS, Via.TYPED) else Via.LINK, first)
