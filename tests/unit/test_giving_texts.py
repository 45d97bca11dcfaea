"""Amounts on giving pages are written by patterns that are kept, as Babel writes each anew."""

import pytest
from babel import Locale
from babel.numbers import format_currency

from portal.giving.texts import coded_money, short_money, show_zero
from portal.i18n import gettext, use_locale
from portal.money import Money, exponent, format_money
from portal.regions.files import read_catalogue

READERS = sorted(
    {
        (option.currency, locale)
        for region in read_catalogue().regions.values()
        for option in region.currencies
        for locale in (*region.locales, "en", "fr", "de", "es", "ja", "ko", "pt_BR")
    }
    | {("KWD", "en"), ("INR", "hi_IN"), ("JPY", "fr_CA")}
)


@pytest.mark.parametrize(("currency", "locale"), READERS)
def test_amounts_are_written_as_babel_writes_them(currency: str, locale: str) -> None:
    places = 10 ** exponent(currency)
    with use_locale(locale):
        for minor in (1, 99, 7550, 99_999, 100_000, 123_456_789, 12_345_678_901, -7550):
            money = Money(minor, currency)
            assert _bare(coded_money(money)) == _bare(_name_currency(money, locale))
            if minor % places:
                assert short_money(money) == format_money(money, locale)


def _name_currency(money: Money, locale: str) -> str:
    pattern = Locale.parse(locale).currency_formats["standard"].pattern.replace("¤", "¤¤")
    return str(format_currency(money.decimal, money.currency, format=pattern, locale=locale))


def _bare(text: str) -> str:
    """Without the spaces around a code, which differ by its being one, and hidden marks."""
    return text.replace("\u00a0", "").replace("\u200f", "")


def test_whole_amounts_are_short_and_zero_shows_how_to_write_one() -> None:
    with use_locale("en_CA"):
        assert short_money(Money(5000, "CAD")) == "$50"
        assert short_money(Money(1_000_000, "CAD")) == "$10,000"
        assert (show_zero("CAD"), show_zero("JPY")) == ("0.00", "0")
    with use_locale("fr_CA"):
        assert short_money(Money(5000, "CAD")) == "50\u00a0$"
        assert show_zero("CAD") == "0,00"


def test_from_right_to_left_an_amount_has_a_code_that_can_not_be_turned_around() -> None:
    with use_locale("ar"):
        assert short_money(Money(5000, "USD")) == "50\u00a0USD"
        assert short_money(Money(1_234_550, "CAD")) == "12,345.50\u00a0CAD"


@pytest.mark.parametrize(
    ("value", "is_apart"),
    [
        ("2026-000417", True),
        ("4K2R-SY2R-2", True),
        ("0000 0000 0000", True),
        ("+1 416 555 0100", True),
        ("75.50\N{NO-BREAK SPACE}USD", False),
        ("LWCAN", False),
        ("{amount}", False),
        ("ليلى", False),
        (3, False),
    ],
)
def test_numbers_of_parts_keep_their_order_in_arabic(value: object, is_apart: bool) -> None:
    written = f"\N{LEFT-TO-RIGHT ISOLATE}{value}\N{POP DIRECTIONAL ISOLATE}"
    with use_locale("ar"):
        said = gettext("No. %(number)s", number=value)
        assert (written in said) is is_apart
        assert str(value) in said
    with use_locale("fr"):
        assert "\N{LEFT-TO-RIGHT ISOLATE}" not in gettext("No. %(number)s", number=value)


def test_amounts_in_arabic_have_no_sign_to_turn_around() -> None:
    for currency in ("USD", "CAD", "EUR"):
        assert format_money(Money(7550, currency), "ar") == f"75.50\N{NO-BREAK SPACE}{currency}"
