"""Looking at statements: files, lines with their suggestions or matches, and gifts to choose."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import eq, ge, le
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.money import Money
from portal.payments.books import Totals, count_totals_by_file
from portal.payments.statements.duplicates import find_duplicates
from portal.payments.statements.models import (
    BY_ITSELF,
    LineState,
    Match,
    StatementFile,
    StatementLine,
    Suggestion,
)

ABOVE_ALL_SCORES = 101
# Debits that the import set aside stand on no list; those that may be returns do.
_IS_FOR_PEOPLE = sa.or_(StatementLine.amount_minor > 0, StatementLine.decided_by != BY_ITSELF)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftChoice:
    """A gift as a clerk needs it to decide. `due` is what is left to pay."""

    gift_id: int
    reference: str
    token: str
    name: str
    email: str
    money: Money
    received: Money
    due: Money
    status: Status
    mode: str
    fund: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """A gift an open line may be for; `score` in hundredths, `reasons` as matching's Reason."""

    gift: GiftChoice
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A gift a line was booked for, `undone_at` where that was taken back."""

    match_id: int
    gift: GiftChoice
    money: Money
    is_automatic: bool
    reasons: tuple[str, ...]
    made_by: str
    made_at: datetime
    undone_by: str
    undone_at: datetime | None
    undo_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line with what is suggested for it, best first, and what it was booked for.

    `returns` is the line that a debit may return, `duplicate` one that may be the same payment.
    """

    line_id: int
    file_id: int
    position: int
    booked_on: date
    money: Money
    payer_name: str
    payer_email: str
    payer_account: str
    message: str
    bank_reference: str
    interac_reference: str
    raw: str
    state: LineState
    note: str
    decided_by: str
    decided_at: datetime | None
    suggestions: tuple[Suggested, ...] = ()
    matches: tuple[Matched, ...] = ()
    returns: int | None = None
    duplicate: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Which lines to list. Empty means any; both days are included.

    Lines that were withdrawn are listed only where their state is asked for.
    """

    state: LineState | None = LineState.OPEN
    file_id: int | None = None
    since: date | None = None
    until: date | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of lines ended: the best score of its last line, and that line."""

    score: int
    line_id: int


@dataclass(frozen=True, slots=True)
class LinePage:
    """Some lines, and where to go on; None at the end."""

    lines: tuple[Line, ...]
    after: Cursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file with its totals by currency."""

    file_id: int
    filename: str
    format: str
    account: str
    line_count: int
    new_count: int
    imported_by: str
    imported_at: datetime
    withdrawn_by: str
    withdrawn_at: datetime | None
    withdrawn_why: str
    totals: tuple[Totals, ...] = field(default=())


def list_files(session: Session, *, limit: int = 50, before_id: int | None = None) -> list[FileRow]:
    """Files, the newest first; `before_id` is the last one of the page before."""
    statement = sa.select(StatementFile).order_by(StatementFile.id.desc()).limit(limit)
    if before_id is not None:
        statement = statement.where(StatementFile.id < before_id)
    files = session.scalars(statement).all()
    totals = count_totals_by_file(session, [file.id for file in files])
    return [_file_row(file, totals.get(file.id, ())) for file in files]


def find_file(session: Session, file_id: int) -> FileRow | None:
    file = session.get(StatementFile, file_id)
    if file is None:
        return None
    return _file_row(file, count_totals_by_file(session, [file_id]).get(file_id, ()))


def _file_row(file: StatementFile, totals: Sequence[Totals]) -> FileRow:
    return FileRow(
        file_id=file.id,
        filename=file.filename,
        format=file.format,
        account=file.account,
        line_count=file.line_count,
        new_count=file.new_count,
        imported_by=file.imported_by,
        imported_at=file.imported_at,
        withdrawn_by=file.withdrawn_by,
        withdrawn_at=file.withdrawn_at,
        withdrawn_why=file.withdrawn_why,
        totals=tuple(totals),
    )


def list_lines(
    session: Session, wanted: LineFilter, *, after: Cursor | None = None, limit: int = 50
) -> LinePage:
    """Lines that a person decides: what may be a return first, then the surest suggestions,
    then in order of import.
    """
    rows = session.execute(_select_by_score(wanted, after).limit(limit + 1)).all()
    page = rows[:limit]
    more = Cursor(int(page[-1][1]), page[-1][0].id) if len(rows) > limit else None
    return LinePage(_dress(session, [line for line, _ in page]), more)


def _select_by_score(wanted: LineFilter, after: Cursor | None) -> sa.Select[StatementLine, int]:
    """Lines with the score of what is best for each, the highest first."""
    score = sa.func.coalesce(Suggestion.score, 0)
    best = sa.case((StatementLine.amount_minor < 0, ABOVE_ALL_SCORES), else_=score)
    first = sa.and_(Suggestion.line_id == StatementLine.id, Suggestion.rank == 1)
    statement = (
        sa.select(StatementLine, best)
        .outerjoin(Suggestion, first)
        .where(_IS_FOR_PEOPLE, *_conditions(wanted))
        .order_by(best.desc(), StatementLine.id)
    )
    if after is None:
        return statement
    later = sa.and_(best == after.score, StatementLine.id > after.line_id)
    return statement.where(sa.or_(best < after.score, later))


def select_lines(wanted: LineFilter, *columns: Any) -> sa.Select[Any]:
    """All lines of money that came in and that fit, with their files, in order of import,
    without any bound: to export.
    """
    return (
        sa.select(*columns)
        .select_from(StatementLine)
        .join(StatementFile, StatementFile.id == StatementLine.file_id)
        .where(StatementLine.amount_minor > 0, *_conditions(wanted))
        .order_by(StatementLine.id)
    )


def _conditions(wanted: LineFilter) -> list[sa.ColumnElement[bool]]:
    state = StatementLine.state
    shown = state == wanted.state if wanted.state else state != LineState.WITHDRAWN
    narrowed = [
        compare(column, value)
        for column, compare, value in (
            (StatementLine.file_id, eq, wanted.file_id),
            (StatementLine.booked_on, ge, wanted.since),
            (StatementLine.booked_on, le, wanted.until),
            (StatementLine.currency, eq, wanted.currency or None),
        )
        if value is not None
    ]
    return [shown, *narrowed]


def find_line(session: Session, line_id: int) -> Line | None:
    """One line with all its suggestions and matches, undone ones too."""
    line = session.get(StatementLine, line_id)
    return _dress(session, [line])[0] if line is not None else None


def _dress(session: Session, lines: Sequence[StatementLine]) -> tuple[Line, ...]:
    """Lines with what belongs to them, by a few queries however many they are."""
    line_ids = [line.id for line in lines]
    suggestions, matches = _suggestions(session, line_ids), _matches(session, line_ids)
    duplicates = find_duplicates(session, StatementLine.id.in_(line_ids))
    return tuple(
        Line(
            line_id=line.id,
            file_id=line.file_id,
            position=line.position,
            booked_on=line.booked_on,
            money=line.money,
            payer_name=line.payer_name,
            payer_email=line.payer_email,
            payer_account=line.payer_account,
            message=line.message,
            bank_reference=line.bank_reference,
            interac_reference=line.interac_reference,
            raw=line.raw,
            state=line.state,
            note=line.note,
            decided_by=line.decided_by,
            decided_at=line.decided_at,
            suggestions=tuple(suggestions[line.id]),
            matches=tuple(matches[line.id]),
            returns=line.returns_id,
            duplicate=duplicates.get(line.id),
        )
        for line in lines
    )


def _suggestions(session: Session, line_ids: Iterable[int]) -> dict[int, list[Suggested]]:
    found: dict[int, list[Suggested]] = defaultdict(list)
    rows = session.execute(
        sa.select(Suggestion, Gift)
        .join(Gift, Gift.id == Suggestion.gift_id)
        .where(Suggestion.line_id.in_(line_ids))
        .order_by(Suggestion.line_id, Suggestion.rank)
    )
    for suggestion, gift in rows:
        found[suggestion.line_id].append(
            Suggested(
                gift=choice_of(gift),
                score=suggestion.score,
                reasons=tuple(suggestion.reasons["reasons"]),
            )
        )
    return found


def _matches(session: Session, line_ids: Iterable[int]) -> dict[int, list[Matched]]:
    found: dict[int, list[Matched]] = defaultdict(list)
    rows = session.execute(
        sa.select(Match, Gift)
        .join(Gift, Gift.id == Match.gift_id)
        .where(Match.line_id.in_(line_ids))
        .order_by(Match.line_id, Match.id)
    )
    for match, gift in rows:
        found[match.line_id].append(_matched(match, gift))
    return found


def _matched(match: Match, gift: Gift) -> Matched:
    return Matched(
        match_id=match.id,
        gift=choice_of(gift),
        money=match.money,
        is_automatic=match.is_automatic,
        reasons=tuple(match.reasons["reasons"]),
        made_by=match.made_by,
        made_at=match.made_at,
        undone_by=match.undone_by,
        undone_at=match.undone_at,
        undo_reason=match.undo_reason,
    )


def choice_of(gift: Gift) -> GiftChoice:
    return GiftChoice(
        gift_id=gift.id,
        reference=gift.reference,
        token=gift.token,
        name=gift.name,
        email=gift.email,
        money=gift.money,
        received=gift.received,
        due=gift.due,
        status=gift.status,
        mode=gift.mode,
        fund=gift.fund,
        created_at=gift.created_at,
    )


def list_gift_lines(session: Session, gift_id: int) -> tuple[Line, ...]:
    """The lines a gift was ever booked from, undone ones too, oldest first."""
    of_gift = sa.select(Match.line_id).where(Match.gift_id == gift_id)
    lines: Any = session.scalars(
        sa.select(StatementLine).where(StatementLine.id.in_(of_gift)).order_by(StatementLine.id)
    ).all()
    return _dress(session, lines)
