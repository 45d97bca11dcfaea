"""Payments that came back after they were matched: money that went out, in a later file.

Where the credit is still open the matcher weighs both (`matching.batch`). Afterwards nobody
would look at the debit, as money that went out is set aside; so it is opened for a clerk, who
takes the match back or ignores it with a reason. It can't be matched, and totals, which are
of money that came in, don't count it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database
from portal.gifts.models import Gift
from portal.payments.matching.batch import NO_REFERENCE, Mirror, mirrors
from portal.payments.matching.references import find_references
from portal.payments.statements.formats.entries import StatementEntry
from portal.payments.statements.loading import read_lines
from portal.payments.statements.models import BY_ITSELF, LineState, Match, StatementLine

LOOKED_UP = 500
_LATEST_ID = float("inf")

_IS_MATCHED = StatementLine.state == LineState.MATCHED
# Set aside by the import, or opened again by a clerk.
_IS_UNDECIDED = sa.and_(
    StatementLine.amount_minor < 0,
    sa.or_(
        sa.and_(StatementLine.state == LineState.IGNORED, StatementLine.decided_by == BY_ITSELF),
        sa.and_(StatementLine.state == LineState.OPEN, StatementLine.returns_id.is_(None)),
    ),
)

_Dated = tuple[date, int]


def open_returns(database: Database) -> None:
    """Open every debit that may return a matched line, with a link to it."""
    with database.read() as session:
        returns = find_returns(session)
    if not returns:
        return
    with database.write() as session:
        for debit_id, credit_id in sorted(returns.items()):
            session.execute(
                sa.update(StatementLine)
                .where(StatementLine.id == debit_id, _IS_UNDECIDED)
                .values(state=LineState.OPEN, returns_id=credit_id, note="", decided_by="")
            )


def find_returns(session: Session) -> dict[int, int]:
    """Debits nobody has decided, each with the last matched line before it that it mirrors.

    Only lines that share an amount or a reference with the other side are read.
    """
    debits = list(read_lines(session, sa.and_(_IS_UNDECIDED, _has_opposite(_IS_MATCHED))))
    if not debits:
        return {}
    marks = {line_id: _marks_of_debit(entry) for line_id, entry in debits}
    matched = _matched_by_mark(session, marks)
    last = ((line_id, _last_before(entry, marks[line_id], matched)) for line_id, entry in debits)
    return {line_id: found for line_id, found in last if found is not None}


def _has_opposite(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether some line that fits the condition has this line's amount the other way."""
    opposite = sa.select(-StatementLine.amount_minor).where(condition)
    return StatementLine.amount_minor.in_(opposite)


def _marks_of_debit(entry: StatementEntry) -> set[Mirror]:
    texts = (entry.message, entry.bank_reference)
    references = (found for text in texts for found in find_references(text))
    return set(mirrors(-entry.money, entry, references))


def _matched_by_mark(
    session: Session, marks: Mapping[int, set[Mirror]]
) -> dict[Mirror, list[_Dated]]:
    """The matched lines that have one of the debits' marks, by it, in order of day."""
    wanted = set[Mirror]().union(*marks.values())
    references = _references_of_lines(session, wanted)
    found: dict[Mirror, list[_Dated]] = defaultdict(list)
    for line_id, entry in _read_alike(session, list(references)):
        for mark in wanted.intersection(mirrors(entry.money, entry, references[line_id])):
            found[mark].append((entry.booked_on, line_id))
    for dated in found.values():
        dated.sort()
    return found


def _read_alike(session: Session, line_ids: Sequence[int]) -> Iterator[tuple[int, StatementEntry]]:
    """Matched lines: these, and all that have a reference of the bank's or Interac's in common
    with a debit.
    """
    alike = [
        column.in_(sa.select(column).where(_IS_UNDECIDED, column.not_in(NO_REFERENCE)))
        for column in (StatementLine.bank_reference, StatementLine.interac_reference)
    ]
    yield from read_lines(session, sa.and_(_IS_MATCHED, sa.or_(*alike)))
    for at in range(0, len(line_ids), LOOKED_UP):
        these = StatementLine.id.in_(line_ids[at : at + LOOKED_UP])
        yield from read_lines(session, sa.and_(_IS_MATCHED, these))


def _references_of_lines(session: Session, wanted: Iterable[Mirror]) -> dict[int, list[str]]:
    """The references of gifts that lines are matched to, as far as some debit names them."""
    found: dict[int, list[str]] = defaultdict(list)
    named = iter({reference for _, (kind, reference) in wanted if kind == "gift"})
    while batch := list(islice(named, LOOKED_UP)):
        for line_id, reference in session.execute(_select_lines_of(batch)):
            found[line_id].append(reference)
    return found


def _select_lines_of(references: Sequence[str]) -> sa.Select[int, str]:
    return (
        sa.select(Match.line_id, Gift.reference)
        .join(Gift, Gift.id == Match.gift_id)
        .where(Gift.reference.in_(references), Match.undone_at.is_(None))
    )


def _last_before(
    debit: StatementEntry, marks: Iterable[Mirror], matched: Mapping[Mirror, list[_Dated]]
) -> int | None:
    """The last line of any of the marks that came on the debit's day or before it."""
    lists = (matched[mark] for mark in marks if mark in matched)
    ends = ((each, bisect_right(each, (debit.booked_on, _LATEST_ID))) for each in lists)
    return max((each[end - 1] for each, end in ends if end), default=(debit.booked_on, None))[1]
