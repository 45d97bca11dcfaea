"""Going through all open lines: what is certain is booked, what is likely is suggested."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Evidence, Gift
from portal.money import Money
from portal.payments.matching.batch import match_all
from portal.payments.matching.candidates import Notice, OpenGift
from portal.payments.matching.candidates import PayerAlias as KnownPayer
from portal.payments.matching.matcher import Candidate, Decision, Kind, Matcher
from portal.payments.operations import Desk
from portal.payments.statements.deciding import (
    MatchRefused,
    Share,
    confirm_match,
    entry_of,
    is_still_open,
)
from portal.payments.statements.models import (
    LineState,
    PayerAlias,
    StatementLine,
    Suggestion,
    TransferNotice,
)

OPEN = (Status.PENDING, Status.EXPIRED, Status.FAILED, Status.PARTLY_PAID)
BATCH = 100


@dataclass(slots=True)
class Worked:
    """What became of the lines that were open."""

    automatic: int = 0
    suggested: int = 0
    unmatched: int = 0


def match_open_lines(database: Database, desk: Desk, now: datetime) -> Worked:
    """Match every open line: certain ones are booked by `system`, others get suggestions."""
    with database.read() as session:
        lines = list(session.scalars(_open_lines()))
        debits = list(session.scalars(_recent_debits(lines)))
        matcher = _make_matcher(session, desk)
    entries = [entry_of(line) for line in (*lines, *debits)]
    decisions = match_all(matcher, entries)[: len(lines)]
    worked = Worked()
    todo = iter(zip(lines, decisions, strict=True))
    while batch := list(islice(todo, BATCH)):
        with database.write() as session:
            for line, decision in batch:
                _work(session, desk, line, decision, now=now, worked=worked)
    return worked


def _open_lines() -> sa.Select[StatementLine]:
    return (
        sa.select(StatementLine)
        .where(StatementLine.state == LineState.OPEN)
        .order_by(StatementLine.id)
    )


def _recent_debits(lines: Sequence[StatementLine]) -> sa.Select[StatementLine]:
    """Money that went out since the first open line: a payment may have bounced."""
    first = min((line.booked_on for line in lines), default=None)
    return sa.select(StatementLine).where(
        StatementLine.amount_minor < 0, StatementLine.booked_on >= first
    )


def _make_matcher(session: Session, desk: Desk) -> Matcher:
    aliases = [
        KnownPayer(row.payer_key, row.email) for row in session.scalars(sa.select(PayerAlias))
    ]
    return Matcher(
        _open_gifts(session, desk),
        aliases,
        _notices(session),
        settled=SettledReferences(session),
    )


class SettledReferences:
    """Whether a canonical reference is that of a gift which waits for no money."""

    def __init__(self, session: Session) -> None:
        found = session.scalars(sa.select(Gift.reference).where(Gift.status.not_in(OPEN)))
        self._references = frozenset(found)

    def __contains__(self, reference: object) -> bool:
        return reference in self._references


def _open_gifts(session: Session, desk: Desk) -> Iterator[OpenGift]:
    """Gifts that wait for a transfer, with what is left to pay of each."""
    paid = _paid_so_far(session)
    modes = {
        mode.key
        for region in desk.catalogue.regions.values()
        for mode in region.modes
        if not mode.is_stripe
    }
    rows = session.execute(
        sa.select(
            Gift.id,
            Gift.reference,
            Gift.amount_minor,
            Gift.currency,
            Gift.created_at,
            Gift.first_name,
            Gift.last_name,
            Gift.email,
            Gift.mode,
            Gift.region,
        ).where(Gift.status.in_(OPEN), Gift.mode.in_(modes))
    )
    for row in rows:
        region = desk.catalogue.by_slug(row.region) or desk.catalogue.rest
        zone = ZoneInfo(region.issuer.timezone if region else "UTC")
        yield OpenGift(
            gift_id=row.id,
            reference=row.reference,
            money=Money(row.amount_minor, row.currency),
            due_minor=row.amount_minor - paid.get(row.id, 0),
            created_on=row.created_at.astimezone(zone).date(),
            name=f"{row.first_name} {row.last_name}".strip(),
            email=row.email,
            mode=row.mode,
        )


def _paid_so_far(session: Session) -> dict[int, int]:
    """What came for gifts that are partly paid."""
    taken_back = sa.select(Evidence.subject).where(Evidence.fact == FactKind.WITHDRAWN.value)
    rows = session.execute(
        sa.select(Evidence.gift_id, sa.func.sum(Evidence.amount_minor))
        .join(Gift, Gift.id == Evidence.gift_id)
        .where(
            Gift.status == Status.PARTLY_PAID,
            Evidence.fact == FactKind.PAID.value,
            Evidence.subject.not_in(taken_back),
        )
        .group_by(Evidence.gift_id)
    )
    return {gift_id: int(total) for gift_id, total in rows}


def _notices(session: Session) -> Iterator[Notice]:
    for row in session.scalars(sa.select(TransferNotice)):
        yield Notice(
            interac_reference=row.interac_reference,
            money=Money(row.amount_minor, row.currency),
            received_on=row.received_at.date(),
            name=row.sender_name,
            email=row.sender_email,
            message=row.message,
        )


def _work(
    session: Session,
    desk: Desk,
    line: StatementLine,
    decision: Decision,
    *,
    now: datetime,
    worked: Worked,
) -> None:
    if decision.kind is Kind.AUTOMATIC and _book(session, desk, line, decision, now):
        worked.automatic += 1
        return
    _suggest(session, line, decision.candidates)
    if decision.candidates:
        worked.suggested += 1
    else:
        worked.unmatched += 1


def _book(
    session: Session, desk: Desk, line: StatementLine, decision: Decision, now: datetime
) -> bool:
    """Book a certain match, unless the gift was paid or the line decided in the meantime."""
    best = decision.candidates[0]
    if not is_still_open(session, best.gift_id):
        return False
    share = Share(best.gift_id, line.money)
    reasons = [reason.value for reason in best.reasons]
    try:
        confirm_match(
            session,
            desk,
            line.id,
            [share],
            by="system",
            now=now,
            is_automatic=True,
            reasons=reasons,
        )
    except MatchRefused:
        return False
    return True


def _suggest(session: Session, line: StatementLine, candidates: Sequence[Candidate]) -> None:
    session.execute(sa.delete(Suggestion).where(Suggestion.line_id == line.id))
    rows = [
        {
            "line_id": line.id,
            "gift_id": candidate.gift_id,
            "rank": rank,
            "score": round(candidate.score * 100),
            "reasons": {"reasons": [reason.value for reason in candidate.reasons]},
        }
        for rank, candidate in enumerate(candidates, start=1)
    ]
    if rows:
        session.execute(sa.insert(Suggestion), rows)
