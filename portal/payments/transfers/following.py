"""The worker's regular look at transfers: remind, and give up what was not sent in time.

A look costs an index lookup of what is due, whatever the number of gifts, and does so much
at a time that the worker's heartbeat never waits for it.
"""

from datetime import datetime

import sqlalchemy as sa

from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.mail import LetterKind
from portal.payments.operations import accept_for
from portal.payments.transfers.models import TransferWatch
from portal.payments.transfers.schedule import ReminderSchedule
from portal.payments.transfers.watching import find_watch
from portal.promises import SendNotice
from portal.services import Act, Services

BATCH = 100


def follow_transfers(services: Services, *, most: int = BATCH) -> int:
    """Do what is due for at most so many gifts; how many were looked at."""
    with services.database.read() as session:
        due = session.scalars(_due(services.clock.now(), most)).all()
    for gift_id in due:
        with services.write() as act:
            _follow(act, gift_id)
    return len(due)


def _due(now: datetime, most: int) -> sa.Select[int]:
    return (
        sa.select(TransferWatch.gift_id)
        .where(TransferWatch.next_at <= now)
        .order_by(TransferWatch.next_at)
        .limit(most)
    )


def _follow(act: Act, gift_id: int) -> None:
    now = act.now
    gift, watch = lock_gift(act.session, gift_id), find_watch(act.session, gift_id)
    if watch is None or watch.next_at is None or watch.next_at > now:
        return
    schedule = find_schedule(act, gift)
    if schedule is None or not gift.status.is_open:
        watch.next_at = None
    elif now >= watch.expires_at:
        _give_up(act, gift, watch)
    elif reminder := _remind(gift, watch, schedule, now):
        act.promise(reminder)


def find_schedule(act: Act, gift: Gift) -> ReminderSchedule | None:
    """The rules for a gift's mode of payment; None where it is not paid by instructions."""
    mode = act.catalogue.home_of(gift).mode
    return ReminderSchedule.of(mode) if mode is not None and mode.is_instructed else None


def _give_up(act: Act, gift: Gift, watch: TransferWatch) -> None:
    """Note that the time is over. Money that comes later is booked as ever."""
    watch.next_at = None
    claim = Claim(
        fact=FactKind.EXPIRED,
        subject=f"transfer-{gift.reference}-{int(watch.expires_at.timestamp())}",
        occurred_at=act.now,
        source=Source.SYSTEM,
        actor="system",
        why="no transfer came in time",
    )
    accept_for(act, gift, [claim])


def _remind(
    gift: Gift, watch: TransferWatch, schedule: ReminderSchedule, now: datetime
) -> SendNotice | None:
    """The reminder that is due, if one is; of several that were missed only the last."""
    due = schedule.due_reminders(watch.begun_at, now)
    is_due = due > watch.reminded and bool(gift.email) and is_wanted(gift, watch)
    watch.reminded = max(due, watch.reminded)
    watch.next_at = schedule.next_look(watch.begun_at, watch.reminded, watch.expires_at)
    about = f"{watch.round}-{due}"
    return SendNotice(LetterKind.GIFT_REMINDER, gift.id, about) if is_due else None


def is_wanted(gift: Gift, watch: TransferWatch | None) -> bool:
    """Whether a reminder may still go out: nothing came, and nobody said to stop."""
    if watch is None or watch.word_at is not None or watch.stopped_at is not None:
        return False
    return gift.status.is_open and gift.status is not Status.PARTLY_PAID
