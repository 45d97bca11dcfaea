"""Stripe's events: stored first, then understood; what can't be understood yet waits.

An event is stored, applied and answered in one transaction; an event that fails inside is
rolled back to a savepoint and kept with its problem, so that the answer to Stripe is 2xx
once it is stored and a job tries again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.database import Database, Document
from portal.gifts.evidence import Claim
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.gifts.queries import find_gift_by_reference
from portal.logs import get_logger
from portal.payments.models import Checkout, EventState, StripeEvent, StripeLink
from portal.payments.operations import Desk, MoneyDiffers, accept, accept_unattributed
from portal.payments.plans import (
    change_plan,
    find_or_add_renewal,
    find_plan_gift,
    note_failed_renewal,
)
from portal.payments.readings import Reading, read_event

log = get_logger()

RETRY_AFTER_SECONDS = 5
PAYMENT_PARTS = ("pi_", "ch_", "py_")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event."""

    state: EventState
    gift_id: int | None = None
    waits_for: str | None = None
    problem: str = ""


def receive_event(
    database: Database, desk: Desk, event: Document, now: datetime, *, livemode: bool
) -> Outcome:
    """Store an event and apply it; one that was applied before changes nothing."""
    with database.write() as session:
        event_id = _store(session, event, now)
        if event_id is None:
            row = session.scalars(
                sa.select(StripeEvent).where(StripeEvent.stripe_event_id == event["id"])
            ).one()
            if row.state in {EventState.PROCESSED, EventState.IGNORED}:
                return Outcome(row.state, row.gift_id)
            event_id = row.id
        outcome = _try(session, desk, event, now, livemode=livemode)
        _record(session, desk, event_id, outcome)
        return outcome


def reapply_event(
    database: Database, desk: Desk, event_id: int, now: datetime, *, livemode: bool
) -> Outcome:
    """Try a stored event again."""
    with database.write() as session:
        row = session.get_one(StripeEvent, event_id)
        if row.state in {EventState.PROCESSED, EventState.IGNORED}:
            return Outcome(row.state, row.gift_id)
        outcome = _try(session, desk, row.payload, now, livemode=livemode)
        _record(session, None, event_id, outcome)
        return outcome


def _store(session: Session, event: Document, now: datetime) -> int | None:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = (
        insert(StripeEvent)
        .values(
            stripe_event_id=event["id"],
            type=event["type"],
            livemode=bool(event.get("livemode")),
            api_version=str(event.get("api_version") or ""),
            created_at=datetime.fromtimestamp(int(event["created"]), UTC),
            received_at=now,
            payload=event,
            state=EventState.WAITING,
            problem="",
            attempts=0,
        )
        .on_conflict_do_nothing(index_elements=["stripe_event_id"])
        .returning(StripeEvent.id)
    )
    found: int | None = session.execute(statement).scalar_one_or_none()
    return found


def _record(session: Session, desk: Desk | None, event_id: int, outcome: Outcome) -> None:
    session.execute(
        sa.update(StripeEvent)
        .where(StripeEvent.id == event_id)
        .values(
            state=outcome.state,
            gift_id=outcome.gift_id,
            waits_for=outcome.waits_for,
            problem=outcome.problem,
            attempts=StripeEvent.attempts + 1,
        )
    )
    is_open = outcome.state in {EventState.WAITING, EventState.FAILED}
    if is_open and desk is not None and outcome.problem != "livemode":
        desk.jobs.enqueue(session, "retry_event", event_id, delay_seconds=RETRY_AFTER_SECONDS)


def _try(
    session: Session, desk: Desk, event: Document, now: datetime, *, livemode: bool
) -> Outcome:
    if bool(event.get("livemode")) is not livemode:
        return Outcome(EventState.FAILED, problem="livemode")
    try:
        with session.begin_nested():
            return _apply(session, desk, event, now)
    except sa.exc.OperationalError:
        raise
    except Exception as error:
        # Whatever went wrong, the event must stay and be tried again.
        log.exception("stripe_event_failed", stripe_event=event.get("id"))
        return Outcome(EventState.FAILED, problem=type(error).__name__)


def _apply(session: Session, desk: Desk, event: Document, now: datetime) -> Outcome:
    reading = read_event(event)
    if reading is None:
        return Outcome(EventState.IGNORED)
    return apply_reading(session, desk, reading, now)


def apply_reading(session: Session, desk: Desk, reading: Reading, now: datetime) -> Outcome:
    """Book what was read, for the gift it leads to; wait where it leads to none yet."""
    gift = find_gift(session, reading)
    if gift is None:
        return _without_gift(session, desk, reading, now)
    if reading.plan is not None:
        change_plan(session, gift, reading.plan)
    if reading.renewal is not None:
        gift = find_or_add_renewal(session, gift, reading.renewal, now)
    if reading.renewal_failed:
        note_failed_renewal(session, desk, gift, reading, now)
    return _book(session, desk, gift, reading, now)


def _book(session: Session, desk: Desk, gift: Gift, reading: Reading, now: datetime) -> Outcome:
    gift_id = gift.id
    try:
        if reading.claims:
            accept(session, desk, gift_id, reading.claims, now)
    except MoneyDiffers as error:
        gift_id = _book_beside(session, desk, reading.claims, now, why=str(error), beside=gift)
    if reading.checkout_state:
        _close_checkout(session, reading)
    if reading.fee_of:
        desk.jobs.enqueue(session, "fetch_fee", f"{reading.fee_of}:{gift_id}")
    link(session, desk, reading.links, gift_id, now)
    return Outcome(EventState.PROCESSED, gift_id)


def _without_gift(session: Session, desk: Desk, reading: Reading, now: datetime) -> Outcome:
    """An event about a gift we don't have: money is kept, the rest waits."""
    is_payment = any(claim.fact is FactKind.PAID for claim in reading.claims)
    if reading.reference and is_payment:
        why = f"Stripe names the gift {reading.reference}, which is not here"
        gift_id = _book_beside(session, desk, reading.claims, now, why=why, beside=None)
        link(session, desk, reading.links, gift_id, now)
        return Outcome(EventState.PROCESSED, gift_id, problem="unattributed")
    if reading.known_by:
        return Outcome(EventState.WAITING, waits_for=reading.known_by[0])
    return Outcome(EventState.FAILED, problem="no such gift")


def _book_beside(
    session: Session,
    desk: Desk,
    claims: tuple[Claim, ...],
    now: datetime,
    *,
    why: str,
    beside: Gift | None,
) -> int:
    paid = next(claim for claim in claims if claim.fact is FactKind.PAID)
    return accept_unattributed(session, desk, paid, now, why=why, beside=beside).gift.id


def find_gift(session: Session, reading: Reading) -> Gift | None:
    """The gift a reading leads to: what we linked first, then our reference, then a plan."""
    if reading.known_by:
        linked = session.scalar(
            sa.select(Gift)
            .join(StripeLink, StripeLink.gift_id == Gift.id)
            .where(StripeLink.stripe_id.in_(reading.known_by))
            .limit(1)
        )
        if linked is not None:
            return linked
    if reading.reference:
        return find_gift_by_reference(session, reading.reference)
    return find_plan_gift(session, reading.known_by)


def link(
    session: Session, desk: Desk, stripe_ids: tuple[str, ...], gift_id: int, now: datetime
) -> None:
    """Remember whose these Stripe objects are, and apply the events that waited for that."""
    if not stripe_ids:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    rows = [{"stripe_id": stripe_id, "gift_id": gift_id} for stripe_id in stripe_ids]
    statement = insert(StripeLink).values(rows).on_conflict_do_nothing()
    new = session.scalars(statement.returning(StripeLink.stripe_id)).all()
    waiting = (
        session.scalars(
            sa.select(StripeEvent)
            .where(StripeEvent.waits_for.in_(new), StripeEvent.state == EventState.WAITING)
            .order_by(StripeEvent.id)
        ).all()
        if new
        else ()
    )
    for event in waiting:
        _record(session, None, event.id, _apply(session, desk, event.payload, now))


def _close_checkout(session: Session, reading: Reading) -> None:
    session_ids = [stripe_id for stripe_id in reading.links if stripe_id.startswith("cs_")]
    session.execute(
        sa.update(Checkout)
        .where(Checkout.stripe_session_id.in_(session_ids), Checkout.state != "complete")
        .values(state=reading.checkout_state)
    )
