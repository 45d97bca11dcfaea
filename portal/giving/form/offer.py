"""What the form offers: a region's terms, a code's rules, the choices made, in words. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from portal.codes.policy import Refusal, Terms
from portal.codes.terms import ReceiptClass
from portal.forms import OTHER
from portal.giving.form.cache import MARKS, Slot
from portal.giving.texts import coded_money, say_offer, short_money
from portal.i18n import gettext, pick
from portal.money import AmountError, Money, exponent, parse_amount
from portal.regions.catalogue import CurrencyOption, Frequency, Fund, Mode, Region

# Characters of an amount in a quarter of the narrowest phone's width.
SHORT_CARD = 5
# Characters beneath a mode's name on the narrowest phones.
LONGEST_PACE = 28


@dataclass(frozen=True, slots=True)
class ModeCard:
    """A mode of payment as the form shows it, with its fee in one currency if it is known."""

    mode: Mode
    once_only: bool
    basis_points: int | None = None
    fixed: Money | None = None
    cap: Money | None = None

    @property
    def pace(self) -> str:
        """How long it takes, in as many words as a row has room for; else nothing."""
        delay = pick(self.mode.delay)
        return pick(self.mode.pace) or (delay if len(delay) <= LONGEST_PACE else "")

    @property
    def under(self) -> str:
        """What stands beneath the name: how long it takes, and what a card may come from."""
        return " · ".join(filter(None, (self.pace, ", ".join(self.mode.beside_cards))))

    @property
    def send_to(self) -> str:
        """The address or wallet code a transfer goes to; a payee's name is no such thing."""
        return "" if " " in self.mode.recipient else self.mode.recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The terms that hold for one showing of the form, for one fund, currency and frequency.

    With a refused code, `terms` are the region's own: one can always give without it.
    """

    region: Region
    terms: Terms
    refusal: Refusal | None
    fund: str
    currency: str
    frequency: Frequency

    @property
    def code(self) -> str:
        """The applied code as people write it, or nothing."""
        return self.terms.display or ""

    @property
    def partner(self) -> str:
        """The key of the code's partner, whom a donor may let know their name; else nothing."""
        return (self.terms.partner or "") if self.terms.partner_name else ""

    @property
    def partner_wording(self) -> str:
        """The sentence by which they do: shown, and kept with the consent."""
        return gettext(
            "Tell %(partner)s that this gift is from me", partner=self.terms.partner_name
        )

    @property
    def option(self) -> CurrencyOption:
        option = self.terms.option(self.currency)
        return option or self.terms.currencies[0]

    @property
    def exponent(self) -> int:
        return exponent(self.currency)

    @property
    def currencies(self) -> tuple[str, ...]:
        return tuple(option.currency for option in self.terms.currencies)

    @property
    def frequencies(self) -> tuple[Frequency, ...]:
        """The frequencies in which at least one mode can be paid."""
        return possible_frequencies(self.terms, self.fund, self.currency)

    @property
    def cards(self) -> tuple[Money, ...]:
        """The suggested amounts."""
        return self.option.presets(self.frequency)

    @property
    def has_short_cards(self) -> bool:
        """Whether the suggested amounts stand in one row on a phone."""
        return all(len(short_money(money)) <= SHORT_CARD for money in self.cards)

    @property
    def marked(self) -> Money | None:
        """The suggested amount that stands out, if one does."""
        return self.option.marked(self.frequency)

    @property
    def suggested(self) -> Money | None:
        """The amount the code fills in."""
        minor = self.terms.amount_minor.get(self.currency)
        return None if minor is None else Money(minor, self.currency)

    @property
    def fund_fixed(self) -> Fund | None:
        """The only fund there is to give to, by the code's rule."""
        return self.region.fund(self.terms.fund) if self.terms.fund_fixed else None

    @property
    def funds(self) -> tuple[Fund, ...]:
        """The funds there are to choose from."""
        return tuple(fund for fund in self.region.funds if fund.key in self.terms.funds)

    @property
    def fund_matters(self) -> bool:
        """Whether another fund would have other modes."""
        kinds = {tuple(mode.key for mode in modes) for modes in self.terms.funds.values()}
        return len(kinds) > 1 and not self.terms.fund_fixed

    @property
    def modes(self) -> tuple[ModeCard, ...]:
        """The modes of the fund that take the currency, whatever the frequency."""
        return tuple(
            _card(mode, self.currency)
            for mode in self.terms.funds[self.fund]
            if not mode.currencies or self.currency in mode.currencies
        )

    @property
    def first_mode(self) -> str:
        """The mode chosen before anybody chose: the first that takes the frequency."""
        is_monthly = self.frequency is Frequency.MONTHLY
        fit = (card.mode.key for card in self.modes if not (is_monthly and card.once_only))
        return next(fit, "")

    @property
    def covers(self) -> bool:
        """Whether covering the fee of at least one mode can be offered."""
        return any(card.basis_points is not None for card in self.modes)

    @property
    def matching(self) -> str:
        """What a sponsor adds to gifts, or why not to this one; nothing without an open offer."""
        offer, pot = self.terms.offer, self.terms.pot
        if offer is None or pot is None or not pot.is_open:
            return ""
        if pot.currency != self.currency:
            return gettext(
                "%(sponsor)s matches gifts in %(matched)s only; gifts in %(currency)s are not "
                "matched.",
                sponsor=pot.sponsor,
                matched=pot.currency,
                currency=self.currency,
            )
        said = say_offer(offer, pot)
        if not pot.left_minor or self.frequency is not Frequency.MONTHLY:
            return said
        month = gettext("Of a monthly gift, the first month is matched.")
        return f"{said} {month}"

    @property
    def receipt_note(self) -> str:
        """Whose receipt comes, where it is not ours."""
        if self.terms.receipt_class is not ReceiptClass.NONE:
            return ""
        return gettext(
            "With this code you get an acknowledgement from us. Where an official document is "
            "due, it comes from %(partner)s.",
            partner=self.terms.partner_name or self.code,
        )

    @property
    def told_minor(self) -> int | None:
        """What the page says is added to a gift, where that is nothing; else the offer says it."""
        pot = self.terms.pot
        is_told = self.terms.offer is not None and pot is not None and not pot.left_minor
        return 0 if is_told else None

    @property
    def message(self) -> str:
        return pick(self.terms.message)


def _card(mode: Mode, currency: str) -> ModeCard:
    once_only = Frequency.MONTHLY not in mode.frequencies
    if mode.fee is None or not mode.fee.covers(currency):
        return ModeCard(mode, once_only)
    cap = mode.fee.maximum_minor.get(currency)
    return ModeCard(
        mode,
        once_only,
        basis_points=mode.fee.basis_points,
        fixed=Money(mode.fee.fixed_minor[currency], currency),
        cap=None if cap is None else Money(cap, currency),
    )


def possible_frequencies(terms: Terms, fund: str, currency: str) -> tuple[Frequency, ...]:
    return tuple(one for one in Frequency if terms.modes_for(fund, currency, one))


def make_offer(
    region: Region,
    own: Terms,
    judged: Terms | Refusal,
    *,
    fund: str,
    currency: str,
    frequency: str,
) -> Offer:
    """The offer under `judged`, or under the region's `own` terms where it is a refusal.

    `fund`, `currency` and `frequency` are what was asked for, valid or not; monthly is never
    taken unless it was asked for and can be paid.
    """
    refusal = judged if isinstance(judged, Refusal) else None
    terms = own if isinstance(judged, Refusal) else judged
    option = terms.option(currency.upper()) or terms.currencies[0]
    chosen = fund if fund in terms.funds and not terms.fund_fixed else terms.fund
    frequencies: Collection[Frequency] = possible_frequencies(terms, chosen, option.currency)
    asked = next((one for one in frequencies if one == frequency), None)
    return Offer(
        region=region,
        terms=terms,
        refusal=refusal,
        fund=chosen,
        currency=option.currency,
        frequency=asked or next(iter(frequencies), Frequency.ONCE),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a donor is asked before a gift is kept, or was asked and answered.

    `duplicate` leads to the same gift given a moment ago; `left` is what the sponsor still adds of
    what was offered, `told_minor` what the donor knows of that; `again` that they said so.
    """

    duplicate: str = ""
    sponsor: str = ""
    left: Money | None = None
    told_minor: int | None = None
    again: bool = False


def say_left(left: Money) -> str:
    """What is still matched of a gift that was just sent, where that is not all of the offer."""
    if not left:
        return gettext("Nothing of this is matched any more")
    return gettext("Of this, %(amount)s is still matched", amount=coded_money(left))


def say_heading(fund: Fund | None) -> str:
    """What is given to, as the page's heading."""
    if fund is None:
        return gettext("Give")
    return pick(fund.heading) or gettext("Give to %(fund)s", fund=pick(fund.names))


def say_button(amount: str, frequency: Frequency, mode: Mode | None) -> str:
    """What pressing the button does; `amount` is all that is paid, written, or nothing."""
    if not amount:
        return gettext("Choose an amount")
    if mode is not None and mode.is_instructed:
        return gettext("Show me how to send %(amount)s", amount=amount)
    if frequency is Frequency.MONTHLY:
        return gettext("Give %(amount)s a month", amount=amount)
    return gettext("Give %(amount)s", amount=amount)


def say_cover(cover: str, given: str) -> str:
    """The offer to add the fee; both are written amounts, empty while they are not known."""
    if not cover:
        return gettext("Add the fee so that your whole gift arrives")
    return gettext("Add %(cover)s so that all of %(given)s arrives", cover=cover, given=given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Says what depends on the amount, for one currency, frequency and mode.

    `wants_cover` is whether the fee is added to what is paid.
    """

    currency: str
    frequency: Frequency
    mode: Mode | None
    wants_cover: bool = False

    def say(self, given: Money | None) -> Mapping[Slot, str]:
        """The texts of an amount; without one, or with nothing, those that ask for it."""
        if not given:
            return {
                Slot.BUTTON: say_button("", self.frequency, self.mode),
                Slot.COVER: say_cover("", ""),
            }
        cover = self.mode.cover(given) if self.mode else Money(0, given.currency)
        total = given + cover if self.wants_cover else given
        return {
            Slot.BUTTON: say_button(coded_money(total), self.frequency, self.mode),
            Slot.COVER: say_cover(short_money(cover) if cover else "", short_money(given)),
        }

    def say_typed(self, text: str, locale: str) -> Mapping[Slot, str]:
        """The texts of an amount as a link brings it; a mark for one brings marks for them."""
        if text == MARKS[Slot.AMOUNT]:
            return {slot: MARKS[slot] for slot in (Slot.BUTTON, Slot.COVER)}
        try:
            given = None if text in {"", OTHER} else parse_amount(text, self.currency, locale)
        except AmountError:
            given = None
        return self.say(given)
