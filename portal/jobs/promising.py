"""Jobs: work that is promised in the same transaction as the rows it belongs to.

A worker process (`portal worker`) does them, by `queue.py` and `crew.py`. A job's id is
deterministic: promised twice is done once. Each kind of job is a dataclass with its subjects as
fields.

A waiting worker hears by a bell that there may be work. On PostgreSQL a promise rings it by
NOTIFY, at most a few times a second a process, since each that is sent makes commits wait for one
another; a worker looks some more times after its work, so that it sees what was promised in
between. On SQLite the worker's own connection says whether anything was written (`PRAGMA
data_version`), which asks neither lock nor disk. Where the bell fails, a worker looks every two
seconds all the same.
"""

import os
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, ClassVar, Self

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, Database, Document
from portal.driver import ask
from portal.i18n import Labelled
from portal.jobs.queue import add_job, list_failed, revive_job
from portal.logs import get_logger
from portal.mail.outbox import LetterKind


class JobName(Labelled):
    """The kinds of jobs, as they are kept, and what staff call them."""

    SEND_RECEIPT = "send_receipt", "Send a receipt"
    SEND_LETTER = "send_letter", "Send a letter"
    FETCH_FEE = "fetch_fee", "Look up a payment’s fee"
    RETRY_EVENT = "retry_event", "Try an event again"
    SETTLE_PLAN = "settle_plan", "Decide which subscription continues"
    MATCH_LINES = "match_lines", "Match bank lines again"
    MAKE_CODES = "make_codes", "Make codes in bulk"
    IMPORT_CODES = "import_codes", "Import codes"
    SEND_SIGN_IN_LINK = "send_sign_in_link", "Send a sign-in link"
    SEND_PARTNER_MONTH = "send_partner_month", "Send a partner’s monthly letter"
    ISSUE_RECEIPTS = "issue_receipts", "Issue a year’s receipts"


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done once. What it is about are its fields, in the order of its id."""

    name: ClassVar[JobName]

    @property
    def subject(self) -> str:
        """Its fields as its id has them; those that say nothing of their own are left out."""
        said = [getattr(self, one.name) for one in fields(self)]
        usual = [one.default for one in fields(self)]
        while said and said[-1] == usual[len(said) - 1]:
            said.pop()
        return ":".join(map(str, said))

    def document(self) -> Document:
        """Its fields by name, as the queue keeps them."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class SendReceipt(Job):
    """Send a receipt; once more for each `once`, which `actor` asked for."""

    name: ClassVar[JobName] = JobName.SEND_RECEIPT
    receipt_id: int
    once: str = ""
    actor: str = "system"


@dataclass(frozen=True, slots=True)
class SendLetter(Job):
    """Write to a gift's donor `about` a payment, a plan or another thing that happened."""

    name: ClassVar[JobName] = JobName.SEND_LETTER
    letter: LetterKind
    gift_id: int
    about: str


@dataclass(frozen=True, slots=True)
class FetchFee(Job):
    """Ask what a payment of a gift cost, by its transaction."""

    name: ClassVar[JobName] = JobName.FETCH_FEE
    transaction_id: str
    gift_id: int


@dataclass(frozen=True, slots=True)
class RetryEvent(Job):
    """Apply an event that waits, or failed."""

    name: ClassVar[JobName] = JobName.RETRY_EVENT
    event_id: int


@dataclass(frozen=True, slots=True)
class SettlePlan(Job):
    """Let a gift's plan follow one subscription: another was heard of beside its own."""

    name: ClassVar[JobName] = JobName.SETTLE_PLAN
    gift_id: int
    subscription_id: str


@dataclass(frozen=True, slots=True)
class MatchLines(Job):
    """Match the open lines of statements again, as was asked in this second of Unix time."""

    name: ClassVar[JobName] = JobName.MATCH_LINES
    asked_at: int


@dataclass(frozen=True, slots=True)
class MakeCodes(Job):
    """Make the codes of a batch that are wanting yet."""

    name: ClassVar[JobName] = JobName.MAKE_CODES
    batch_id: int


@dataclass(frozen=True, slots=True)
class ImportCodes(Job):
    """Import the codes of a file that staff sent, as far as that isn't done."""

    name: ClassVar[JobName] = JobName.IMPORT_CODES
    upload_id: int


@dataclass(frozen=True, slots=True)
class SendSignInLink(Job):
    """Send the letter of a sign-in link, if its address is anybody's."""

    name: ClassVar[JobName] = JobName.SEND_SIGN_IN_LINK
    link_id: int


@dataclass(frozen=True, slots=True)
class SendPartnerMonth(Job):
    """Send one of a partner's people last month's figures; `month` is like `2026-10`."""

    name: ClassVar[JobName] = JobName.SEND_PARTNER_MONTH
    user_id: int
    month: str


@dataclass(frozen=True, slots=True)
class IssueReceipts(Job):
    """Issue, or on the letters' lane send, some of a run, in its `turn` since it was resumed."""

    name: ClassVar[JobName] = JobName.ISSUE_RECEIPTS
    run_id: int
    turn: int
    lane: int
    step: int


ALL = (
    SendReceipt,
    SendLetter,
    FetchFee,
    RetryEvent,
    SettlePlan,
    MatchLines,
    MakeCodes,
    ImportCodes,
    SendSignInLink,
    SendPartnerMonth,
    IssueReceipts,
)
KINDS: dict[JobName, type[Job]] = {one.name: one for one in ALL}


def read_job(name: str, kept: Any) -> Job:
    """A job as the queue kept it: its fields by name, or joined, as older ones have them.

    `ValueError` where they are not a job's of this name.
    """
    kind = KINDS[JobName(name)]
    if not isinstance(kept, dict):
        names = [one.name for one in fields(kind)]
        kept = dict(zip(names, str(kept).split(":", len(names) - 1), strict=False))
    return TypeAdapter(kind).validate_python(kept)


HEARTBEAT = timedelta(seconds=5)
DEAD_AFTER = timedelta(seconds=20)


class Worker(Base):
    """A worker process and when it last showed signs of life."""

    __tablename__ = "workers"

    executor_id: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    host: Mapped[str] = mapped_column(sa.String(120))
    pid: Mapped[int]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class JobState:
    """A job as staff and `doctor` see it."""

    id: str
    name: str
    status: str

    @property
    def label(self) -> str:
        """What staff call it; one of a release to come keeps its name."""
        return JobName(self.name).label if self.name in {*JobName} else self.name


# Jobs of these kinds wait for the end of so many seconds of the clock, and so for each other: one
# look at Stripe then serves them all.
GATHERED = {JobName.FETCH_FEE: 2.0}


class Jobs:
    """The sending end of the queue, for web processes and operations."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ringer = Ringer(database)

    def enqueue(
        self,
        session: Session,
        job: Job,
        *,
        attempt: int = 1,
        delay_seconds: float = 0,
    ) -> None:
        """Promise a job within the caller's transaction."""
        now = datetime.now(UTC)
        first = f"{job.name}-{job.subject}"
        key = first if attempt == 1 else f"{first}~{attempt}"
        due = _gather(now + timedelta(seconds=delay_seconds), GATHERED.get(job.name, 0))
        add_job(
            session,
            key=key,
            name=job.name.value,
            given=job.document(),
            attempt=attempt,
            now=now,
            due=due,
        )
        if not delay_seconds:
            self._ringer.ring(session)

    def failed(self, limit: int = 50) -> list[JobState]:
        """Jobs that gave up and were not taken up again, newest first."""
        with self._database.read() as session:
            found = list_failed(session, limit)
        return [JobState(job.key, job.name, job.status) for job in found]

    def retry(self, job_id: str) -> None:
        """Run a job that gave up once more, from its beginning."""
        with self._database.write() as session:
            if revive_job(session, job_id, datetime.now(UTC)):
                self._ringer.ring(session)


def _gather(due: datetime, seconds: float) -> datetime:
    """The end of the span of so many seconds that a time lies in."""
    if not seconds:
        return due
    return due + timedelta(seconds=seconds - due.timestamp() % seconds)


def beat(session: Session, executor_id: str, now: datetime) -> None:
    """Say that this worker lives."""
    worker = session.get(Worker, executor_id)
    if worker is None:
        worker = Worker(executor_id=executor_id, started_at=now)
        session.add(worker)
    worker.host, worker.pid, worker.seen_at = socket.gethostname(), os.getpid(), now


def find_silent_workers(session: Session, now: datetime) -> Sequence[str]:
    """Workers that fell silent, whose jobs a living one must take."""
    silent = sa.select(Worker.executor_id).where(Worker.seen_at < now - DEAD_AFTER)
    return session.scalars(silent).all()


def forget_workers(session: Session, executor_ids: Sequence[str]) -> None:
    """Drop workers whose jobs were taken."""
    session.execute(sa.delete(Worker).where(Worker.executor_id.in_(executor_ids)))


log = get_logger()

CHANNEL = "portal_jobs"
RING_EVERY_SECONDS = 0.25
LISTEN_SECONDS = 0.1
AWAY_SECONDS = 5.0
_RING = sa.select(sa.func.pg_notify(CHANNEL, ""))


class Ringer:
    """The end that promises."""

    def __init__(self, database: Database) -> None:
        self._is_needed = not database.is_sqlite
        self._rang_at = -RING_EVERY_SECONDS

    def ring(self, session: Session) -> None:
        """Wake workers once the caller's transaction is committed."""
        now = time.monotonic()
        if self._is_needed and now - self._rang_at >= RING_EVERY_SECONDS:
            self._rang_at = now
            ask(session, _RING)


class Bell:
    """The end that waits; it listens in a thread of its own while it is entered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._errors = (sa.exc.SQLAlchemyError, database.reader.dialect.loaded_dbapi.Error)
        self._rung = threading.Event()
        self._over = threading.Event()
        self._ear = threading.Thread(target=self._listen, name="bell", daemon=True)

    def __enter__(self) -> Self:
        self._ear.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._ear.join(AWAY_SECONDS)

    def ring(self) -> None:
        """Wake whoever waits in this process."""
        self._rung.set()

    def wait(self, seconds: float) -> bool:
        """Wait until it rings, at most so long; whether it rang since the last time."""
        has_rung = self._rung.wait(seconds)
        self._rung.clear()
        return has_rung

    def _listen(self) -> None:
        hear = self._hear_sqlite if self._database.is_sqlite else self._hear_postgres
        while not self._over.is_set():
            try:
                hear()
            except self._errors as error:
                log.warning("bell_away", why=type(error).__name__)
                self._over.wait(AWAY_SECONDS)

    def _hear_sqlite(self) -> None:
        """Ring whenever another connection wrote something."""
        connection = self._database.reader.raw_connection()
        with closing(connection):
            known = None
            while not self._over.wait(LISTEN_SECONDS):
                version = connection.cursor().execute("PRAGMA data_version").fetchone()
                if version != known:
                    known = version
                    self.ring()

    def _hear_postgres(self) -> None:
        connection = self._database.reader.raw_connection()
        driver: Any = connection.driver_connection
        connection.detach()
        with closing(connection):
            driver.autocommit = True
            driver.execute(f"LISTEN {CHANNEL}")
            # What was promised before is seen by a look.
            self.ring()
            while not self._over.is_set():
                for _ in driver.notifies(timeout=1.0, stop_after=1):
                    self.ring()
