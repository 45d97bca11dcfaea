"""Cells of an export, as expressions that the database makes text of.

Cells that a spreadsheet would take for a formula get an apostrophe before them
(OWASP, "CSV Injection").
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal.money import THREE_DECIMAL, ZERO_DECIMAL

FORMULA_SIGNS = "=+-@\t\r\n"
FIRST_SIGN = {"sqlite": sa.func.unicode, "postgresql": sa.func.ascii}


@dataclass(frozen=True, slots=True)
class Cell:
    """A column: its name, its expression, and whether its text may need quoting."""

    name: str
    value: Any
    is_text: bool = False


def typed(name: str, column: Any, dialect: str) -> Cell:
    """Text that people typed, harmless in a spreadsheet."""
    first = FIRST_SIGN[dialect](column)
    # Nearly every text begins with a letter, and is done with after one comparison.
    safe = sa.case(
        (first > ord("@"), column),
        (first.in_([ord(sign) for sign in FORMULA_SIGNS]), sa.literal("'").concat(column)),
        else_=column,
    )
    return Cell(name, safe, True)


UNUSUAL = sorted(ZERO_DECIMAL | THREE_DECIMAL)


def decimal(minor: Any, currency: Any) -> sa.ColumnElement[str]:
    """Minor units as people write them: 7550 is 75.50, or 7550 in yen; nothing is 0."""

    def places(digits: int) -> sa.ColumnElement[str]:
        unit = 10**digits
        rest = sa.func.substr(sa.cast(unit + minor % unit, sa.String), 2)
        return sa.cast(minor // unit, sa.String).concat(".").concat(rest)

    whole = (currency.in_(sorted(ZERO_DECIMAL)), sa.cast(minor, sa.String))
    return sa.case(
        (minor.is_(None), sa.null()),
        (minor == 0, "0"),
        (currency.in_(UNUSUAL), sa.case(whole, else_=places(3))),
        else_=places(2),
    )


def moment(column: Any, dialect: str) -> sa.ColumnElement[Any]:
    """UTC as `2026-11-23 10:42:00`."""
    if dialect == "sqlite":
        return sa.func.substr(sa.type_coerce(column, sa.String), 1, 19)
    return sa.func.date_trunc("second", sa.func.timezone("UTC", column))
