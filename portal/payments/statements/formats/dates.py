"""Dates as banks write them; what could be two days is refused, not guessed."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from enum import Enum

from portal.i18n import gettext
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
