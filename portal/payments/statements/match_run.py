"""Working through all open lines: what is certain is booked, what is likely is suggested."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import table_of
from portal.gifts.models import Gift
from portal.payments.matching.batch import match_all
from portal.payments.matching.matcher import Decision, Kind
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
from portal.payments.statements.returns import open_returns
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
