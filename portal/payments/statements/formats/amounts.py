"""Amounts as banks write them: signed, bracketed, with either decimal mark."""

import re

from portal.i18n import gettext
from portal.money import AmountError, Money, exponent, parse_amount
from portal.payments.statements.formats.entries import StatementError

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
