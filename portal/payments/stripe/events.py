"""Stripe's events: stored first, then understood; what can't be understood yet waits.

An event is stored, applied and answered in one transaction. What fails inside is undone,
and the event is then kept with its problem by a transaction of its own, so that the answer
to Stripe is 2xx once it is stored and a job tries again. What no try can read, because it is
not as Stripe describes events, waits for a person. So does what is another's: it names a gift
of another installation, or came for a connected account.
"""

from collections.abc import Callable
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import DatabaseUnavailable, Document, insert_new, table_of
from portal.gifts.evidence import Claim
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift, lock_gift_of
from portal.jobs.kinds import FetchFee, RetryEvent
from portal.logs import get_logger
from portal.payments.models import (
    DONE,
    EventState,
    LinkKind,
    Outcome,
    Problem,
    StripeEvent,
    StripeLink,
    find_installation,
)
from portal.payments.operations import (
    MoneyDiffers,
    accept_for,
    accept_unattributed,
    close_checkouts,
    find_handed_off,
)
from portal.payments.stripe.envelopes import Envelope, is_thin, read_envelope
from portal.payments.stripe.plans import (
    change_plan,
    find_or_add_renewal,
    find_plan_gift,
    note_failed_renewal,
)
from portal.payments.stripe.readers import read_event
from portal.payments.stripe.reading import STRIPE, Reading, UnreadableEvent, kind_of, link_row
from portal.services import Act, Services

log = get_logger()

RETRY_AFTER_SECONDS = 5


def receive_event(
    services: Services, event: Document, *, livemode: bool, is_claimed: bool = False
) -> Outcome:
    """Store an event and apply it; one that was applied before changes nothing.

    `is_claimed` where a person said that it is ours, whomever it names.
    """
    envelope = read_envelope(event, services.now())
    event = envelope.payload

    def understand(act: Act) -> Outcome:
        if is_thin(event):
            return Outcome(EventState.FAILED, problem=Problem.THIN)
        if bool(event.get("livemode")) is not livemode:
            return Outcome(EventState.FAILED, problem=Problem.LIVEMODE)
        return _apply(act, event, is_claimed=is_claimed)

    done = DONE - {EventState.NOT_OURS} if is_claimed else DONE
    try:
        return _keep(services, envelope, understand=understand, done=done)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        # Whatever went wrong, the event must stay and be tried again.
        log.exception("stripe_event_failed", stripe_event=envelope.stripe_event_id)
        failed = Outcome(EventState.FAILED, problem=type(error).__name__)
    return _keep(services, envelope, understand=lambda _act: failed, done=done)


def reapply_event(
    services: Services, event_id: int, *, livemode: bool, is_claimed: bool = False
) -> Outcome:
    """Try a stored event again."""
    with services.database.read() as session:
        kept = session.get_one(StripeEvent, event_id)
        event = {**kept.payload, "id": kept.stripe_event_id}
    return receive_event(services, event, livemode=livemode, is_claimed=is_claimed)


def _keep(
    services: Services,
    envelope: Envelope,
    *,
    understand: Callable[[Act], Outcome],
    done: frozenset[EventState],
) -> Outcome:
    """Store an event with what becomes of it, unless that is settled already."""
    with services.write() as act:
        event_id, known = _store(act, envelope)
        if known is not None and known.state in done:
            return known
        outcome = understand(act)
        _record(act.session, event_id, outcome)
        if outcome.is_worth_another_try:
            act.promise(RetryEvent(event_id), delay_seconds=RETRY_AFTER_SECONDS)
        return outcome


def _store(act: Act, envelope: Envelope) -> tuple[int, Outcome | None]:
    """The event's id, and what became of it when it came before."""
    row = {
        **envelope.columns(),
        "provider": STRIPE,
        "received_at": act.now,
        "state": EventState.WAITING,
    }
    for event_id in insert_new(act.session, StripeEvent, row):
        return event_id, None
    known = act.session.scalars(
        sa.select(StripeEvent).where(
            StripeEvent.provider == STRIPE,
            StripeEvent.stripe_event_id == envelope.stripe_event_id,
        )
    ).one()
    return known.id, Outcome(known.state, known.gift_id, problem=known.problem)


def _record(session: Session, event_id: int, outcome: Outcome) -> None:
    session.execute(_NOTE, {"wanted": event_id, **asdict(outcome)})


_EVENTS = table_of(StripeEvent)
_NOTE = (
    sa.update(_EVENTS)
    .where(_EVENTS.c.id == sa.bindparam("wanted"))
    .values(
        state=sa.bindparam("state"),
        gift_id=sa.bindparam("gift_id"),
        waits_for=sa.bindparam("waits_for"),
        problem=sa.bindparam("problem"),
        attempts=_EVENTS.c.attempts + 1,
    )
)


def _apply(act: Act, event: Document, *, is_claimed: bool = False) -> Outcome:
    try:
        reading = read_event(event)
    except UnreadableEvent:
        return Outcome(EventState.FAILED, problem=Problem.UNREADABLE)
    if reading is None:
        return Outcome(EventState.IGNORED)
    # Connected accounts' events name theirs (https://docs.stripe.com/connect/webhooks).
    if event.get("account") and not is_claimed:
        return Outcome(EventState.NOT_OURS, problem=Problem.OTHER_ACCOUNT)
    # An organisation's endpoint names the account of every event, ours too: what we made is known.
    if event.get("context") and not is_claimed and not _is_known(act.session, reading):
        return Outcome(EventState.NOT_OURS, problem=Problem.OTHER_ACCOUNT)
    return apply_reading(act, reading, is_claimed=is_claimed)


def apply_reading(act: Act, reading: Reading, *, is_claimed: bool = False) -> Outcome:
    """Book what was read, for the gift it leads to; wait where it leads to none yet."""
    gift = find_known_gift(act.session, reading)
    if gift is None and not is_claimed and _is_anothers(act.session, reading):
        return Outcome(EventState.NOT_OURS, problem=Problem.OTHER_INSTALLATION)
    gift = gift or find_named_gift(act.session, reading)
    if gift is None:
        return _without_gift(act, reading)
    if reading.is_once and gift.plan_id is not None:
        return Outcome(EventState.IGNORED, gift.id)
    first_heard = _list_unheard(act.session, reading)
    is_followed = reading.plan is None or change_plan(act, gift, reading.plan)
    if reading.renewal is not None:
        gift = find_or_add_renewal(act, gift, reading.renewal)
    if reading.renewal_failed and is_followed:
        note_failed_renewal(act, gift, reading)
    outcome = _book(act, gift, reading)
    _apply_waiting(act, first_heard)
    return outcome


def _list_unheard(session: Session, reading: Reading) -> list[str]:
    """The subscription of a reading, where nothing was linked to it before."""
    if reading.plan is None:
        return []
    stripe_ids = [reading.plan.subscription_id]
    return [] if session.scalar(_LINKED, {"stripe_ids": stripe_ids}) else stripe_ids


def _book(act: Act, gift: Gift, reading: Reading) -> Outcome:
    gift_id = gift.id
    try:
        if reading.claims:
            accept_for(act, gift, reading.claims)
    except MoneyDiffers as error:
        gift_id = _book_beside(act, reading.claims, why=str(error), beside=gift)
    if reading.checkout_state:
        session_ids = [one for one in reading.links if kind_of(one) is LinkKind.CHECKOUT_SESSION]
        close_checkouts(act.session, STRIPE, session_ids, reading.checkout_state)
    if reading.fee_of:
        act.promise(FetchFee(reading.fee_of, gift_id))
    link(act, reading.links, gift_id)
    return Outcome(EventState.PROCESSED, gift_id)


def _without_gift(act: Act, reading: Reading) -> Outcome:
    """An event about a gift we don't have: money is kept, the rest waits."""
    is_payment = any(claim.fact is FactKind.PAID for claim in reading.claims)
    if reading.reference and is_payment:
        why = f"Stripe names the gift {reading.reference}, which is not here"
        gift_id = _book_beside(act, reading.claims, why=why, beside=None)
        link(act, reading.links, gift_id)
        return Outcome(EventState.PROCESSED, gift_id, problem=Problem.UNATTRIBUTED)
    if not reading.may_wait:
        return Outcome(EventState.IGNORED, problem=Problem.NOT_A_GIFT)
    if reading.known_by:
        return Outcome(EventState.WAITING, waits_for=reading.known_by[0])
    return Outcome(EventState.FAILED, problem=Problem.NO_GIFT)


def _book_beside(act: Act, claims: tuple[Claim, ...], *, why: str, beside: Gift | None) -> int:
    paid = next(claim for claim in claims if claim.fact is FactKind.PAID)
    return accept_unattributed(act, paid, why=why, beside=beside).gift.id


def _is_anothers(session: Session, reading: Reading) -> bool:
    """Whether metadata name another installation; what names none may be ours."""
    return reading.installation is not None and reading.installation != find_installation(session)


def _is_known(session: Session, reading: Reading) -> bool:
    """Whether an object of ours is spoken of, by its stored id or its metadata."""
    own = find_installation(session)
    return reading.installation == own or _find_known(session, reading.known_by) is not None


def find_known_gift(session: Session, reading: Reading) -> Gift | None:
    """The gift a reading leads to by the ids we stored, locked."""
    known = _find_known(session, reading.known_by)
    return None if known is None else lock_gift(session, known)


def find_named_gift(session: Session, reading: Reading) -> Gift | None:
    """The gift that a reading names, locked."""
    for named in filter(None, (reading.reference, reading.mention)):
        gift = lock_gift_of(session, named)
        if gift is not None:
            return gift
    return None


def _find_known(session: Session, stripe_ids: tuple[str, ...]) -> int | None:
    """The gift of Stripe's objects: linked, handed off to, or begun with the plan."""
    if not stripe_ids:
        return None
    linked = session.scalar(_LINKED, {"stripe_ids": stripe_ids})
    kinds = {kind_of(one) for one in stripe_ids}
    if linked is None and LinkKind.CHECKOUT_SESSION in kinds:
        linked = find_handed_off(session, STRIPE, stripe_ids)
    if linked is None and LinkKind.SUBSCRIPTION in kinds:
        first = find_plan_gift(session, stripe_ids)
        linked = None if first is None else first.id
    return linked


_LINKS = table_of(StripeLink).c
_LINKED = (
    sa.select(_LINKS.gift_id)
    .where(
        _LINKS.provider == STRIPE,
        _LINKS.stripe_id.in_(sa.bindparam("stripe_ids", expanding=True)),
    )
    .limit(1)
)


def link(act: Act, stripe_ids: tuple[str, ...], gift_id: int) -> None:
    """Remember whose these Stripe objects are, and apply the events that waited for that."""
    if not stripe_ids:
        return
    rows = [link_row(stripe_id, gift_id) for stripe_id in stripe_ids]
    _apply_waiting(act, insert_new(act.session, StripeLink, *rows))


def _apply_waiting(act: Act, stripe_ids: list[str]) -> None:
    """Apply the events that waited for these objects, or were set aside for want of a gift."""
    if not stripe_ids:
        return
    for event_id, payload in act.session.execute(_WAITING, {"stripe_ids": stripe_ids}).all():
        _record(act.session, event_id, _apply_apart(act, payload))


def _apply_apart(act: Act, event: Document) -> Outcome:
    """Apply an event that waited: what fails in it undoes nothing of the one that came."""
    try:
        with act.session.begin_nested():
            return _apply(act, event)
    except sa.exc.OperationalError:
        raise
    except Exception as error:
        log.exception("stripe_event_failed", stripe_event=event.get("id"))
        return Outcome(EventState.FAILED, problem=type(error).__name__)


_WAITING = (
    sa.select(_EVENTS.c.id, _EVENTS.c.payload)
    .where(
        _EVENTS.c.provider == STRIPE,
        _EVENTS.c.waits_for.in_(sa.bindparam("stripe_ids", expanding=True)),
        _EVENTS.c.state.in_((EventState.WAITING, EventState.IGNORED, EventState.NOT_OURS)),
    )
    .order_by(_EVENTS.c.id)
)
