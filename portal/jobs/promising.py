"""Jobs: work that is promised in the same transaction as the rows it belongs to.

A worker process (`portal worker`) does them, by `queue.py` and `crew.py`. A job's id is
deterministic: promised twice is done once.
"""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, Database
from portal.jobs.bell import Ringer
from portal.jobs.kinds import Job, JobName
from portal.jobs.queue import add_job, list_failed, revive_job

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
