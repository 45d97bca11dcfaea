"""Money: whole minor units of one ISO 4217 currency, never a float.

Decimals follow ISO 4217 as Stripe charges them: ISK and UGX have none for a person,
although Stripe's wire wants them multiplied by 100 (https://docs.stripe.com/currencies).
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import (
    format_currency,
    get_currency_symbol,
    get_decimal_symbol,
    get_group_symbol,
)

ZERO_DECIMAL = frozenset(
    "BIF CLP DJF GNF ISK JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF".split()
)
THREE_DECIMAL = frozenset("BHD JOD KWD OMR TND".split())
# Stripe takes these with two decimals on the wire although people write none.
STRIPE_SHIFTED = frozenset({"ISK", "UGX"})

# The least Stripe charges, in minor units of the settlement currency.
STRIPE_MINIMUM_MINOR = (
    dict.fromkeys("USD CAD EUR AUD CHF NZD SGD INR BRL ZAR ILS PHP".split(), 50)
    | dict.fromkeys("AED MYR PLN RON".split(), 200)
    | dict.fromkeys(("NOK", "SEK"), 300)
    | dict.fromkeys(("MXN", "THB"), 1000)
    | {"GBP": 30, "DKK": 250, "HKD": 400, "CZK": 1500, "JPY": 50, "KRW": 50, "HUF": 17500}
)

# Twelve digits is what Stripe takes for a card; eight for everything else.
MAXIMUM_MINOR = 99_999_999

_CURRENCY = re.compile(r"[A-Z]{3}")
_ONE_MARK = re.compile(r"(\d+)([.,])(\d+)")
# By how many figures the groups before the last three go: 1,234,567 or 12,34,567.
_GROUPED = {
    step: re.compile(
        rf"(\d{{1,{step}}}([ ,.'])(?:\d{{{step}}}\2)*\d{{3}})(?:(?!\2)[.,](\d{{1,3}}))?"
    )
    for step in (2, 3)
}
# No amount with its sign is longer; what is, isn't looked at.
LONGEST_AMOUNT = 60
# Signs everybody knows, taken beside any amount.
_COMMON_SIGNS = "$€£¥₦₹₩"


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were put together."""


class AmountError(ValueError):
    """What a person typed is no amount; `reason` is one of the class constants."""

    EMPTY = "empty"
    UNCLEAR = "unclear"
    NEGATIVE = "negative"
    DECIMALS = "decimals"
    TOO_LARGE = "too_large"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def exponent(currency: str) -> int:
    """How many decimals people write in this currency: 0, 2 or 3."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` whole minor units (cents, or yen) of `currency`."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError("money is a whole number of minor units")
        if not _CURRENCY.fullmatch(self.currency):
            raise ValueError("a currency is three capital letters")

    def _same(self, other: "Money") -> "Money":
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} is not {other.currency}")
        return other

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other).minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._same(other).minor

    def __gt__(self, other: "Money") -> bool:
        return self.minor > self._same(other).minor

    def __ge__(self, other: "Money") -> bool:
        return self.minor >= self._same(other).minor

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        return f"{self.currency} {self.plain()}"

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exact."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def plain(self) -> str:
        """Major units with a point and no grouping, as a form field or a CSV wants it."""
        return f"{self.decimal:.{exponent(self.currency)}f}"

    def share(self, basis_points: int) -> "Money":
        """So many hundredths of a per cent of it, rounded half up to a minor unit."""
        exact = Decimal(self.minor) * basis_points / 10_000
        return Money(int(exact.quantize(Decimal(1), ROUND_HALF_UP)), self.currency)

    @property
    def stripe_amount(self) -> int:
        """The integer Stripe's wire wants for it."""
        return self.minor * 100 if self.currency in STRIPE_SHIFTED else self.minor

    @classmethod
    def from_stripe(cls, amount: int, currency: str) -> "Money":
        """What Stripe's wire says: an integer and a lower-case currency."""
        code = currency.upper()
        return cls(amount // 100 if code in STRIPE_SHIFTED else amount, code)


@lru_cache(maxsize=4096)
def format_money(money: Money, locale: str) -> str:
    """As a reader of `locale` (`en_CA`, `fr`) expects it, with the currency's own decimals.

    A code is set apart from the digits, which Babel leaves out (CLDR, UTS 35 part 3, currency
    spacing): NGN 925. CLDR's mark of direction before Arabic amounts is left out: the page says
    its direction, and whoever copies the amount copies no sign that can't be seen. Where lines run
    from right to left the code stands for a sign, as US$ would be shown turned around.
    """
    pattern = _coded_pattern(locale)
    written = str(format_currency(money.decimal, money.currency, format=pattern, locale=locale))
    written = written.lstrip("\u200f")
    return _CODE_BESIDE_DIGIT.sub(NO_BREAK_SPACE, written)


def format_coded(money: Money, locale: str) -> str:
    """An amount by its currency's code, beyond doubt: CAD 75.50, or 75,50 CAD."""
    pattern = str(Locale.parse(locale).currency_formats["standard"].pattern)
    bare = pattern.replace("¤\xa0", "¤").replace("\xa0¤", "¤").replace("¤", "¤¤")
    written = str(format_currency(money.decimal, money.currency, format=bare, locale=locale))
    return _CODE_BESIDE_DIGIT.sub(NO_BREAK_SPACE, written.lstrip("\u200f"))


@lru_cache(maxsize=256)
def _coded_pattern(locale: str) -> str | None:
    """The pattern of an amount by its code, for a locale that needs one."""
    known = Locale.parse(locale)
    pattern = str(known.currency_formats["standard"].pattern)
    return pattern.replace("¤", "¤¤") if known.text_direction == "rtl" else None


NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
# Between a letter and a digit, whichever comes first.
_CODE_BESIDE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def currency_symbol(currency: str, locale: str) -> str:
    """The sign a reader of `locale` knows the currency by: $, CA$, €."""
    return str(get_currency_symbol(currency, locale=locale))


@dataclass(frozen=True, slots=True)
class NumberSigns:
    """How a locale writes numbers; `step` figures lie in each group before the last three."""

    decimal: str
    group: str
    step: int


@lru_cache(maxsize=256)
def number_signs(locale: str) -> NumberSigns:
    """1,234.50 has a comma and a point, 1.234,50 the other way round, and 12,34,567 steps by 2."""
    known = Locale.parse(locale)
    step = known.currency_formats["standard"].grouping[1]
    return NumberSigns(get_decimal_symbol(known), get_group_symbol(known), step)


@lru_cache(maxsize=1024)
def list_currency_signs(currency: str, locale: str) -> tuple[str, ...]:
    """What may stand beside an amount of `currency`, the longest first: CAD, CA$, $."""
    symbols = {_fold_signs(currency_symbol(currency, known), ".") for known in ("en", locale)}
    return tuple(sorted({currency, *symbols, *_COMMON_SIGNS}, key=lambda sign: (-len(sign), sign)))


def parse_amount(text: str, currency: str, locale: str = "en") -> Money:
    """Read what a person who reads `locale` typed as an amount of `currency`.

    Takes a decimal comma or point, grouping by space, comma, point or apostrophe, digits
    of any script and a currency sign or code around it. Never guesses: what could be read
    in two ways, or has more decimals than the currency, raises `AmountError`. One comma or
    point before three figures means thousands only where the locale groups by it.

    `portal/static/give.js` reads by the same rules, to show what will be given.
    """
    if len(text) > LONGEST_AMOUNT:
        raise AmountError(AmountError.UNCLEAR)
    signs, digits = number_signs(locale), exponent(currency)
    cleaned = _bare_number(text, signs, list_currency_signs(currency, locale))
    if not cleaned:
        raise AmountError(AmountError.EMPTY)
    if cleaned.startswith(("-", "−")):
        raise AmountError(AmountError.NEGATIVE)
    whole, fraction = _split_decimals(cleaned, digits, signs)
    if len(whole) > 12:
        raise AmountError(AmountError.TOO_LARGE)
    if len(fraction.rstrip("0")) > digits or (fraction and len(fraction) > max(digits, 2)):
        raise AmountError(AmountError.DECIMALS)
    minor = int(whole + fraction[:digits].ljust(digits, "0"))
    return Money(minor, currency)


def _bare_number(text: str, signs: NumberSigns, beside: tuple[str, ...]) -> str:
    """Digits as ASCII, and without the currency's sign or code before or after them."""
    folded = _fold_signs(text, signs.decimal).strip()
    before = next((sign for sign in beside if _begins(folded, sign)), "")
    bare = folded[len(before) :].strip()
    after = next((sign for sign in beside if _begins(bare[-len(sign) :], sign)), "")
    return bare[: len(bare) - len(after)].strip()


def _begins(text: str, sign: str) -> bool:
    return text[: len(sign)].casefold() == sign.casefold()


def _fold_signs(text: str, decimal: str) -> str:
    """Digits of any script as ASCII, any space as one, and Arabic's own marks as what they mean."""
    ascii_digits = "".join(
        str(unicodedata.decimal(char)) if unicodedata.decimal(char, None) is not None else char
        for char in unicodedata.normalize("NFKC", text)
    )
    # An apostrophe groups everywhere, as Arabic's own sign does.
    return re.sub(r"\s", " ", re.sub("[٬’]", "'", ascii_digits.replace("٫", decimal)))


def _split_decimals(number: str, digits: int, signs: NumberSigns) -> tuple[str, str]:
    """Whole part and decimals of a written number; grouping marks only where they group."""
    if number.isdecimal():
        return number, ""
    marked = _ONE_MARK.fullmatch(number)
    if marked:
        return _split_at_mark(marked[1], marked[2], marked[3], digits, signs)
    by_three, by_step = _GROUPED[3], _GROUPED.get(signs.step, _GROUPED[3])
    grouped = by_three.fullmatch(number) or by_step.fullmatch(number)
    if not grouped:
        raise AmountError(AmountError.UNCLEAR)
    return re.sub(r"\D", "", grouped[1]), grouped[3] or ""


def _split_at_mark(
    whole: str, mark: str, fraction: str, digits: int, signs: NumberSigns
) -> tuple[str, str]:
    """`1,50` is always one and a half; `1,500` is fifteen hundred where a comma groups.

    Elsewhere it may be three decimals or another country's grouping, so it is refused;
    where the currency has three decimals, only the locale's own decimal sign is clear.
    """
    may_group = len(fraction) == 3 and len(whole) <= 3 and whole.strip("0") != ""
    if not may_group or (digits == 3 and mark == signs.decimal):
        return whole, fraction
    if mark == signs.group and digits != 3:
        return whole + fraction, ""
    raise AmountError(AmountError.DECIMALS)
