"""Looking after a transfer: begun with the instructions, quiet once its giver says so."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.gifts.operations import record_event
from portal.gifts.queries import list_facts
from portal.payments.operations import Desk, accept_for
from portal.payments.transfers.models import TransferWatch
from portal.payments.transfers.schedule import Care


def find_watch(session: Session, gift_id: int) -> TransferWatch | None:
    return session.get(TransferWatch, gift_id)


def begin_watch(session: Session, gift_id: int, care: Care, now: datetime) -> TransferWatch:
    """Begin to look after a transfer, or begin anew with another mode of payment."""
    watch = find_watch(session, gift_id)
    if watch is None:
        watch = TransferWatch(gift_id=gift_id, round=0)
        session.add(watch)
    watch.round += 1
    watch.begun_at, watch.reminded = now, 0
    watch.word_at = watch.stopped_at = None
    watch.expires_at = care.expires_at(now)
    watch.next_at = care.next_look(now, 0, watch.expires_at)
    session.flush()
    return watch


def end_watch(session: Session, gift_id: int) -> None:
    """Leave a gift alone: it is paid in another way."""
    session.execute(
        sa.update(TransferWatch).where(TransferWatch.gift_id == gift_id).values(next_at=None)
    )


def take_word(session: Session, gift: Gift, care: Care, now: datetime) -> bool:
    """Note that the giver says they have paid; whether they say it for the first time.

    A word is no evidence of money: the gift stays where it stands, and reminders stop. The
    gift must be locked.
    """
    watch = find_watch(session, gift.id) or begin_watch(session, gift.id, care, now)
    if watch.word_at is not None or not gift.status.is_open:
        return False
    watch.word_at = now
    _fall_silent(watch)
    record_event(session, gift, "giver_says_paid", now, actor="donor")
    return True


def stop_reminders(session: Session, gift: Gift, now: datetime) -> bool:
    """Send no more reminders of this gift; whether there was something to stop."""
    watch = find_watch(session, gift.id)
    if watch is None or watch.stopped_at is not None:
        return False
    watch.stopped_at = now
    _fall_silent(watch)
    record_event(session, gift, "reminders_stopped", now, actor="donor")
    return True


def _fall_silent(watch: TransferWatch) -> None:
    if watch.next_at is not None:
        watch.next_at = watch.expires_at


def set_expiry(
    session: Session,
    desk: Desk,
    gift: Gift,
    care: Care,
    expires_at: datetime,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Give a transfer until `expires_at`; a gift that was given up is open again.

    The gift must be locked and unpaid.
    """
    watch = find_watch(session, gift.id) or begin_watch(session, gift.id, care, now)
    watch.expires_at = expires_at
    is_silent = watch.word_at is not None or watch.stopped_at is not None
    watch.next_at = (
        expires_at if is_silent else care.next_look(watch.begun_at, watch.reminded, expires_at)
    )
    session.flush()
    reopen(session, desk, gift, actor=actor, why="more time to pay", now=now)


def reopen(
    session: Session,
    desk: Desk,
    gift: Gift,
    *,
    actor: str,
    why: str,
    now: datetime,
    ended: tuple[str, ...] = (),
) -> None:
    """Let what failed or ran out count no more, `ended` subjects beforehand; money stays."""
    over = {
        fact.subject
        for fact in list_facts(session, gift.id)
        if fact.kind in {FactKind.FAILED, FactKind.EXPIRED}
    }
    claims = [
        Claim(
            fact=FactKind.REOPENED,
            subject=subject,
            occurred_at=now,
            source=Source.PERSON,
            actor=actor,
            why=why,
        )
        for subject in sorted(over | {*ended})
    ]
    accept_for(session, desk, gift, claims, now)
