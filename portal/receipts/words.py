"""An amount in words, as some laws and many readers want it beside the figures.

The numbers are num2words' (0.5.14), the names of currencies CLDR's; what is put together here is
what neither has: the currency in its right number, the hundredths, and each language's own habits.
"""

from portal.i18n import language
from portal.money import Money, exponent

SPOKEN = frozenset({"en", "fr", "de"})
AND = {"en": "and", "fr": "et", "de": "und"}
# One of a hundred parts and several, where a language has a word that every reader knows.
_CENT = {"en": ("cent", "cents"), "fr": ("cent", "cents"), "de": ("Cent", "Cent")}
_PENNY = {"en": ("penny", "pence"), "fr": ("penny", "pence"), "de": ("Penny", "Pence")}
_PARTS = {
    **dict.fromkeys(("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "ZAR", "KES"), _CENT),
    "EUR": {**_CENT, "fr": ("centime", "centimes")},
    "CHF": {**_CENT, "fr": ("centime", "centimes"), "en": ("centime", "centimes")},
    "GBP": _PENNY,
}
# In French a pound and a crown are feminine, and so is their one.
_FEMININE = frozenset({"GBP", "EGP", "TRY", "SEK", "NOK", "DKK", "CZK", "ISK", "INR", "PKR"})
MILLION = 1_000_000


def write_words(money: Money, locale: str) -> str:
    """`twenty-one Canadian dollars and eighty cents`; empty in a language that is not spoken.

    A part that has no name of its own is a fraction: `five Tunisian dinars and 250/1000`.
    """
    lang = language(locale)
    if lang not in SPOKEN:
        return ""
    parts = 10 ** exponent(money.currency)
    whole, rest = divmod(money.minor, parts)
    is_named = money.currency in _PARTS
    needs_whole = bool(whole or not rest or not is_named)
    said = [_write_whole(whole, money.currency, lang)] if needs_whole else []
    if rest:
        said.append(_write_rest(rest, parts, money.currency, lang))
    return f" {AND[lang]} ".join(said)


def _write_whole(whole: int, currency: str, lang: str) -> str:
    from babel.numbers import get_currency_name  # noqa: PLC0415 - as num2words, wanted by few

    name = str(get_currency_name(currency, whole, locale=lang))
    number = _spell(whole, lang)
    if lang == "fr":
        if currency in _FEMININE and number.endswith("un"):
            number += "e"
        if whole >= MILLION and whole % MILLION == 0:
            name = f"d’{name}" if name[0].casefold() in "aeiouéh" else f"de {name}"
    return f"{number} {name}"


def _write_rest(rest: int, parts: int, currency: str, lang: str) -> str:
    named = _PARTS.get(currency)
    if named is None:
        return f"{rest:0{len(str(parts)) - 1}d}/{parts}"
    one, several = named[lang]
    return f"{_spell(rest, lang)} {one if rest == 1 else several}"


def _spell(number: int, lang: str) -> str:
    from num2words import num2words  # noqa: PLC0415 - its languages cost a web process 20 ms

    said = str(num2words(number, lang=lang))
    # A German counts "eins", and has "ein" Euro.
    return said.removesuffix("s") if lang == "de" and said.endswith("eins") else said
