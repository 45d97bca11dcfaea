"""The gifts as CSV, streamed: the database makes the cells, we only pass lines on.

Cells that a spreadsheet would take for a formula get an apostrophe before them
(OWASP, "CSV Injection"); the file begins with a byte order mark, by which spreadsheets
know UTF-8. Memory stays flat: rows come through a server-side cursor.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from portal.database import Database
from portal.gifts.models import Gift
from portal.money import THREE_DECIMAL, ZERO_DECIMAL
from portal.receipts.models import Receipt
from portal.staff.filters import GiftFilters
from portal.staff.gift_list import select_gifts
from portal.staff.searching import Search

CHUNK = 2_000
BYTE_ORDER_MARK = "\ufeff"
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")


def _safe(column: InstrumentedAttribute[Any]) -> sa.ColumnElement[str]:
    """Text that people typed, harmless in a spreadsheet."""
    is_formula = sa.func.substr(column, 1, 1).in_(FORMULA_SIGNS)
    return sa.case((is_formula, sa.literal("'").concat(column)), else_=column)


def _decimal(minor: Any, currency: Any) -> sa.ColumnElement[str]:
    """Minor units as people write them: 7550 is 75.50, or 7550 in yen."""

    def places(digits: int) -> sa.ColumnElement[str]:
        unit = 10**digits
        rest = sa.func.substr(sa.cast(unit + minor % unit, sa.String), 2)
        return sa.cast(minor // unit, sa.String).concat(".").concat(rest)

    return sa.case(
        (currency.in_(sorted(ZERO_DECIMAL)), sa.cast(minor, sa.String)),
        (currency.in_(sorted(THREE_DECIMAL)), places(3)),
        else_=places(2),
    )


def _moment(column: Any, dialect: str) -> sa.ColumnElement[str]:
    """UTC as `2026-11-23 10:42:00`."""
    text = column if dialect == "sqlite" else sa.func.timezone("UTC", column)
    return sa.func.substr(sa.cast(sa.type_coerce(text, sa.String), sa.String), 1, 19)


def _receipt_label() -> sa.ScalarSelect[str]:
    whole = sa.cast(Receipt.number, sa.String)
    padded = sa.case(
        (
            Receipt.number < 1_000_000,
            sa.func.substr(sa.cast(1_000_000 + Receipt.number, sa.String), 2),
        ),
        else_=whole,
    )
    return (
        sa.select(sa.cast(Receipt.year, sa.String).concat("-").concat(padded))
        .where(Receipt.gift_id == Gift.id, Receipt.voided_at.is_(None))
        .scalar_subquery()
    )


def columns(dialect: str) -> dict[str, Any]:
    """The export's columns by name, in order."""
    return {
        "reference": Gift.reference,
        "status": sa.cast(Gift.status, sa.String),
        "created_at_utc": _moment(Gift.created_at, dialect),
        "received_at_utc": _moment(Gift.received_at, dialect),
        "amount": _decimal(Gift.amount_minor, Gift.currency),
        "currency": Gift.currency,
        "refunded": _decimal(Gift.refunded_minor, Gift.currency),
        "cover_fee": _decimal(Gift.cover_minor, Gift.currency),
        "fee": _decimal(Gift.fee_minor, Gift.fee_currency),
        "fee_currency": Gift.fee_currency,
        "region": Gift.region,
        "fund": Gift.fund,
        "code": _safe(Gift.code),
        "partner": Gift.partner,
        "mode": Gift.mode,
        "frequency": Gift.frequency,
        "first_name": _safe(Gift.first_name),
        "last_name": _safe(Gift.last_name),
        "email": _safe(Gift.email),
        "anonymous": sa.case((Gift.anonymous, "yes"), else_="no"),
        "address_line1": _safe(Gift.address_line1),
        "address_line2": _safe(Gift.address_line2),
        "city": _safe(Gift.city),
        "province": _safe(Gift.province),
        "postal_code": _safe(Gift.postal_code),
        "country": Gift.country,
        "dedication": _safe(Gift.dedication),
        "receipt": _receipt_label(),
    }


def stream_gifts(database: Database, filters: GiftFilters, search: Search | None) -> Iterator[str]:
    """Pieces of the file, some thousand lines each."""
    with database.read() as session:
        cells = columns(session.get_bind().dialect.name)
        statement = select_gifts(filters, search, *cells.values())
        rows = session.connection().execution_options(yield_per=CHUNK).execute(statement)
        yield BYTE_ORDER_MARK + _lines([tuple(cells)])
        for part in rows.partitions():
            yield _lines(part)


def _lines(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
