"""Money is whole minor units, and a typed amount is read exactly or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.money import (
    THREE_DECIMAL,
    ZERO_DECIMAL,
    AmountError,
    CurrencyMismatch,
    Money,
    exponent,
    format_money,
    parse_amount,
)
from portal.regions.files import read_catalogue

CATALOGUE = read_catalogue().regions.values()
LOCALES = st.sampled_from(
    sorted({*(locale for region in CATALOGUE for locale in region.locales), "de", "de_CH", "es"})
)
# Those the regions take, and some whose signs or decimals are out of the common.
ALL_CURRENCIES = st.sampled_from(
    sorted(
        {*(one.currency for region in CATALOGUE for one in region.currencies)}
        | {"CHF", "ISK", "KWD", "PLN", "UGX", "XOF"}
    )
)
ALL_AMOUNTS = st.builds(Money, st.integers(0, 99_999_999_999), ALL_CURRENCIES)
CURRENCIES = st.sampled_from(["CAD", "EUR", "JPY", "KRW", "KWD", "ISK", "UGX", "NGN"])
AMOUNTS = st.builds(Money, st.integers(0, 99_999_999), CURRENCIES)


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("75.50", "CAD", 7550),
        ("1,50", "CAD", 150),
        ("٥٠", "CAD", 5000),
        ("$1,234.56", "CAD", 123456),
        ("1 234,56 $", "CAD", 123456),
        ("1.234,56", "EUR", 123456),
        ("1'234.50", "EUR", 123450),
        ("1,500", "USD", 150000),
        ("50.00", "JPY", 50),
        ("CAD 20", "CAD", 2000),
        (" 20 ", "CAD", 2000),
        ("12.345", "KWD", 12345),
        ("1,234.567", "KWD", 1234567),
        ("1’234.50", "CHF", 123450),
        ("１２３．５０", "CAD", 12350),
        ("١٬٢٣٤٫٥٠", "CAD", 123450),
    ],
)
def test_reads_what_people_write(typed: str, currency: str, minor: int) -> None:
    assert parse_amount(typed, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("typed", "currency", "reason"),
    [
        ("", "CAD", AmountError.EMPTY),
        ("  ", "CAD", AmountError.EMPTY),
        ("-5", "CAD", AmountError.NEGATIVE),
        ("−5", "CAD", AmountError.NEGATIVE),
        ("1e9", "CAD", AmountError.UNCLEAR),
        ("1.505", "CAD", AmountError.DECIMALS),
        ("0.505", "CAD", AmountError.DECIMALS),
        ("50.5", "JPY", AmountError.DECIMALS),
        ("1,2,3", "CAD", AmountError.UNCLEAR),
        ("1,23,456", "CAD", AmountError.UNCLEAR),
        ("1.234.56", "CAD", AmountError.UNCLEAR),
        ("fifty", "CAD", AmountError.UNCLEAR),
        ("NaN", "CAD", AmountError.UNCLEAR),
        ("9" * 13, "CAD", AmountError.TOO_LARGE),
        ("1,500", "KWD", AmountError.DECIMALS),
        ("١٫٥٠٥", "CAD", AmountError.DECIMALS),
    ],
)
def test_refuses_what_it_would_have_to_guess(typed: str, currency: str, reason: str) -> None:
    with pytest.raises(AmountError) as caught:
        parse_amount(typed, currency)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("typed", "currency", "locale", "minor"),
    [
        ("1.500", "EUR", "de", 150000),
        ("1.500", "EUR", "en_DE", 150000),
        ("50.000", "JPY", "en_DE", 50000),
        ("1.234.567", "EUR", "en_DE", 123456700),
        ("1,234,567", "EUR", "en_DE", 123456700),
        ("1 500", "EUR", "fr", 150000),
        ("1\u202f500,50", "EUR", "fr", 150050),
        ("75,50 $CA", "CAD", "fr", 7550),
        ("12,34,567.50", "INR", "en_IN", 123456750),
        ("1,234,567", "INR", "en_IN", 123456700),
        ("1’500", "CHF", "de_CH", 150000),
        ("R 1 500,50", "ZAR", "en_ZA", 150050),
        ("12,345", "KWD", "fr", 12345),
        ("0.505", "KWD", "de", 505),
        ("١٬٥٠٠", "EUR", "fr", 150000),
    ],
)
def test_reads_thousands_as_the_reader_writes_them(
    typed: str, currency: str, locale: str, minor: int
) -> None:
    assert parse_amount(typed, currency, locale) == Money(minor, currency)


@pytest.mark.parametrize(
    ("typed", "currency", "locale"),
    [
        ("1,500", "EUR", "fr"),
        ("1,500", "EUR", "de"),
        ("1,500", "ZAR", "en_ZA"),
        ("1,500", "CHF", "de_CH"),
        ("1.500", "EUR", "fr"),
        ("1.505", "CAD", "fr_CA"),
        ("1.505", "CAD", "en_CA"),
        ("5,000", "JPY", "fr"),
        ("1.500", "KWD", "de"),
        ("12.345", "KWD", "fr"),
        ("0.505", "EUR", "de"),
        ("1500.505", "EUR", "de"),
        ("١٫٥٠٥", "EUR", "de"),
    ],
)
def test_refuses_three_figures_that_are_not_surely_thousands(
    typed: str, currency: str, locale: str
) -> None:
    with pytest.raises(AmountError) as caught:
        parse_amount(typed, currency, locale)
    assert caught.value.reason == AmountError.DECIMALS


@given(LOCALES)
def test_two_decimals_are_decimals_for_every_reader(locale: str) -> None:
    assert parse_amount("1,50", "EUR", locale) == parse_amount("1.50", "EUR", locale)
    assert parse_amount("1,50", "EUR", locale) == Money(150, "EUR")


@given(ALL_AMOUNTS, LOCALES)
def test_reads_back_what_a_page_shows_the_reader(money: Money, locale: str) -> None:
    assert parse_amount(format_money(money, locale), money.currency, locale) == money


@given(ALL_AMOUNTS, LOCALES)
def test_a_plain_amount_is_never_taken_for_another(money: Money, locale: str) -> None:
    try:
        read = parse_amount(money.plain(), money.currency, locale)
    except AmountError:
        # Three decimals may look like a reader's thousands: asked again, never taken for them.
        assert exponent(money.currency) == 3
    else:
        assert read == money


@given(AMOUNTS)
def test_reads_back_its_own_plain_form(money: Money) -> None:
    assert parse_amount(money.plain(), money.currency) == money


@given(st.text(max_size=20), CURRENCIES, LOCALES)
def test_never_fails_in_another_way(typed: str, currency: str, locale: str) -> None:
    try:
        money = parse_amount(typed, currency, locale)
    except AmountError:
        return
    assert money.minor >= 0


@given(AMOUNTS)
def test_survives_stripes_wire(money: Money) -> None:
    assert Money.from_stripe(money.stripe_amount, money.currency.lower()) == money


def test_sends_two_decimals_where_stripe_wants_them() -> None:
    assert Money(500, "ISK").stripe_amount == 50_000
    assert Money(500, "JPY").stripe_amount == 500


def test_refuses_to_mix_currencies() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(1, "CAD") + Money(1, "USD")
    with pytest.raises(CurrencyMismatch):
        assert Money(1, "CAD") < Money(2, "USD")


@pytest.mark.parametrize("minor", [1.0, True, "1"])
def test_refuses_anything_but_whole_minor_units(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(minor, "CAD")  # type: ignore[arg-type]  # the wrong type is the test


@given(AMOUNTS, st.integers(0, 10_000))
def test_shares_are_within_half_a_minor_unit(money: Money, basis_points: int) -> None:
    share = money.share(basis_points)
    assert abs(share.minor * 10_000 - money.minor * basis_points) * 2 <= 10_000


def test_knows_decimals_per_currency() -> None:
    assert {exponent(code) for code in ZERO_DECIMAL} == {0}
    assert {exponent(code) for code in THREE_DECIMAL} == {3}
    assert exponent("CAD") == 2


def test_formats_for_the_reader() -> None:
    assert format_money(Money(7550, "CAD"), "en_CA") == "$75.50"
    assert format_money(Money(7550, "CAD"), "fr_CA") == "75,50\xa0$"
    assert format_money(Money(5000, "JPY"), "en") == "¥5,000"
    assert format_money(Money(92_501_525, "NGN"), "en_CA") == "NGN\xa0925,015.25"
    assert format_money(Money(92_501_525, "NGN"), "de") == "925.015,25\xa0NGN"
    assert format_money(Money(-5000, "ZAR"), "en") == "-ZAR\xa050.00"
