"""The columns of the two exports: gifts, and the bank's lines. Times are UTC, amounts in
major units with a point. `received_on` is the day where the issuer is, as on the receipt.
"""

from typing import Any

import sqlalchemy as sa

from portal.gifts.models import Gift
from portal.payments.statements.models import Match, StatementFile, StatementLine
from portal.receipts.models import Receipt
from portal.staff.export_cells import Cell, decimal, moment, typed


def gift_cells(dialect: str) -> list[Cell]:
    """What is told of a gift, in order."""

    def words(name: str) -> Cell:
        return typed(name, getattr(Gift, name), dialect)

    return [
        Cell("reference", Gift.reference),
        Cell("status", sa.cast(Gift.status, sa.String)),
        Cell("created_at_utc", moment(Gift.created_at, dialect)),
        Cell("received_at_utc", moment(Gift.received_at, dialect)),
        Cell("received_on", Gift.received_on),
        Cell("amount", decimal(Gift.amount_minor, Gift.currency)),
        Cell("received", decimal(Gift.paid_minor, Gift.currency)),
        Cell("currency", Gift.currency),
        Cell("refunded", decimal(Gift.refunded_minor, Gift.currency)),
        Cell("cover_fee", decimal(Gift.cover_minor, Gift.currency)),
        Cell("fee", decimal(Gift.fee_minor, Gift.fee_currency)),
        Cell("fee_currency", Gift.fee_currency),
        Cell("region", Gift.region, True),
        Cell("fund", Gift.fund, True),
        words("code"),
        words("partner"),
        Cell("mode", Gift.mode, True),
        Cell("frequency", Gift.frequency),
        words("first_name"),
        words("last_name"),
        words("email"),
        Cell("anonymous", sa.case((Gift.anonymous, "yes"), else_="no")),
        *(words(name) for name in ADDRESS),
        words("dedication"),
        Cell("receipt", _receipt_label()),
    ]


ADDRESS = ("address_line1", "address_line2", "city", "province", "postal_code", "country")


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


def line_cells(dialect: str) -> list[Cell]:
    """What is told of a bank's line, in order."""

    def words(name: str, column: Any = None) -> Cell:
        return typed(name, getattr(StatementLine, name) if column is None else column, dialect)

    return [
        Cell("line", StatementLine.id),
        words("file", StatementFile.filename),
        words("account", StatementFile.account),
        Cell("booked_on", StatementLine.booked_on),
        Cell("amount", decimal(StatementLine.amount_minor, StatementLine.currency)),
        Cell("currency", StatementLine.currency),
        words("payer_name"),
        words("payer_email"),
        words("payer_account"),
        words("message"),
        words("bank_reference"),
        words("interac_reference"),
        Cell("state", sa.cast(StatementLine.state, sa.String)),
        words("note"),
        Cell("gifts", _references(dialect)),
    ]


def _references(dialect: str) -> sa.ScalarSelect[str]:
    """The references of the gifts a line is booked for."""
    join = sa.func.group_concat if dialect == "sqlite" else sa.func.string_agg
    return (
        sa.select(join(Gift.reference, " "))
        .join(Match, Match.gift_id == Gift.id)
        .where(Match.line_id == StatementLine.id, Match.undone_at.is_(None))
        .scalar_subquery()
    )
