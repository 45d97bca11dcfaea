"""Gifts paid by instructions: looked after from then on, quiet once the donor says they paid.

What is kept of such a transfer stands here, beside the gift itself; reminders, and its expiry.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.codes.models import find_code
from portal.codes.uses import NoUseLeft, take_again
from portal.database import Base, BigId, partial_index
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import EventKind, FactKind, Status
from portal.gifts.models import Gift
from portal.gifts.operations import WITHOUT_USE, lock_gift, record_event
from portal.gifts.queries import list_facts
from portal.jobs.promising import SendLetter
from portal.mail.outbox import LetterKind
from portal.payments.operations import accept_for
from portal.regions.catalogue import Mode
from portal.services import Act, Services


class TransferWatch(Base):
    """When a transfer is looked after: reminders, expiry, and the donor's word that it is sent.

    `round` grows with each change of the mode of payment and begins the reminders anew at
    `begun_at`; `reminded` counts those of this round. `next_at` is when the worker has to
    look; none where nothing is left to do.
    """

    __tablename__ = "transfer_watches"
    __table_args__ = (
        partial_index(
            "ix_transfer_watches_next_at",
            "next_at",
            where="next_at IS NOT NULL",
        ),
    )

    gift_id: Mapped[int] = mapped_column(
        sa.ForeignKey(Gift.id), primary_key=True, autoincrement=False
    )
    round: Mapped[int]
    begun_at: Mapped[datetime]
    reminded: Mapped[int]
    next_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    word_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]


class ProofFile(Base):
    """A picture or PDF a donor sent to show what they paid; `stored_name` is our own."""

    __tablename__ = "proof_files"
    __table_args__ = (sa.UniqueConstraint("gift_id", "sha256"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    gift_id: Mapped[int] = mapped_column(sa.ForeignKey(Gift.id))
    stored_name: Mapped[str] = mapped_column(sa.String(40), unique=True)
    media_type: Mapped[str] = mapped_column(sa.String(40))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(sa.String(64))
    uploaded_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class ReminderSchedule:
    """The rules of one mode: days after the beginning, rising, and the last of all."""

    reminder_days: tuple[int, ...]
    expires_days: int

    @classmethod
    def of(cls, mode: Mode) -> "ReminderSchedule":
        return cls(mode.reminder_days, mode.expires_days)

    def expires_at(self, begun_at: datetime) -> datetime:
        return begun_at + timedelta(days=self.expires_days)

    def due_reminders(self, begun_at: datetime, now: datetime) -> int:
        """How many reminders should have gone out by now."""
        return sum(begun_at + timedelta(days=days) <= now for days in self.reminder_days)

    def next_look(self, begun_at: datetime, reminded: int, expires_at: datetime) -> datetime:
        """When something is to be done next: the reminder after `reminded`, or giving up."""
        if reminded < len(self.reminder_days):
            return min(begun_at + timedelta(days=self.reminder_days[reminded]), expires_at)
        return expires_at


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

    It takes a use of its code again where one is left. The gift must be locked and unpaid.
    """
    watch = find_watch(act.session, gift.id) or begin_watch(act, gift.id, schedule)
    watch.expires_at = expires_at
    is_silent = watch.word_at is not None or watch.stopped_at is not None
    watch.next_at = (
        expires_at if is_silent else schedule.next_look(watch.begun_at, watch.reminded, expires_at)
    )
    act.session.flush()
    if gift.is_counted and gift.status in WITHOUT_USE:
        # Staff's word goes beyond a limit: where none is left, its money is marked when it comes.
        with suppress(NoUseLeft), act.session.begin_nested():
            take_again(act.session, gift.id, find_code(act.session, gift.code or ""))
    reopen(act, gift, why="more time to pay")


def reopen(act: Act, gift: Gift, *, why: str, ended: Iterable[str] = ()) -> None:
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
) -> SendLetter | None:
    """The reminder that is due, if one is; of several that were missed only the last."""
    due = schedule.due_reminders(watch.begun_at, now)
    is_due = due > watch.reminded and bool(gift.email) and is_wanted(gift, watch)
    watch.reminded = max(due, watch.reminded)
    watch.next_at = schedule.next_look(watch.begun_at, watch.reminded, watch.expires_at)
    about = f"{watch.round}-{due}"
    return SendLetter(LetterKind.GIFT_REMINDER, gift.id, about) if is_due else None


def is_wanted(gift: Gift, watch: TransferWatch | None) -> bool:
    """Whether a reminder may still go out: nothing came, and nobody said to stop."""
    if watch is None or watch.word_at is not None or watch.stopped_at is not None:
        return False
    return gift.status.is_open and gift.status is not Status.PARTLY_PAID
