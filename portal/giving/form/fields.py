"""The giving form: its stable field names, read and judged, and the pledge it makes."""

from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from portal.codes.terms import Frequency, Pledge
from portal.donors import DonorDetails
from portal.forms import (
    AmountField,
    ChoiceField,
    EmailField,
    LineField,
    PortalForm,
    TickField,
)
from portal.giving.form.offer import Offer
from portal.giving.form.skeleton import Slot
from portal.giving.form.words import Speaker
from portal.i18n import DEFAULT_LOCALE, current_locale, gettext, pick
from portal.money import Money
from portal.receipts.pdf import (
    ADDRESS_FIELDS,
    check_postal_code,
    check_province,
    check_signs,
    inside,
)

# A name that no form filler knows: what is filled in here was filled in by a program.
HONEYPOT = "kx_7"
PRINTED_FIELDS = ("first_name", "last_name", *ADDRESS_FIELDS, "dedication")
MORE_FIELDS = ("dedication", "anonymous", "consent_news")
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

    def __init__(self, sent: MultiDict[str, str], offer: Offer) -> None:
        super().__init__(sent, **_first_values(offer))
        self.offer = offer
        self.amount.currency = offer.currency
        self.amount.cards = frozenset(money.plain() for money in offer.cards)
        if not self.amount.sent and offer.suggested is not None:
            self.amount.sent = (offer.suggested.plain(),)
        self._set_options()
        self._set_address()

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
        if not region.receipt.needs_address:
            for name in ADDRESS_FIELDS:
                del self[name]
            return
        labels = region.address.labels
        for name, ask in ASK_ADDRESS.items():
            if name not in labels:
                del self[name]
            elif name in region.address.required:
                self[name].ask = gettext(ask, label=inside(pick(labels[name])))
        if self.country.data.upper() not in region.countries:
            self.country.data = next(iter(region.countries), "")

    def validate(self, extra_validators: Any = None) -> bool:
        """Judge every field; amounts and choices are then judged by `codes.policy.decide`."""
        super().validate(extra_validators)
        address = self.offer.region.address
        check_signs(self, PRINTED_FIELDS)
        check_postal_code(self, address)
        check_province(self, address)
        return not self.errors

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
        address = {name: self[name].data for name in ADDRESS_FIELDS if name in self}
        return DonorDetails(
            first_name=self.first_name.data,
            last_name=self.last_name.data,
            email=self.email.data,
            locale=current_locale(),
            dedication=self.dedication.data,
            anonymous=self.anonymous.data,
            consent_news=self.consent_news.data,
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
