"""How the giving pages write money, currencies and languages."""

import re
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale
from babel.numbers import format_currency, format_percent, get_currency_name

from portal.codes.terms import MatchOffer, PotView
from portal.i18n import current_locale, gettext
from portal.money import Money, NumberSigns, exponent, format_money, number_signs


def short_money(money: Money) -> str:
    """An amount without decimals where it has none: $50, but $75.50."""
    locale = current_locale()
    before, after = _places(money.currency, locale, is_coded=False)
    return f"{_minus(money)}{before}{_figures(money, locale, is_short=True)}{after}"


def coded_money(money: Money) -> str:
    """An amount that names its currency beyond doubt: CAD 75.50, or 75,50 CAD."""
    locale = current_locale()
    before, after = _places(money.currency, locale, is_coded=True)
    return f"{_minus(money)}{before}{_figures(money, locale)}{after}"


def _minus(money: Money) -> str:
    return "-" if money.minor < 0 else ""


@lru_cache(maxsize=1024)
def _places(currency: str, locale: str, *, is_coded: bool) -> tuple[str, str]:
    """What stands before and after an amount's figures. Babel takes its time for each amount."""
    zero = Money(0, currency)
    if is_coded:
        pattern = Locale.parse(locale).currency_formats["standard"].pattern
        coded = pattern.replace("¤\xa0", "¤").replace("\xa0¤", "¤")
        before = coded.lstrip("\u200f").startswith("¤")
        coded = coded.replace("¤", "¤¤\xa0" if before else "\xa0¤¤")
        written = format_currency(zero.decimal, currency, format=coded, locale=locale)
    else:
        written = format_money(zero, locale)
    shown = str(written).replace("\u200f", "")
    ahead, _zero, behind = re.split(r"(\d(?:.*\d)?)", shown, maxsplit=1)
    return ahead, behind


def _figures(money: Money, locale: str, *, is_short: bool = False) -> str:
    """An amount's digits with the signs of a locale; whole ones without decimals in short."""
    signs, digits = number_signs(locale), exponent(money.currency)
    whole, rest = divmod(abs(money.minor), 10**digits)
    text = _group(str(whole), signs)
    return f"{text}{signs.decimal}{rest:0{digits}}" if digits and (rest or not is_short) else text


def _group(whole: str, signs: NumberSigns) -> str:
    """Thousands apart, and above them every `signs.step` digits: 12,34,567."""
    parts, rest = [whole[-3:]], whole[:-3]
    while rest:
        parts.append(rest[-signs.step :])
        rest = rest[: -signs.step]
    return signs.group.join(reversed(parts))


def copied_money(money: Money) -> str:
    """An amount to paste into a bank's form, which knows the currency: 75.50, or 75,50.

    With the reader's decimal sign, as the page says it, and no grouping, which forms refuse.
    """
    return money.plain().replace(".", number_signs(current_locale()).decimal)


def money_pattern(currency: str) -> str:
    """Where `coded_money` puts the number, for the form's script: CAD {number}."""
    return re.sub(r"\d(.*\d)?", "{number}", coded_money(Money(0, currency)))


def short_pattern(currency: str) -> str:
    """Where `short_money` puts the number, for the form's script: ${number}."""
    return re.sub(r"\d(.*\d)?", "{number}", format_money(Money(0, currency), current_locale()))


def show_zero(currency: str) -> str:
    """Nothing as an empty box shows how to write an amount: 0.00, 0,00 or 0."""
    return copied_money(Money(0, currency))


def large_money(money: Money) -> str:
    """`coded_money` in large letters: where room is narrow, the code has a line of its own."""
    text, code = coded_money(money), money.currency
    return text.replace(f"{code}\xa0", f"{code} ").replace(f"\xa0{code}", f" {code}")


def format_rate(basis_points: int) -> str:
    """Basis points as a per cent in the reader's way: 2.9%."""
    pattern = Locale.parse(current_locale()).percent_formats[None].pattern
    wide = pattern.replace("0", "0.##")
    return str(format_percent(basis_points / 10_000, format=wide, locale=current_locale()))


def say_offer(offer: MatchOffer, pot: PotView) -> str:
    """What a sponsor adds to gifts, how much at most, and what is left of it."""
    if pot.left_minor <= 0:
        return gettext(
            "What %(sponsor)s set aside to match gifts is used up: they are not matched any more.",
            sponsor=pot.sponsor,
        )
    unit = 10 ** exponent(pot.currency)
    rule = gettext(
        "%(sponsor)s adds %(added)s for every %(given)s you give.",
        sponsor=pot.sponsor,
        added=short_money(Money(offer.times * unit, pot.currency)),
        given=short_money(Money(offer.per * unit, pot.currency)),
    )
    cap = offer.cap(pot.currency)
    left = gettext("%(left)s is left for this.", left=_amount(pot.left_minor, pot))
    if cap is None:
        return f"{rule} {left}"
    most = gettext("At most %(cap)s for a gift.", cap=_amount(cap, pot))
    return f"{rule} {most} {left}"


def _amount(minor: int, pot: PotView) -> str:
    return coded_money(Money(minor, pot.currency))


def currency_name(currency: str) -> str:
    """A currency's name in the reader's language."""
    return str(get_currency_name(currency, locale=current_locale()))


def language_name(locale: str) -> str:
    """A language by its own name, as a switch shows it: English, Français."""
    return str(Locale.parse(locale.partition("_")[0]).get_language_name() or locale).capitalize()


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """`icon` is its picture, `tone` its colour; both only repeat the words."""

    icon: str
    tone: str
    heading: str
    text: str
    can_pay: bool = False
