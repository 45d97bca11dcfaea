"""What the form says of the choices made so far: its heading, its button, its fee. Pure.

Without script a page says what was known when it was made; `portal/static/give.js` says the same
of every choice after that, by the same texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from portal.forms import OTHER
from portal.giving.form.skeleton import MARKS, Slot
from portal.giving.texts import coded_money, short_money
from portal.i18n import gettext, pick
from portal.money import AmountError, Money, parse_amount
from portal.regions.catalogue import Frequency, Fund, Mode


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
