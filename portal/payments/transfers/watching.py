"""Looking after a transfer: begun with the instructions, quiet once its donor says so."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import EventKind, FactKind
from portal.gifts.models import Gift
from portal.gifts.operations import record_event
from portal.gifts.queries import list_facts
from portal.payments.operations import accept_for
from portal.payments.transfers.models import TransferWatch
from portal.payments.transfers.schedule import ReminderSchedule
from portal.services import Act


def find_watch(session: Session, gift_id: int) -> TransferWatch | None:
    return session.get(TransferWatch, gift_id)


def begin_watch(act: Act, gift_id: int, schedule: ReminderSchedule) -> TransferWatch:
    """Begin to look after a transfer, or begin anew with another mode of payment."""
    watch = find_watch(act.session, gift_id)
    if watch is None:
        watch = TransferWatch(gift_id=gift_id, round=0)
        act.session.add(watch)
    watch.round += 1
    watch.begun_at, watch.reminded = act.now, 0
    watch.word_at = watch.stopped_at = None
    watch.expires_at = schedule.expires_at(act.now)
    watch.next_at = schedule.next_look(act.now, 0, watch.expires_at)
    act.session.flush()
    return watch


def end_watch(session: Session, gift_id: int) -> None:
    """Leave a gift alone: it is paid in another way."""
    session.execute(
        sa.update(TransferWatch).where(TransferWatch.gift_id == gift_id).values(next_at=None)
    )


def take_word(act: Act, gift: Gift, schedule: ReminderSchedule) -> bool:
    """Note that the donor says they have paid; whether they say it for the first time.

    A word is no evidence of money: the gift stays where it stands, and reminders stop. The
    gift must be locked.
    """
    watch = find_watch(act.session, gift.id) or begin_watch(act, gift.id, schedule)
    if watch.word_at is not None or not gift.status.is_open:
        return False
    watch.word_at = act.now
    _fall_silent(watch)
    record_event(act, gift, EventKind.DONOR_SAYS_PAID, actor="donor")
    return True


def stop_reminders(act: Act, gift: Gift) -> bool:
    """Send no more reminders of this gift; whether there was something to stop."""
    watch = find_watch(act.session, gift.id)
    if watch is None or watch.stopped_at is not None:
        return False
    watch.stopped_at = act.now
    _fall_silent(watch)
    record_event(act, gift, EventKind.REMINDERS_STOPPED, actor="donor")
    return True


def _fall_silent(watch: TransferWatch) -> None:
    if watch.next_at is not None:
        watch.next_at = watch.expires_at


def set_expiry(act: Act, gift: Gift, schedule: ReminderSchedule, expires_at: datetime) -> None:
    """Give a transfer until `expires_at`; a gift that was given up is open again.

    The gift must be locked and unpaid.
    """
    watch = find_watch(act.session, gift.id) or begin_watch(act, gift.id, schedule)
    watch.expires_at = expires_at
    is_silent = watch.word_at is not None or watch.stopped_at is not None
    watch.next_at = (
        expires_at if is_silent else schedule.next_look(watch.begun_at, watch.reminded, expires_at)
    )
    act.session.flush()
    reopen(act, gift, why="more time to pay")


def reopen(act: Act, gift: Gift, *, why: str, ended: tuple[str, ...] = ()) -> None:
    """Let what failed or ran out count no more, `ended` subjects beforehand; money stays."""
    over = {
        fact.subject
        for fact in list_facts(act.session, gift.id)
        if fact.kind in {FactKind.FAILED, FactKind.EXPIRED}
    }
    claims = [
        Claim(
            fact=FactKind.REOPENED,
            subject=subject,
            occurred_at=act.now,
            source=Source.PERSON,
            actor=act.actor,
            why=why,
        )
        for subject in sorted(over | {*ended})
    ]
    accept_for(act, gift, claims)
