"""Going through all open lines: what is certain is booked, what is likely is suggested."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database, table_of
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.money import Money
from portal.payments.matching.batch import match_all
from portal.payments.matching.candidates import Notice, OpenGift
from portal.payments.matching.candidates import PayerAlias as KnownPayer
from portal.payments.matching.matcher import Decision, Kind, Matcher
from portal.payments.operations import Desk
from portal.payments.statements.booking import (
    Making,
    Share,
    book_shares,
    count_matches,
    lock_gifts,
    mark_matched,
)
from portal.payments.statements.entries import StatementEntry
from portal.payments.statements.models import (
    LineState,
    PayerAlias,
    StatementLine,
    Suggestion,
    TransferNotice,
)

OPEN = tuple(status for status in Status if status.is_open)
BATCH = 100
BY = "system"
READ_BATCH = 2_000
REMEMBERED_REFERENCES = 10_000
MOST_LINES_AT_ONCE = 2_000
MOST_GIFTS_AT_ONCE = 20_000


@dataclass(slots=True)
class Worked:
    """What became of the lines that were open."""

    automatic: int = 0
    suggested: int = 0
    unmatched: int = 0


Decided = tuple[int, Decision]


def match_open_lines(
    database: Database,
    desk: Desk,
    now: datetime,
    *,
    progress: Callable[[int], Any] = lambda _lines: None,
) -> Worked:
    """Match every open line: certain ones are booked by `system`, others get suggestions.

    `progress` is told after every few how many lines more were done.
    """
    worked = Worked()
    todo = _decide_all(database, desk)
    while batch := list(islice(todo, BATCH)):
        with database.write() as session:
            _work(session, desk, batch, now=now, worked=worked)
        progress(len(batch))
    return worked


def count_open_lines(session: Session) -> int:
    """How many lines wait to be matched."""
    count = sa.select(sa.func.count()).where(_IS_OPEN)
    return session.scalar(count) or 0


def is_long_work(session: Session) -> bool:
    """Whether matching what is open takes longer than a page may: some seconds."""
    lines = sa.select(_LINES.id).where(_IS_OPEN)
    gifts = sa.select(_GIFTS.id).where(_GIFTS.status.in_(OPEN))
    many = (lines.offset(MOST_LINES_AT_ONCE), gifts.offset(MOST_GIFTS_AT_ONCE))
    return any(session.scalar(beyond.limit(1)) is not None for beyond in many)


def _decide_all(database: Database, desk: Desk) -> Iterator[Decided]:
    """Every open line's id with what the matcher says of it, which waits on disk."""
    ids = array("q")

    def entries(session: Session) -> Iterator[StatementEntry]:
        for line_id, entry in _read(session, _IS_OPEN):
            ids.append(line_id)
            yield entry
        for _, entry in _read(session, _went_out()):
            yield entry

    with database.read() as session:
        decisions = match_all(_make_matcher(session, desk), entries(session))
    return zip(ids, decisions, strict=False)  # the debits, which come last, told of others


_LINES = table_of(StatementLine).c
_IS_OPEN = _LINES.state == LineState.OPEN


def _went_out() -> sa.ColumnElement[bool]:
    """Money that went out since the first open line: a payment may have bounced."""
    first = sa.select(sa.func.min(_LINES.booked_on)).where(_IS_OPEN).scalar_subquery()
    return sa.and_(_LINES.amount_minor < 0, _LINES.booked_on >= first)


def _read(
    session: Session, condition: sa.ColumnElement[bool]
) -> Iterator[tuple[int, StatementEntry]]:
    """Lines without their raw text, which the matcher doesn't need and memory would."""
    rows = session.execute(
        sa.select(
            _LINES.id,
            _LINES.position,
            _LINES.booked_on,
            _LINES.amount_minor,
            _LINES.currency,
            _LINES.payer_name,
            _LINES.payer_account,
            _LINES.payer_email,
            _LINES.message,
            _LINES.bank_reference,
            _LINES.interac_reference,
        )
        .where(condition)
        .order_by(_LINES.id),
        execution_options={"yield_per": READ_BATCH},
    )
    for line_id, position, booked_on, minor, currency, *texts in rows:
        name, account, email, message, bank_reference, interac_reference = texts
        yield (
            line_id,
            StatementEntry(
                position=position,
                booked_on=booked_on,
                money=Money(minor, currency),
                payer_name=name,
                payer_account=account,
                payer_email=email,
                message=message,
                bank_reference=bank_reference,
                interac_reference=interac_reference,
            ),
        )


def _make_matcher(session: Session, desk: Desk) -> Matcher:
    return Matcher(
        _open_gifts(session, desk),
        _payers(session),
        _notices(session),
        settled=SettledReferences(session),
    )


class SettledReferences:
    """Whether a canonical reference is that of a gift which waits for no money.

    Asked rarely, so it asks the database: all references together would fill the memory.
    """

    def __init__(self, session: Session) -> None:
        self._connection = session.connection()
        self._is_settled = lru_cache(maxsize=REMEMBERED_REFERENCES)(self._look_up)

    def __contains__(self, reference: object) -> bool:
        return self._is_settled(str(reference))

    def _look_up(self, reference: str) -> bool:
        found = self._connection.scalar(_STATUS_OF, {"wanted": reference})
        return found is not None and not found.is_open


_GIFTS = table_of(Gift).c
_STATUS_OF = sa.select(_GIFTS.status).where(_GIFTS.reference == sa.bindparam("wanted"))


def _open_gifts(session: Session, desk: Desk) -> Iterator[OpenGift]:
    """Gifts that wait for a transfer, with what is left to pay of each."""
    regions = desk.catalogue.regions
    modes = {mode.key for region in regions.values() for mode in region.modes if not mode.is_stripe}
    rest = desk.catalogue.rest
    zones = {slug: ZoneInfo(region.issuer.timezone) for slug, region in regions.items()}
    elsewhere = ZoneInfo(rest.issuer.timezone if rest else "UTC")
    rows = session.execute(
        sa.select(
            Gift.id,
            Gift.reference,
            Gift.amount_minor,
            Gift.paid_minor,
            Gift.currency,
            Gift.created_at,
            Gift.first_name,
            Gift.last_name,
            Gift.email,
            Gift.mode,
            Gift.region,
        ).where(Gift.status.in_(OPEN), Gift.mode.in_(modes), is_for_someone()),
        execution_options={"yield_per": READ_BATCH},
    )
    for row in rows:
        yield OpenGift(
            gift_id=row.id,
            reference=row.reference,
            money=Money(row.amount_minor, row.currency),
            due_minor=row.amount_minor - row.paid_minor,
            created_on=row.created_at.astimezone(zones.get(row.region, elsewhere)).date(),
            name=f"{row.first_name} {row.last_name}".strip(),
            email=row.email,
            mode=row.mode,
        )


def is_for_someone() -> sa.ColumnElement[bool]:
    """Leaves out gifts that only stand for money nobody claimed."""
    return sa.or_(Gift.origin.is_(None), Gift.origin.not_like("unattributed:%"))


def _payers(session: Session) -> Iterator[KnownPayer]:
    rows = session.execute(
        sa.select(PayerAlias.payer_key, PayerAlias.email),
        execution_options={"yield_per": READ_BATCH},
    )
    for payer_key, email in rows:
        yield KnownPayer(payer_key, email)


def _notices(session: Session) -> Iterator[Notice]:
    rows = session.execute(
        sa.select(
            TransferNotice.interac_reference,
            TransferNotice.amount_minor,
            TransferNotice.currency,
            TransferNotice.received_at,
            TransferNotice.sender_name,
            TransferNotice.sender_email,
            TransferNotice.message,
        ).order_by(TransferNotice.id),
        execution_options={"yield_per": READ_BATCH},
    )
    for row in rows:
        yield Notice(
            interac_reference=row.interac_reference,
            money=Money(row.amount_minor, row.currency),
            received_on=row.received_at.date(),
            name=row.sender_name,
            email=row.sender_email,
            message=row.message,
        )


def _work(
    session: Session, desk: Desk, batch: Sequence[Decided], *, now: datetime, worked: Worked
) -> None:
    """Some lines in one transaction: all locks first, in order, then what is certain."""
    lines = _lock_open(session, [line_id for line_id, _ in batch])
    batch = [decided for decided in batch if decided[0] in lines]
    certain = [one for one in batch if one[1].kind is Kind.AUTOMATIC]
    gifts = lock_gifts(session, [decision.candidates[0].gift_id for _, decision in certain])
    earlier = count_matches(session, [line_id for line_id, _ in certain])
    booked = set()
    for line_id, decision in certain:
        making = _make(decision, earlier.get(line_id, 0), now)
        gift = gifts[decision.candidates[0].gift_id]
        if _book(session, desk, lines[line_id], gift, making):
            booked.add(line_id)
    if booked:
        mark_matched(session, sorted(booked), BY, now)
    left = [decided for decided in batch if decided[0] not in booked]
    _suggest(session, left)
    with_hints = sum(bool(decision.candidates) for _, decision in left)
    worked.automatic += len(booked)
    worked.suggested += with_hints
    worked.unmatched += len(left) - with_hints


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
    return Making(by=BY, at=now, reasons=reasons, is_automatic=True, earlier=earlier)


def _book(session: Session, desk: Desk, line: StatementLine, gift: Gift, making: Making) -> bool:
    """Book a certain match, unless what the gift waits for changed in the meantime."""
    if not gift.status.is_open or gift.due != line.money:
        return False
    share = Share(gift.id, line.money)
    book_shares(session, desk, line, [share], gifts={gift.id: gift}, making=making)
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
