"""Amounts in words: with cents, without decimals, with three, as each language counts."""

import pytest

from portal.money import Money
from portal.receipts.words import write_words

GOLDEN = (
    ("en_CA", "CAD", 1, "one cent"),
    ("en_CA", "CAD", 100, "one Canadian dollar"),
    ("en_CA", "CAD", 2180, "twenty-one Canadian dollars and eighty cents"),
    ("en_CA", "CAD", 100_000_005, "one million Canadian dollars and five cents"),
    ("fr_CA", "CAD", 1, "un cent"),
    ("fr_CA", "CAD", 100, "un dollar canadien"),
    ("fr_CA", "CAD", 2180, "vingt et un dollars canadiens et quatre-vingts cents"),
    ("fr_CA", "CAD", 100_000_005, "un million de dollars canadiens et cinq cents"),
    ("de_DE", "EUR", 1, "ein Cent"),
    ("de_DE", "EUR", 100, "ein Euro"),
    ("de_DE", "EUR", 2180, "einundzwanzig Euro und achtzig Cent"),
    ("de_DE", "EUR", 100_000_005, "eine Million Euro und fünf Cent"),
    ("fr_FR", "EUR", 100_000_000, "un million d’euros"),
    ("fr_FR", "EUR", 101, "un euro et un centime"),
    ("fr_FR", "GBP", 2100, "vingt et une livres sterling"),
    ("en_GB", "GBP", 101, "one British pound and one penny"),
    ("en_US", "JPY", 5000, "five thousand Japanese yen"),
    ("fr_FR", "JPY", 1, "un yen japonais"),
    ("en_US", "TND", 5250, "five Tunisian dinars and 250/1000"),
    ("de_DE", "TND", 7, "null Tunesische Dinar und 007/1000"),
    ("en_US", "NGN", 50, "zero Nigerian nairas and 50/100"),
    ("ja", "JPY", 5000, ""),
)


@pytest.mark.parametrize(("locale", "currency", "minor", "words"), GOLDEN)
def test_amounts_in_words(locale: str, currency: str, minor: int, words: str) -> None:
    assert write_words(Money(minor, currency), locale) == words
