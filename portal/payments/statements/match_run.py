"""Working through all open lines: what is certain is booked, what is likely is suggested.

Payments that came back after they were matched, as money that went out in a later file, are
opened with them. Where the credit is still open the matcher weighs both. Afterwards nobody
would look at the debit, as money that went out is set aside; so it is opened for a clerk, who
takes the match back or ignores it with a reason. It can't be matched, and totals, which are
of money that came in, don't count it.
"""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database, table_of
from portal.gifts.models import Gift
from portal.payments.matching.identifiers import find_references
from portal.payments.matching.matcher import (
    NO_REFERENCE,
    Decision,
    Kind,
    Mirror,
    match_all,
    mirrors,
)
from portal.payments.matching.scoring import Reason
from portal.payments.statements.booking import (
    Making,
    Share,
    book_shares,
    count_matches,
    lock_gifts,
    mark_matched,
)
from portal.payments.statements.duplicates import find_corrected, find_duplicates
from portal.payments.statements.formats.entries import StatementEntry
from portal.payments.statements.loading import (
    make_matcher,
    read_debits,
    read_lines,
    read_open_lines,
    read_taken_back,
)
from portal.payments.statements.models import (
    BY_ITSELF,
    LineState,
    Match,
    StatementLine,
    Suggestion,
)
from portal.services import Act, Services

BATCH = 100


@dataclass(slots=True)
class Worked:
    """What became of the lines that were open."""

    automatic: int = 0
    suggested: int = 0
    unmatched: int = 0


Decided = tuple[int, Decision]


def match_open_lines(
    services: Services, *, progress: Callable[[int], Any] = lambda _lines: None
) -> Worked:
    """Match every open line: certain ones are booked by `system`, others get suggestions.
    Then debits that may return a line which is matched are opened.

    `progress` is told after every few how many lines more were done.
    """
    worked = Worked()
    todo = _decide_all(services)
    while batch := list(islice(todo, BATCH)):
        with services.write() as act:
            _work(act, batch, worked=worked)
        progress(len(batch))
    open_returns(services.database)
    return worked


def _decide_all(services: Services) -> Iterator[Decided]:
    """Every open line's id with what the matcher says of it, which waits on disk."""
    ids = array("q")

    def entries(session: Session) -> Iterator[StatementEntry]:
        for line_id, entry in read_open_lines(session):
            ids.append(line_id)
            yield entry
        yield from read_debits(session)

    def object_to(at: int, gift_id: int) -> Reason | None:
        if ids[at] in corrected:
            return Reason.CORRECTED
        if ids[at] in told_before:
            return Reason.REPORTED_TWICE
        return Reason.TAKEN_BACK if (ids[at], gift_id) in taken_back else None

    with services.database.read() as session:
        taken_back = read_taken_back(session)
        told_before = find_duplicates(session).keys()
        corrected = find_corrected(session)
        matcher = make_matcher(session, services.catalogue)
        decisions = match_all(matcher, entries(session), object_to)
    return zip(ids, decisions, strict=False)  # the debits, which come last, told of others


def _work(act: Act, batch: Sequence[Decided], *, worked: Worked) -> None:
    """Some lines in one transaction: all locks first, in order, then what is certain."""
    lines = _lock_open(act.session, [line_id for line_id, _ in batch])
    batch = [decided for decided in batch if decided[0] in lines]
    certain = [one for one in batch if one[1].kind is Kind.AUTOMATIC]
    booked = _book_certain(act, certain, lines)
    if booked:
        mark_matched(act, sorted(booked))
    left = [decided for decided in batch if decided[0] not in booked]
    _suggest(act.session, left)
    with_hints = sum(bool(decision.candidates) for _, decision in left)
    worked.automatic += len(booked)
    worked.suggested += with_hints
    worked.unmatched += len(left) - with_hints


def _book_certain(
    act: Act, certain: Sequence[Decided], lines: Mapping[int, StatementLine]
) -> set[int]:
    """Book each line for its gift; the ids of those where that went."""
    gifts = lock_gifts(act.session, [decision.candidates[0].gift_id for _, decision in certain])
    earlier = count_matches(act.session, [line_id for line_id, _ in certain])
    taken_back = read_taken_back(act.session, Match.line_id.in_(earlier)) if earlier else ()
    booked = set()
    for line_id, decision in certain:
        making = _make(decision, earlier.get(line_id, 0), act.now)
        gift = gifts[decision.candidates[0].gift_id]
        if (line_id, gift.id) in taken_back:
            continue
        if _book(act, lines[line_id], gift, making):
            booked.add(line_id)
    return booked


def _lock_open(session: Session, line_ids: Sequence[int]) -> dict[int, StatementLine]:
    """Those of the lines that nobody has decided meanwhile, held until this is done."""
    found = session.scalars(
        sa.select(StatementLine)
        .where(StatementLine.id.in_(line_ids), StatementLine.state == LineState.OPEN)
        .order_by(StatementLine.id)
        .with_for_update()
    )
    return {line.id: line for line in found}


def _make(decision: Decision, earlier: int, now: datetime) -> Making:
    reasons = tuple(reason.value for reason in decision.candidates[0].reasons)
    return Making(by=BY_ITSELF, at=now, reasons=reasons, is_automatic=True, earlier=earlier)


def _book(act: Act, line: StatementLine, gift: Gift, making: Making) -> bool:
    """Book a certain match, unless what the gift waits for changed in the meantime."""
    if not gift.status.is_open or gift.due != line.money:
        return False
    share = Share(gift.id, line.money)
    book_shares(act, line, [share], gifts={gift.id: gift}, making=making)
    return True


def _suggest(session: Session, left: Sequence[Decided]) -> None:
    """The candidates of lines for a clerk, instead of those of an earlier look."""
    session.execute(
        sa.delete(Suggestion).where(Suggestion.line_id.in_([line_id for line_id, _ in left]))
    )
    rows = [
        {
            "line_id": line_id,
            "gift_id": candidate.gift_id,
            "rank": rank,
            "score": round(candidate.score * 100),
            "reasons": {"reasons": [reason.value for reason in candidate.reasons]},
        }
        for line_id, decision in left
        for rank, candidate in enumerate(decision.candidates, start=1)
    ]
    if rows:
        session.execute(sa.insert(table_of(Suggestion)), rows)


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
