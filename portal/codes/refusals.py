"""Making refusals: each reason in words, with the next way to give."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import get_currency_name

from portal.codes.parsing import normalise_code
from portal.i18n import current_locale, gettext, pick
from portal.money import Money, format_money
from portal.regions.catalogue import Catalogue, CurrencyOption, Frequency, Mode, Region


class Reason(StrEnum):
    """Why a gift can't be given as asked."""

    UNKNOWN_REGION = "unknown_region"
    UNKNOWN_CODE = "unknown_code"
    SEVERAL_CODES = "several_codes"
    INACTIVE = "inactive"
    PAUSED = "paused"
    USED_UP = "used_up"
    USED_BY_DONOR = "used_by_donor"
    FIRST_GIFT_ONLY = "first_gift_only"
    NOT_YET = "not_yet"
    ENDED = "ended"
    WRONG_REGION = "wrong_region"
    NOT_POSSIBLE_HERE = "not_possible_here"
    WRONG_CURRENCY = "wrong_currency"
    UNDER_MINIMUM = "under_minimum"
    OVER_MAXIMUM = "over_maximum"
    WRONG_FUND = "wrong_fund"
    WRONG_MODE = "wrong_mode"
    WRONG_FREQUENCY = "wrong_frequency"


# The form field a refusal speaks of; the code where it is not named here.
_FIELDS = {
    Reason.UNKNOWN_REGION: "region",
    Reason.WRONG_CURRENCY: "currency",
    Reason.UNDER_MINIMUM: "amount",
    Reason.OVER_MAXIMUM: "amount",
    Reason.WRONG_FUND: "fund",
    Reason.WRONG_MODE: "mode",
    Reason.WRONG_FREQUENCY: "frequency",
}


@dataclass(frozen=True, slots=True)
class NextWay:
    """Another way to give: the form of `region` (a slug), with `code` or without one."""

    region: str
    code: str | None
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why not, as a sentence in the reader's language, and where to go on.

    `why` is the same without the way on, for where no region is known.
    """

    reason: Reason
    sentence: str
    why: str
    next_ways: tuple[NextWay, ...] = ()

    @property
    def field(self) -> str:
        """The form field to show the sentence at."""
        return _FIELDS.get(self.reason, "code")


def refuse_unknown_region(catalogue: Catalogue) -> Refusal:
    """There is no such region: offer all that there are."""
    sentence = gettext("We don’t know this region. Choose where you give from.")
    ways = tuple(_way(region) for region in catalogue.regions.values())
    return Refusal(reason=Reason.UNKNOWN_REGION, sentence=sentence, why=sentence, next_ways=ways)


# What people write between two codes; no code has one of these in it.
BETWEEN = frozenset(",;+/&|")


def refuse_unknown_code(text: str, region: Region | None = None) -> Refusal:
    """Nobody has this code; it is shown back in its one spelling.

    One gift takes one code: where two were typed, that is said, whichever they are.
    """
    code, reason = normalise_code(text), Reason.UNKNOWN_CODE
    sentence = gettext(
        "We don’t know the code %(code)s. Check the spelling, or give without it.", code=code
    )
    if BETWEEN & {*code.strip("".join(BETWEEN))}:
        reason = Reason.SEVERAL_CODES
        sentence = gettext("One gift takes one code. Enter one of %(codes)s.", codes=code)
    ways = (_way(region),) if region else ()
    return Refusal(reason=reason, sentence=sentence, why=sentence, next_ways=ways)


def _way(region: Region, code: str | None = None) -> NextWay:
    place = pick(region.place)
    if code is None:
        label = gettext("Give from %(place)s", place=place)
    else:
        label = gettext("Give from %(place)s with %(code)s", place=place, code=code)
    return NextWay(region.slug, code, label)


@dataclass(frozen=True, slots=True)
class Refuser:
    """Makes the refusals of one code (or of none) in one region."""

    display: str | None
    region: Region
    catalogue: Catalogue

    def _refuse(self, reason: Reason, *sentences: str, ways: Iterable[NextWay] = ()) -> Refusal:
        said = " ".join(sentences)
        return Refusal(reason=reason, sentence=said, why=sentences[0], next_ways=tuple(ways))

    def _refuse_code(self, reason: Reason, sentence: str, ways: Iterable[NextWay] = ()) -> Refusal:
        """A refused code always leaves the way without it."""
        without = gettext(
            "You can still give from %(place)s here, without the code.",
            place=pick(self.region.place),
        )
        return self._refuse(reason, sentence, without, ways=(_way(self.region), *ways))

    def inactive(self) -> Refusal:
        sentence = gettext("%(code)s is no longer in use.", code=self.display)
        return self._refuse_code(Reason.INACTIVE, sentence)

    def paused(self) -> Refusal:
        sentence = gettext("%(code)s is paused for now.", code=self.display)
        return self._refuse_code(Reason.PAUSED, sentence)

    def used_up(self) -> Refusal:
        sentence = gettext("%(code)s was used as often as it may be.", code=self.display)
        return self._refuse_code(Reason.USED_UP, sentence)

    def used_by_donor(self) -> Refusal:
        sentence = gettext("You have used %(code)s as often as one person may.", code=self.display)
        return self._refuse_code(Reason.USED_BY_DONOR, sentence)

    def first_gift_only(self) -> Refusal:
        sentence = gettext(
            "%(code)s is for a first gift, and you have given before. Thank you!",
            code=self.display,
        )
        return self._refuse_code(Reason.FIRST_GIFT_ONLY, sentence)

    def not_yet(self, starts_at: datetime) -> Refusal:
        sentence = gettext(
            "%(code)s starts on %(date)s.", code=self.display, date=self._day(starts_at)
        )
        return self._refuse_code(Reason.NOT_YET, sentence)

    def ended(self, ends_at: datetime) -> Refusal:
        last = self._day(ends_at - timedelta(microseconds=1))
        sentence = gettext("%(code)s ended on %(date)s.", code=self.display, date=last)
        return self._refuse_code(Reason.ENDED, sentence)

    def wrong_region(self, slugs: Iterable[str]) -> Refusal:
        homes = [region for region in self.catalogue.regions.values() if region.slug in {*slugs}]
        if not homes:
            return self.not_possible_here()
        sentence = gettext(
            "%(code)s is for gifts from %(places)s.",
            code=self.display,
            places=_any_of(pick(home.place) for home in homes),
        )
        ways = [_way(home, self.display) for home in homes]
        return self._refuse_code(Reason.WRONG_REGION, sentence, ways)

    def not_possible_here(self) -> Refusal:
        sentence = gettext(
            "%(code)s can’t be used for gifts from %(place)s.",
            code=self.display,
            place=pick(self.region.place),
        )
        return self._refuse_code(Reason.NOT_POSSIBLE_HERE, sentence)

    def currency_not_here(self, currencies: Iterable[str] | None) -> Refusal:
        if not currencies:
            return self.not_possible_here()
        sentence = gettext(
            "%(code)s is for gifts in %(currency)s, which can’t be given from %(place)s.",
            code=self.display,
            currency=_any_of(map(_currency_name, currencies)),
            place=pick(self.region.place),
        )
        return self._refuse_code(Reason.NOT_POSSIBLE_HERE, sentence)

    def wrong_currency(self, currency: str, options: Iterable[CurrencyOption]) -> Refusal:
        sentence = gettext(
            "This gift can’t be made in %(currency)s. Choose %(currencies)s.",
            currency=_currency_name(currency),
            currencies=_any_of(_currency_name(option.currency) for option in options),
        )
        return self._refuse(Reason.WRONG_CURRENCY, sentence)

    def under_minimum(self, minimum: Money) -> Refusal:
        amount = format_money(minimum, current_locale())
        if self.display:
            sentence = gettext(
                "With %(code)s, the least you can give is %(amount)s.",
                code=self.display,
                amount=amount,
            )
        else:
            sentence = gettext("The least you can give here is %(amount)s.", amount=amount)
        return self._refuse(Reason.UNDER_MINIMUM, sentence)

    def over_maximum(self, maximum: Money) -> Refusal:
        sentence = gettext(
            "The most you can give here at once is %(amount)s. For more, please write to us.",
            amount=format_money(maximum, current_locale()),
        )
        return self._refuse(Reason.OVER_MAXIMUM, sentence)

    def wrong_fund(self, fixed: str | None) -> Refusal:
        fund = self.region.fund(fixed) if fixed else None
        if fund is None:
            sentence = gettext("Choose one of the funds listed here.")
        else:
            sentence = gettext(
                "Gifts with %(code)s go to %(fund)s.", code=self.display, fund=pick(fund.names)
            )
        return self._refuse(Reason.WRONG_FUND, sentence)

    def wrong_mode(self, asked: Mode | None, modes: Iterable[Mode]) -> Refusal:
        offered = _any_of(pick(mode.label) for mode in modes)
        if asked is None:
            sentence = gettext("Choose how you want to pay: %(modes)s.", modes=offered)
        else:
            sentence = gettext(
                "“%(mode)s” can’t be used for this gift. Choose %(modes)s.",
                mode=pick(asked.label),
                modes=offered,
            )
        return self._refuse(Reason.WRONG_MODE, sentence)

    def wrong_frequency(self, mode: Mode) -> Refusal:
        sentence = gettext(
            "“%(mode)s” can’t be charged every month. Give one time, or choose another mode of "
            "payment.",
            mode=pick(mode.label),
        )
        return self._refuse(Reason.WRONG_FREQUENCY, sentence)

    def frequency_not_with_code(self, allowed: Iterable[Frequency]) -> Refusal:
        if Frequency.ONCE in {*allowed}:
            sentence = gettext("With %(code)s, a gift is made one time.", code=self.display)
        else:
            sentence = gettext("With %(code)s, a gift is made every month.", code=self.display)
        return self._refuse(Reason.WRONG_FREQUENCY, sentence)

    def _day(self, at: datetime) -> str:
        local = at.astimezone(ZoneInfo(self.region.timezone))
        return str(format_date(local, format="long", locale=current_locale()))


def _any_of(texts: Iterable[str]) -> str:
    """`A, B or C`, as the reader's language lists a choice."""
    return format_list(list(texts), style="or", locale=current_locale())


def _currency_name(currency: str) -> str:
    """As it stands in a sentence: euros, US dollars."""
    return str(get_currency_name(currency, count=2, locale=current_locale()))
