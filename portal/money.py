"""Money: whole minor units of one ISO 4217 currency, never a float.

Decimals follow ISO 4217 as Stripe charges them: ISK and UGX have none for a person,
although Stripe's wire wants them multiplied by 100 (https://docs.stripe.com/currencies).
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel.numbers import format_currency, get_currency_symbol

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
_PLAIN = re.compile(r"\d+([.,]\d+)?")
_GROUPED = re.compile(r"\d{1,3}([ ,.']\d{3})+([.,]\d{1,2})?")


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
    """As a reader of `locale` (`en_CA`, `fr`) expects it, with the currency's own decimals."""
    return str(format_currency(money.decimal, money.currency, locale=locale))


def currency_symbol(currency: str, locale: str) -> str:
    """The sign a reader of `locale` knows the currency by: $, CA$, €."""
    return str(get_currency_symbol(currency, locale=locale))


def parse_amount(text: str, currency: str) -> Money:
    """Read what a person typed as an amount of `currency`.

    Takes a decimal comma or point, grouping by space, comma, point or apostrophe, digits
    of any script and a currency sign or code around it. Never guesses: what could be read
    in two ways, or has more decimals than the currency, raises `AmountError`.
    """
    cleaned = _bare_number(text, currency)
    if not cleaned:
        raise AmountError(AmountError.EMPTY)
    if cleaned.startswith(("-", "−")):
        raise AmountError(AmountError.NEGATIVE)
    whole, fraction = _split_decimals(cleaned, exponent(currency))
    if len(whole) > 12:
        raise AmountError(AmountError.TOO_LARGE)
    digits = exponent(currency)
    if len(fraction.rstrip("0")) > digits or (fraction and len(fraction) > max(digits, 2)):
        raise AmountError(AmountError.DECIMALS)
    minor = int(whole + fraction[:digits].ljust(digits, "0"))
    return Money(minor, currency)


def _bare_number(text: str, currency: str) -> str:
    """Digits as ASCII, and without the currency's sign or code around them."""
    ascii_digits = "".join(
        str(unicodedata.decimal(char)) if unicodedata.decimal(char, None) is not None else char
        for char in unicodedata.normalize("NFKC", text)
    )
    spaced = re.sub(r"\s", " ", ascii_digits.replace("٫", ".").replace("٬", ",")).strip()
    symbol = re.escape(currency_symbol(currency, "en"))
    pattern = rf"^(?:{currency}|{symbol}|[$€£¥₦₹₩])?\s*(.*?)\s*(?:{currency}|{symbol}|[$€£¥₦₹₩])?$"
    return re.sub(pattern, r"\1", spaced, flags=re.IGNORECASE)


def _split_decimals(number: str, digits: int) -> tuple[str, str]:
    """Whole part and decimals of a written number; grouping marks only where they group."""
    if _PLAIN.fullmatch(number):
        whole, mark, fraction = number.replace(",", ".").partition(".")
        if len(fraction) == 3 and digits != 3 and whole.lstrip("0"):
            return _three_after_mark(number, whole, fraction)
        return (whole, fraction) if mark else (number, "")
    if not _GROUPED.fullmatch(number):
        raise AmountError(AmountError.UNCLEAR)
    groups = re.split(r"[ ,.']", number)
    marks = re.findall(r"[ ,.']", number)
    decimals = groups.pop() if len(groups[-1]) != 3 else ""
    if len(set(marks[: len(groups) - 1])) > 1 or (decimals and marks[-1] == marks[0]):
        raise AmountError(AmountError.UNCLEAR)
    return "".join(groups), decimals


def _three_after_mark(number: str, whole: str, fraction: str) -> tuple[str, str]:
    """`1,500` is fifteen hundred; `1.505` is three decimals, or a grouping: unclear."""
    if "," in number and len(whole) <= 3:
        return whole + fraction, ""
    raise AmountError(AmountError.DECIMALS)
