"""The columns of the export, as expressions that the database makes text of.

Cells that a spreadsheet would take for a formula get an apostrophe before them
(OWASP, "CSV Injection").
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal.gifts.models import Gift
from portal.money import THREE_DECIMAL, ZERO_DECIMAL
from portal.receipts.models import Receipt

FORMULA_SIGNS = "=+-@\t\r\n"
FIRST_SIGN = {"sqlite": sa.func.unicode, "postgresql": sa.func.ascii}


@dataclass(frozen=True, slots=True)
class Cell:
    """A column: its name, its expression, and whether its text may need quoting."""

    name: str
    value: Any
    is_text: bool = False


def cells(dialect: str) -> list[Cell]:
    """The columns in order. Times are UTC, amounts in major units with a point."""
    return [
        Cell("reference", Gift.reference),
        Cell("status", sa.cast(Gift.status, sa.String)),
        Cell("created_at_utc", _moment(Gift.created_at, dialect)),
        Cell("received_at_utc", _moment(Gift.received_at, dialect)),
        Cell("amount", _decimal(Gift.amount_minor, Gift.currency)),
        Cell("received", _decimal(Gift.paid_minor, Gift.currency)),
        Cell("currency", Gift.currency),
        Cell("refunded", _decimal(Gift.refunded_minor, Gift.currency)),
        Cell("cover_fee", _decimal(Gift.cover_minor, Gift.currency)),
        Cell("fee", _decimal(Gift.fee_minor, Gift.fee_currency)),
        Cell("fee_currency", Gift.fee_currency),
        Cell("region", Gift.region, True),
        Cell("fund", Gift.fund, True),
        *(_typed(name, dialect) for name in ("code", "partner")),
        Cell("mode", Gift.mode, True),
        Cell("frequency", Gift.frequency),
        *(_typed(name, dialect) for name in ("first_name", "last_name", "email")),
        Cell("anonymous", sa.case((Gift.anonymous, "yes"), else_="no")),
        *(_typed(name, dialect) for name in ADDRESS),
        _typed("dedication", dialect),
        Cell("receipt", _receipt_label()),
    ]


ADDRESS = ("address_line1", "address_line2", "city", "province", "postal_code", "country")


def _typed(name: str, dialect: str) -> Cell:
    """Text that people typed, harmless in a spreadsheet."""
    column = getattr(Gift, name)
    first = FIRST_SIGN[dialect](column)
    # Nearly every text begins with a letter, and is done with after one comparison.
    safe = sa.case(
        (first > ord("@"), column),
        (first.in_([ord(sign) for sign in FORMULA_SIGNS]), sa.literal("'").concat(column)),
        else_=column,
    )
    return Cell(name, safe, True)


UNUSUAL = sorted(ZERO_DECIMAL | THREE_DECIMAL)


def _decimal(minor: Any, currency: Any) -> sa.ColumnElement[str]:
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


def _moment(column: Any, dialect: str) -> sa.ColumnElement[Any]:
    """UTC as `2026-11-23 10:42:00`."""
    if dialect == "sqlite":
        return sa.func.substr(sa.type_coerce(column, sa.String), 1, 19)
    return sa.func.date_trunc("second", sa.func.timezone("UTC", column))


def join_receipts(statement: sa.Select[Any]) -> sa.Select[Any]:
    """Each gift with the receipt that stands, so that the planner may read both in order."""
    return statement.outerjoin(
        Receipt, sa.and_(Receipt.gift_id == Gift.id, Receipt.voided_at.is_(None))
    )


def _receipt_label() -> sa.ColumnElement[str]:
    """The number of the receipt that stands, such as 2026-000417."""
    padded = sa.func.substr(sa.cast(1_000_000 + Receipt.number, sa.String), 2)
    number = sa.case((Receipt.number < 1_000_000, padded), else_=sa.cast(Receipt.number, sa.String))
    return sa.cast(Receipt.year, sa.String).concat("-").concat(number)
