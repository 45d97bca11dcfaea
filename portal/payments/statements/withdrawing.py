"""Withdrawing a file that was read with wrong columns: it stays as evidence, and counts no more.

The same bytes, and every line, may then be imported again. Only a file of which nothing was
ever booked can go: a match, even one that was taken back, is told by the lines it came from.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.i18n import gettext
from portal.payments.statements.models import (
    LineState,
    Match,
    StatementFile,
    StatementLine,
    Suggestion,
)
from portal.payments.statements.operations import take_turns


class WithdrawalRefused(Exception):
    """The file has to stand; the text is for the clerk."""


def withdraw_file(session: Session, file_id: int, *, why: str, by: str, now: datetime) -> int:
    """Take a file and its lines out of all that counts; how many lines it had.

    Raises WithdrawalRefused where it has to stand.
    """
    take_turns(session)
    line_ids = _lock_lines(session, file_id)
    hindrance = find_hindrance(session, file_id)
    if hindrance:
        raise WithdrawalRefused(hindrance)
    session.execute(
        sa.update(StatementFile)
        .where(StatementFile.id == file_id)
        .values(withdrawn_at=now, withdrawn_by=by, withdrawn_why=why)
    )
    session.execute(
        sa.update(StatementLine)
        .where(StatementLine.file_id == file_id)
        .values(state=LineState.WITHDRAWN, note=why, decided_by=by, decided_at=now)
    )
    of_file = sa.select(StatementLine.id).where(StatementLine.file_id == file_id)
    session.execute(sa.delete(Suggestion).where(Suggestion.line_id.in_(of_file)))
    return len(line_ids)


def _lock_lines(session: Session, file_id: int) -> list[int]:
    """The file's lines, held so that none is matched meanwhile."""
    lines = (
        sa.select(StatementLine.id)
        .where(StatementLine.file_id == file_id)
        .order_by(StatementLine.id)
        .with_for_update()
    )
    return list(session.scalars(lines))


def find_hindrance(session: Session, file_id: int) -> str:
    """Why a file can't be withdrawn, in a sentence; empty where it can."""
    file = session.get(StatementFile, file_id)
    if file is None or file.withdrawn_at is not None:
        return gettext("This file was withdrawn already.")
    matched = sa.select(Match.id).join(StatementLine).where(StatementLine.file_id == file_id)
    if session.scalar(matched.limit(1)) is not None:
        return gettext(
            "A line of this file is or was booked for a gift, so the file has to stay."
            " Put right its lines one by one."
        )
    return ""
