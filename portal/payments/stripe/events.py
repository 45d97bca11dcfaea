"""Stripe's events: stored first, then understood; what can't be understood yet waits.

An event is stored, applied and answered in one transaction. What fails inside is undone,
and the event is then kept with its problem by a transaction of its own, so that the answer
to Stripe is 2xx once it is stored and a job tries again. What no try can read, because it is
not as Stripe describes events, waits for a person. So does what is another's: it names a gift
of another installation, or came for a connected account.
"""

from dataclasses import replace
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import DatabaseUnavailable, Document, table_of
from portal.driver import Answer, add, ask, pipelined
from portal.gifts.evidence import Claim
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.jobs.promising import FetchFee, RetryEvent
from portal.logs import get_logger
from portal.payments.models import (
    DONE,
    MAY_WAIT,
    EventState,
    LinkKind,
    Outcome,
    Problem,
    StripeEvent,
    StripeLink,
)
from portal.payments.operations import (
    MoneyDiffers,
    accept_for,
    accept_unattributed,
    check_money,
    close_checkouts,
)
from portal.payments.stripe.event_gifts import (
    Seen,
    change_plan,
    find_or_add_renewal,
    look_up,
    note_failed_renewal,
)
from portal.payments.stripe.readers import read_event
from portal.payments.stripe.reading import (
    STRIPE,
    Envelope,
    Reading,
    UnreadableEvent,
    is_thin,
    kind_of,
    link_row,
    read_envelope,
)
from portal.services import Act, Services

log = get_logger()

RETRY_AFTER_SECONDS = 5


def receive_event(
    services: Services, event: Document | Envelope, *, livemode: bool, is_claimed: bool = False
) -> Outcome:
    """Store an event and apply it; one that was applied before changes nothing.

    `is_claimed` where a person said that it is ours, whomever it names.
    """
    envelope = event if isinstance(event, Envelope) else read_envelope(event, services.now())
    try:
        judged = _judge(envelope.payload, livemode=livemode, is_claimed=is_claimed)
        return _keep(services, envelope, judged, is_claimed=is_claimed)
    except DatabaseUnavailable:
        raise
    except EventOvertaken:
        return receive_event(services, envelope, livemode=livemode, is_claimed=is_claimed)
    except Exception as error:
        # Whatever went wrong, the event must stay and be tried again.
        log.exception("stripe_event_failed", stripe_event=envelope.stripe_event_id)
        failed = Outcome(EventState.FAILED, problem=type(error).__name__)
    return _keep(services, envelope, failed, is_claimed=is_claimed)


class EventOvertaken(Exception):
    """The same event was kept by another transaction meanwhile; this one must be undone."""


def reapply_event(
    services: Services, event_id: int, *, livemode: bool, is_claimed: bool = False
) -> Outcome:
    """Try a stored event again."""
    with services.database.read() as session:
        kept = session.get_one(StripeEvent, event_id)
        event = {**kept.payload, "id": kept.stripe_event_id}
    return receive_event(services, event, livemode=livemode, is_claimed=is_claimed)


def _judge(event: Document, *, livemode: bool, is_claimed: bool) -> Reading | Outcome:
    """What an event says, or what becomes of one that need not be looked into: pure."""
    if is_thin(event):
        return Outcome(EventState.FAILED, problem=Problem.THIN)
    if bool(event.get("livemode")) is not livemode:
        return Outcome(EventState.FAILED, problem=Problem.LIVEMODE)
    return _read(event, is_claimed=is_claimed)


def _read(event: Document, *, is_claimed: bool = False) -> Reading | Outcome:
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
    if event.get("context") and reading.installation is None and not is_claimed:
        return replace(reading, installation=UNSAID)
    return reading


# The installation of what says of none, where that is as good as another's.
UNSAID = ""


def _keep(
    services: Services, envelope: Envelope, judged: Reading | Outcome, *, is_claimed: bool
) -> Outcome:
    """Store an event with what becomes of it, unless that is settled already.

    All that decides is read first, the gift's row locked before the rest; then all is written.
    """
    try:
        with services.write() as act:
            return _keep_in(act, envelope, judged, is_claimed=is_claimed)
    except sa.exc.IntegrityError as error:
        # Both engines name the table whose row is there already.
        if StripeEvent.__tablename__ in str(error.orig):
            raise EventOvertaken(envelope.stripe_event_id) from error
        raise


def _keep_in(
    act: Act, envelope: Envelope, judged: Reading | Outcome, *, is_claimed: bool
) -> Outcome:
    done = DONE - {EventState.NOT_OURS} if is_claimed else DONE
    with pipelined(act.session):
        asked = ask(act.session, _KEPT, {"of": STRIPE, "named": envelope.stripe_event_id})
        seen = _look_up(act.session, judged, is_claimed=is_claimed)
        kept = asked.first()
    if kept is not None and kept[1] in done:
        return Outcome(state=kept[1], gift_id=kept[2], problem=kept[3])
    outcome = _apply(act, judged, seen, is_claimed=is_claimed)
    if kept is None:
        stored = _store(act, envelope, outcome)
    else:
        _record(act.session, kept[0], outcome)
    if outcome.is_worth_another_try:
        (event_id, *_) = stored.rows()[0] if kept is None else kept
        act.promise(RetryEvent(event_id), delay_seconds=RETRY_AFTER_SECONDS)
    return outcome


def _store(act: Act, envelope: Envelope, outcome: Outcome) -> Answer:
    """Keep an event from now on; its id, for whoever asks."""
    row = {
        **envelope.columns(),
        "provider": STRIPE,
        "received_at": act.now,
        **_columns(outcome),
        "attempts": 1,
    }
    return add(act.session, StripeEvent, row, returning="id")


def _record(session: Session, event_id: int, outcome: Outcome) -> None:
    ask(session, _NOTE, {"wanted": event_id, **_columns(outcome)})


def _columns(outcome: Outcome) -> Document:
    return {
        "state": outcome.state,
        "gift_id": outcome.gift_id,
        "waits_for": outcome.waits_for,
        "problem": outcome.problem,
    }


_EVENTS = table_of(StripeEvent)
_KEPT = sa.select(_EVENTS.c.id, _EVENTS.c.state, _EVENTS.c.gift_id, _EVENTS.c.problem).where(
    _EVENTS.c.provider == sa.bindparam("of"), _EVENTS.c.stripe_event_id == sa.bindparam("named")
)
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


def apply_reading(act: Act, reading: Reading, seen: Seen | None = None) -> Outcome:
    """Book what was read, for the gift it leads to; wait where it leads to none yet.

    `seen` is how things stand, where that was looked up in this transaction.
    """
    return _apply(act, reading, seen or look_up(act.session, reading))


def _look_up(session: Session, judged: Reading | Outcome, *, is_claimed: bool) -> Seen | None:
    if isinstance(judged, Outcome):
        return None
    return look_up(session, judged, is_claimed=is_claimed)


def _apply(
    act: Act, judged: Reading | Outcome, seen: Seen | None, *, is_claimed: bool = False
) -> Outcome:
    """What becomes of an event that says this, where things stand so."""
    if isinstance(judged, Outcome) or seen is None:
        return cast(Outcome, judged)
    if seen.gift is not None:
        return _apply_to(act, seen.gift, judged, seen)
    if seen.is_anothers and not is_claimed:
        whose = Problem.OTHER_INSTALLATION if judged.installation else Problem.OTHER_ACCOUNT
        return Outcome(EventState.NOT_OURS, problem=whose)
    return _without_gift(act, judged)


def _apply_to(act: Act, gift: Gift, reading: Reading, seen: Seen) -> Outcome:
    if reading.is_once and gift.plan_id is not None:
        return Outcome(EventState.IGNORED, gift.id)
    first_heard = _list_unheard(act.session, reading)
    is_followed = reading.plan is None or change_plan(act, gift, reading.plan)
    if reading.renewal is not None:
        gift = find_or_add_renewal(act, gift, reading.renewal)
    if reading.renewal_failed and is_followed:
        note_failed_renewal(act, gift, reading)
    outcome = _book(act, gift, reading, seen)
    _apply_waiting(act, first_heard)
    return outcome


def _list_unheard(session: Session, reading: Reading) -> list[str]:
    """The subscription of a reading, where nothing was linked to it before."""
    if reading.plan is None:
        return []
    subscription = reading.plan.subscription_id
    is_heard = ask(session, _LINKED, {"of": STRIPE, "named": subscription}).first()
    return [] if is_heard else [subscription]


_LINKS = table_of(StripeLink).c
_LINKED = sa.select(_LINKS.gift_id).where(
    _LINKS.provider == sa.bindparam("of"), _LINKS.stripe_id == sa.bindparam("named")
)


def _book(act: Act, gift: Gift, reading: Reading, seen: Seen) -> Outcome:
    gift_id = gift.id
    try:
        check_money(gift, reading.claims)
    except MoneyDiffers as error:
        gift_id = _book_beside(act, reading.claims, why=str(error), beside=gift)
    with pipelined(act.session):
        if reading.claims and gift_id == gift.id and not seen.is_told:
            is_first = seen.is_first and gift is seen.gift
            accept_for(act, gift, reading.claims, is_first=is_first)
        if reading.checkout_state:
            ids = [one for one in reading.links if kind_of(one) is LinkKind.CHECKOUT_SESSION]
            close_checkouts(act.session, STRIPE, ids, reading.checkout_state)
        if reading.fee_of:
            act.promise(FetchFee(reading.fee_of, gift_id))
        linked = link(act, reading.links, gift_id) if reading.links else None
    if seen.has_waiting and linked is not None:
        _apply_waiting(act, [row[0] for row in linked.rows()])
    return Outcome(EventState.PROCESSED, gift_id)


def _without_gift(act: Act, reading: Reading) -> Outcome:
    """An event about a gift we don't have: money is kept, the rest waits."""
    is_payment = any(claim.fact is FactKind.PAID for claim in reading.claims)
    if reading.reference and is_payment:
        why = f"Stripe names the gift {reading.reference}, which is not here"
        gift_id = _book_beside(act, reading.claims, why=why, beside=None)
        if reading.links:
            _apply_waiting(act, [row[0] for row in link(act, reading.links, gift_id).rows()])
        return Outcome(EventState.PROCESSED, gift_id, problem=Problem.UNATTRIBUTED)
    if not reading.may_wait:
        return Outcome(EventState.IGNORED, problem=Problem.NOT_A_GIFT)
    if reading.known_by:
        return Outcome(EventState.WAITING, waits_for=reading.known_by[0])
    return Outcome(EventState.FAILED, problem=Problem.NO_GIFT)


def _book_beside(act: Act, claims: tuple[Claim, ...], *, why: str, beside: Gift | None) -> int:
    paid = next(claim for claim in claims if claim.fact is FactKind.PAID)
    return accept_unattributed(act, paid, why=why, beside=beside).gift.id


def link(act: Act, stripe_ids: tuple[str, ...], gift_id: int) -> Answer:
    """Remember whose these Stripe objects are, at least one; those of which nobody knew it."""
    rows = [link_row(stripe_id, gift_id) for stripe_id in stripe_ids]
    return add(act.session, StripeLink, *rows, returning="stripe_id", is_once=True)


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
            judged = _read(event)
            return _apply(act, judged, _look_up(act.session, judged, is_claimed=False))
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
        _EVENTS.c.state.in_(MAY_WAIT),
    )
    .order_by(_EVENTS.c.id)
)
