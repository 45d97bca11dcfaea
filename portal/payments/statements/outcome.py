"""What became of the lines that one file brought."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.payments.statements.models import LineState, StatementLine, Suggestion


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many of a file's lines are in each state; together they are all of its lines."""

    matched: int
    suggested: int
    without: int
    ignored: int
    went_out: int


def count_outcome(session: Session, file_id: int) -> Outcome:
    """Count a file's lines; one whose movement an earlier file brought is that file's."""
    came_in, state = StatementLine.amount_minor > 0, StatementLine.state
    is_open = sa.and_(came_in, state == LineState.OPEN)
    has_gift = sa.exists().where(Suggestion.line_id == StatementLine.id)
    row = session.execute(
        sa.select(
            *(
                sa.func.count().filter(condition)
                for condition in (
                    sa.and_(came_in, state == LineState.MATCHED),
                    sa.and_(is_open, has_gift),
                    sa.and_(is_open, ~has_gift),
                    sa.and_(came_in, state == LineState.IGNORED),
                    ~came_in,
                )
            )
        )
        .select_from(StatementLine)
        .where(StatementLine.file_id == file_id)
    ).one()
    return Outcome(*(int(count) for count in row))
