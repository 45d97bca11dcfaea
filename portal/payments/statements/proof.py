"""Totals that prove themselves: file = matched + open + ignored, and matched = booked."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence
from portal.money import Money
from portal.payments.statements.models import LineState, Match, StatementFile, StatementLine


@dataclass(frozen=True, slots=True)
class Totals:
    """What came in by one currency's lines, and what became of it."""

    currency: str
    lines: int
    received: Money
    matched: Money
    open: Money
    ignored: Money

    @property
    def adds_up(self) -> bool:
        return self.received == self.matched + self.open + self.ignored


def count_totals(session: Session, file_id: int | None = None) -> list[Totals]:
    """Totals of money that came in, of one file or of all, a currency each."""
    amounts = {
        state: sa.func.coalesce(
            sa.func.sum(StatementLine.amount_minor).filter(StatementLine.state == state), 0
        )
        for state in LineState
    }
    statement = (
        sa.select(
            StatementLine.currency,
            sa.func.count(),
            sa.func.sum(StatementLine.amount_minor),
            *amounts.values(),
        )
        .where(StatementLine.amount_minor > 0)
        .group_by(StatementLine.currency)
        .order_by(StatementLine.currency)
    )
    if file_id is not None:
        statement = statement.where(StatementLine.file_id == file_id)
    return [
        Totals(currency, lines, *(Money(int(minor), currency) for minor in (total, *parts)))
        for currency, lines, total, *parts in map(_in_order, session.execute(statement))
    ]


def _in_order(
    row: sa.Row[tuple[str, int, int, int, int, int]],
) -> tuple[str, int, int, int, int, int]:
    """The states' columns as `Totals` names them: matched, open, ignored."""
    currency, lines, total, *parts = row
    by_state = dict(zip(LineState, parts, strict=True))
    order = (LineState.MATCHED, LineState.OPEN, LineState.IGNORED)
    matched, open_, ignored = (by_state[state] for state in order)
    return currency, lines, total, matched, open_, ignored


def prove(session: Session) -> list[str]:
    """What does not add up, in sentences; nothing where all does."""
    problems = [
        f"{totals.currency}: received {totals.received}, but matched, open and ignored differ."
        for totals in count_totals(session)
        if not totals.adds_up
    ]
    problems += [
        f"Line {line_id} is matched, but its matches come to another amount."
        for line_id in session.scalars(_wrong_lines())
    ]
    problems += [
        f"Match {match_id} has no payment in the evidence."
        for match_id in session.scalars(_unbooked_matches())
    ]
    problems += [
        f"File {file_id} says it brought more new lines than are kept."
        for file_id in session.scalars(_short_files())
    ]
    return problems


def _wrong_lines() -> sa.Select[int]:
    """Lines whose standing matches are not the whole line, or that should have none."""
    matched = (
        sa.select(sa.func.coalesce(sa.func.sum(Match.amount_minor), 0))
        .where(Match.line_id == StatementLine.id, Match.undone_at.is_(None))
        .scalar_subquery()
    )
    should = sa.case(
        (StatementLine.state == LineState.MATCHED, StatementLine.amount_minor), else_=0
    )
    return sa.select(StatementLine.id).where(matched != should)


def _unbooked_matches() -> sa.Select[int]:
    booked = sa.select(Evidence.id).where(
        Evidence.subject == Match.subject,
        Evidence.fact == FactKind.PAID.value,
        Evidence.gift_id == Match.gift_id,
        Evidence.amount_minor == Match.amount_minor,
    )
    return sa.select(Match.id).where(~booked.exists())


def _short_files() -> sa.Select[int]:
    kept = (
        sa.select(sa.func.count())
        .where(StatementLine.file_id == StatementFile.id)
        .scalar_subquery()
    )
    return sa.select(StatementFile.id).where(kept != StatementFile.new_count)
