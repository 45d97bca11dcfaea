"""Dates and amounts as banks write them; what could be two days is refused, not guessed.

Amounts come signed, bracketed, with either decimal mark.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from enum import Enum

from portal.i18n import gettext
from portal.money import AmountError, Money, exponent, parse_amount
from portal.payments.statements.formats.entries import StatementError

YEARS = range(1980, 2100)

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january janv janvier",
            "feb february fev fevr fevrier",
            "mar march mars",
            "apr april avr avril",
            "may mai",
            "jun june juin",
            "jul july juil juillet",
            "aug august aou aout",
            "sep sept september septembre",
            "oct october octobre",
            "nov november novembre",
            "dec december decembre",
        ),
        start=1,
    )
    for name in names.split()
}
_ISO = re.compile(r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})(?:[T ]\d{1,2}:\d{2}.*)?", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_NUMBERS = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})(?: \d{1,2}:\d{2}.*)?", re.ASCII)
_DAY_MONTH = re.compile(r"(\d{1,2})[-/. ]([^\W\d]+)[-/.]? ?,? ?(\d{4}|\d{2})")
_MONTH_DAY = re.compile(r"([^\W\d]+)[-/. ]+(\d{1,2}),? ?(\d{4})")


class DateOrder(Enum):
    """Which part of 02/03/2026 comes first. Its value is what a stored mapping holds."""

    AUTO = "auto"
    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"
    YEAR_FIRST = "ymd"


def read_date(text: str, order: DateOrder) -> date | None:
    """The day `text` means if its parts stand in `order`, which must not be AUTO.

    A year of four digits in front and a month's name need no order.
    """
    text = " ".join(text.split())
    return _clear_date(text) or _ordered_date(text, order)


def _clear_date(text: str) -> date | None:
    iso = _COMPACT.fullmatch(text)
    if iso:
        return _date(*iso.groups())
    iso = _ISO.fullmatch(text)
    if iso and iso[2]:
        return _date(iso[1], iso[3], iso[4])
    named = _DAY_MONTH.fullmatch(text)
    if named:
        return _date(named[3], _month(named[2]), named[1])
    named = _MONTH_DAY.fullmatch(text)
    return _date(named[3], _month(named[1]), named[2]) if named else None


def _ordered_date(text: str, order: DateOrder) -> date | None:
    numbers = _NUMBERS.fullmatch(text)
    if not numbers:
        return None
    first, _, second, third = numbers.groups()
    if order is DateOrder.YEAR_FIRST:
        return _date(first, second, third) if len(first) == len(third) == 2 else None
    day, month = (first, second) if order is DateOrder.DAY_FIRST else (second, first)
    return _date(third, month, day)


def _month(name: str) -> str:
    bare = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return str(_MONTHS.get(bare, 0))


def _date(year: str, month: str, day: str) -> date | None:
    full_year = int(year) + (2000 if len(year) == 2 else 0)
    if full_year not in YEARS:
        return None
    try:
        return date(full_year, int(month), int(day))
    except ValueError:
        return None


def is_date(text: str) -> bool:
    """Whether it is a date in any order."""
    return any(read_date(text, order) for order in _ORDERS)


_ORDERS = (DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST, DateOrder.YEAR_FIRST)


def find_order(dates: Mapping[str, int]) -> DateOrder:
    """The one order in which all of a file's dates can be read; `dates` maps them to lines.

    Raises StatementError if there is none, or if two orders would give different days.
    """
    orders = [order for order in _ORDERS if all(read_date(text, order) for text in dates)]
    if not orders:
        text, line = next(
            ((text, line) for text, line in dates.items() if not is_date(text)),
            next(iter(dates.items())),
        )
        raise unreadable_date(text, line)
    for text, line in dates.items():
        if len({read_date(text, order) for order in orders}) > 1:
            raise StatementError(
                gettext(
                    "“%(text)s” could be either of two dates. Choose the order of day and month.",
                    text=text[:40],
                ),
                line,
            )
    return orders[0]


def unreadable_date(text: str, line: int | None) -> StatementError:
    """The error for a cell that should hold a date."""
    return StatementError(gettext("“%(text)s” isn’t a date.", text=text[:40]), line)


# More would not fit a 64-bit column once added up.
MAXIMUM_DIGITS = 12

_SIGN = re.compile(
    r"(?P<open>\()?\s*(?P<lead>[-+−–])?\s*(?P<number>.*?)\s*(?P<trail>[-+−–]|CR|DR)?\s*(?(open)\))",
    re.IGNORECASE | re.DOTALL,
)
_MINUS = frozenset("-−–")
_PLAIN = re.compile(r"\d+(?:\.\d+)?")
_GROUPS = {".": ", '’", ",": ". '’"}


def read_amount(text: str, currency: str, *, decimal_mark: str = "", line: int) -> Money:
    """A signed amount of `currency`; never guessed.

    `decimal_mark` is "." or "," if known; empty, what could be read in two ways is refused.
    A minus before or after, brackets and `DR` mean negative.
    """
    matched = _SIGN.fullmatch(text.strip())
    signs = matched and [matched["open"], matched["lead"], (matched["trail"] or "").upper()]
    if not matched or not signs or sum(map(bool, signs)) > 1:
        raise _unclear(text, line)
    negative = bool(signs[0]) or signs[1] in _MINUS or signs[2] in {"-", "−", "–", "DR"}
    money = _unsigned(matched["number"], currency, decimal_mark, line)
    return -money if negative else money


def _unsigned(number: str, currency: str, decimal_mark: str, line: int) -> Money:
    if decimal_mark:
        marked = _with_point(number, currency, decimal_mark)
        return read_plain(marked, currency, line=line)
    try:
        return parse_amount(number, currency)
    except AmountError as error:
        raise _unclear(number, line) from error


def _with_point(number: str, currency: str, decimal_mark: str) -> str:
    """The number without grouping and currency sign, decimals after a point."""
    bare = re.sub(rf"^(?:{currency}|[$€£¥])|(?:{currency}|[$€£¥])$", "", number).strip()
    bare = re.sub(r"\s", " ", bare)
    whole, mark, decimals = bare.partition(decimal_mark)
    groups = re.split(f"[{re.escape(_GROUPS[decimal_mark])}]", whole)
    if len(groups) > 1 and (
        not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:])
    ):
        return bare
    return "".join(groups) + ("." + decimals if mark else "")


def read_plain(text: str, currency: str, *, line: int | None) -> Money:
    """An unsigned amount as standards write it: digits, and decimals after a point.

    Zeros past the currency's own decimals are allowed, as camt has five places; and before
    the number, as some banks fill a field of fixed width.
    """
    digits = exponent(currency)
    whole, _, decimals = text.partition(".")
    whole = whole.lstrip("0") or whole[:1]
    if not _PLAIN.fullmatch(text) or not text.isascii() or len(whole) > MAXIMUM_DIGITS:
        raise _unclear(text, line)
    if len(decimals.rstrip("0")) > digits:
        raise StatementError(
            gettext(
                "%(amount)s has more decimals than %(currency)s.", amount=text, currency=currency
            ),
            line,
        )
    return Money(int(whole + decimals[:digits].ljust(digits, "0")), currency)


def read_currency(text: str, *, line: int | None) -> str:
    """A currency's code in capitals."""
    code = text.strip().upper()
    if not re.fullmatch("[A-Z]{3}", code):
        raise StatementError(gettext("“%(text)s” isn’t a currency.", text=text[:20]), line)
    return code


def _unclear(text: str, line: int | None) -> StatementError:
    return StatementError(gettext("“%(text)s” isn’t a clear amount.", text=text[:40]), line)
