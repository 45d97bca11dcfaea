"""The queue: one table of jobs, and the few statements that move a job along.

A job is promised in the transaction of the rows it belongs to, taken by one worker, and done,
put off or given up. It is our own because no library fits. DBOS, which stood here before, waits
half a second before every look and then takes four jobs: 8 jobs a second for any machine, 9 % of
a core idle, and twelve indexes a job; no setting changes that (32 at a time and 0.05 s drain 25
a second for 36 % of a core). Procrastinate, PgQueuer and Oban know PostgreSQL alone; huey and
Celery can't promise in the caller's transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import (
    Base,
    BigId,
    JSONDocument,
    enum_column,
    partial_index,
    table_of,
)
from portal.driver import add

# A job that fails is tried again, later and later, for about two days.
FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(hours=1)
MOST_ATTEMPTS = 60
# A job that was done is remembered so long: until then, promised again, it is not done again.
KEPT = timedelta(days=90)
FORGOTTEN_AT_ONCE = 1_000
LONGEST_PROBLEM = 80


class JobStatus(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class QueuedJob(Base):
    """A promise; `key` names it for ever, so that whoever promises twice promises once.

    `given` are its fields, as `promises.read_job` reads them, `worker` is who runs it or ran it
    last, `attempt` the try that is due or under way, `problem` what kind of failure the last was.
    """

    __tablename__ = "jobs"
    __table_args__ = (partial_index("ix_jobs_open", "status", "due_at", where="status <> 'done'"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(250), unique=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    given: Mapped[Any] = mapped_column(JSONDocument)
    status: Mapped[JobStatus] = enum_column(JobStatus, 10)
    attempt: Mapped[int]
    promised_at: Mapped[datetime]
    due_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    worker: Mapped[str] = mapped_column(sa.String(80), default="")
    problem: Mapped[str] = mapped_column(sa.String(LONGEST_PROBLEM), default="")


@dataclass(frozen=True, slots=True)
class Taken:
    """A job in a worker's hands."""

    id: int
    name: str
    given: Any = field(compare=False)
    attempt: int
    promised_at: datetime
    due_at: datetime


_JOBS = table_of(QueuedJob)


def _written_out(status: JobStatus) -> sa.ColumnElement[str]:
    return sa.literal_column(f"'{status}'", _JOBS.c.status.type)


def _is(status: JobStatus) -> sa.ColumnElement[bool]:
    """A condition that the index of open jobs answers.

    Both engines must see that: PostgreSQL by a value that is written out, and SQLite, which
    concludes nothing, by the index's own condition.
    """
    return sa.and_(
        _JOBS.c.status != _written_out(JobStatus.DONE), _JOBS.c.status == _written_out(status)
    )


def add_job(
    session: Session,
    *,
    key: str,
    name: str,
    given: Any,
    attempt: int,
    now: datetime,
    due: datetime,
) -> None:
    """Promise a job within the caller's transaction, unless it was promised before."""
    row = {
        "key": key,
        "name": name,
        "given": given,
        "status": JobStatus.WAITING,
        "attempt": attempt,
        "promised_at": now,
        "due_at": due,
    }
    add(session, QueuedJob, row, is_once=True)


_DUE = (
    sa.select(_JOBS.c.id)
    .where(_is(JobStatus.WAITING), _JOBS.c.due_at <= sa.bindparam("now", type_=_JOBS.c.due_at.type))
    .order_by(_JOBS.c.due_at, _JOBS.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_TAKE = (
    sa.update(_JOBS)
    .where(_JOBS.c.id.in_(sa.select(_DUE.c.id)))
    .values(status=JobStatus.RUNNING, worker=sa.bindparam("by"))
    .returning(
        _JOBS.c.id,
        _JOBS.c.name,
        _JOBS.c.given,
        _JOBS.c.attempt,
        _JOBS.c.promised_at,
        _JOBS.c.due_at,
    )
)


def take_jobs(session: Session, worker: str, now: datetime, most: int) -> list[Taken]:
    """What is due, the longest due first, for this worker alone.

    Workers that take at the same time pass over each other's jobs: on PostgreSQL by
    `SKIP LOCKED`, on SQLite because one writes at a time.
    """
    rows = session.execute(_TAKE, {"now": now, "most": most, "by": worker})
    return sorted((Taken(*row) for row in rows), key=lambda job: (job.due_at, job.id))


_NEXT_DUE = sa.select(sa.func.min(_JOBS.c.due_at)).where(_is(JobStatus.WAITING))


def find_next_due(session: Session) -> datetime | None:
    """When the first of the waiting jobs is due, or was; None where none waits."""
    found: datetime | None = session.scalar(_NEXT_DUE)
    return found


def _held(worker: str) -> sa.ColumnElement[bool]:
    return sa.and_(_is(JobStatus.RUNNING), _JOBS.c.worker == worker)


def finish_jobs(session: Session, worker: str, jobs: Iterable[Taken], now: datetime) -> None:
    """Note that they are done. What was taken from this worker meanwhile is another's to note."""
    ids = [job.id for job in jobs]
    session.execute(
        sa.update(_JOBS)
        .where(_held(worker), _JOBS.c.id.in_(ids))
        .values(status=JobStatus.DONE, ended_at=now, problem="")
    )


def put_off_jobs(
    session: Session, worker: str, problems: Mapping[Taken, str], now: datetime
) -> None:
    """Let jobs that failed wait for another try, and give up those that had enough."""
    for job, problem in problems.items():
        session.execute(
            sa.update(_JOBS)
            .where(_held(worker), _JOBS.c.id == job.id)
            .values(problem=problem[:LONGEST_PROBLEM], **_after(job.attempt, now))
        )


def _after(attempt: int, now: datetime) -> dict[str, object]:
    """What becomes of a job whose try of this number failed."""
    if attempt >= MOST_ATTEMPTS:
        return {"status": JobStatus.FAILED, "ended_at": now}
    return {
        "status": JobStatus.WAITING,
        "attempt": attempt + 1,
        "due_at": now + retry_delay(attempt),
    }


def retry_delay(attempt: int) -> timedelta:
    """How long to wait after the try of this number, the first being 1."""
    longest = int(LONGEST_RETRY / FIRST_RETRY)
    times: int = min(2 ** (attempt - 1), longest)
    return FIRST_RETRY * times


def give_back(session: Session, worker: str, jobs: Iterable[Taken]) -> None:
    """Leave to others what was taken and not begun."""
    ids = [job.id for job in jobs]
    session.execute(
        sa.update(_JOBS).where(_held(worker), _JOBS.c.id.in_(ids)).values(status=JobStatus.WAITING)
    )


def release_jobs(session: Session, workers: Sequence[str], now: datetime) -> int:
    """Let the jobs of workers that ended in the midst of them be done; how many there were.

    The try that was cut off counts: a job that kills whoever runs it is given up in the end,
    and from its second try on it is run alone.
    """
    cut_off = session.execute(
        sa.select(_JOBS.c.id, _JOBS.c.attempt).where(
            _is(JobStatus.RUNNING), _JOBS.c.worker.in_(workers)
        )
    ).all()
    for job_id, attempt in cut_off:
        values = _after(attempt, now) | {"problem": "WorkerEnded"}
        if values["status"] is JobStatus.WAITING and attempt <= FREE_CUTS:
            values["due_at"] = now
        session.execute(
            sa.update(_JOBS)
            .where(_is(JobStatus.RUNNING), _JOBS.c.worker.in_(workers), _JOBS.c.id == job_id)
            .values(**values)
        )
    return len(cut_off)


# So often a job that was cut off is taken up at once: a machine may have been restarted.
FREE_CUTS = 3


def list_failed(session: Session, limit: int) -> list[QueuedJob]:
    """Jobs that gave up, newest first."""
    found = (
        sa.select(QueuedJob).where(_is(JobStatus.FAILED)).order_by(QueuedJob.id.desc()).limit(limit)
    )
    return list(session.scalars(found))


def count_failed(session: Session, most: int | None = None) -> int:
    """How many jobs gave up, counted no further than `most`."""
    return session.scalar(_COUNT_FAILED, {"most": ALL if most is None else most}) or 0


# More than there ever are.
ALL = 2**62


def select_failed() -> sa.Select[int]:
    """The numbers of the jobs that gave up."""
    return sa.select(_JOBS.c.id).where(_is(JobStatus.FAILED))


_COUNT_FAILED = sa.select(sa.func.count()).select_from(
    select_failed().limit(sa.bindparam("most", type_=sa.BigInteger)).subquery()
)


def count_open(session: Session) -> dict[JobStatus, int]:
    """How many jobs wait, run and gave up."""
    not_done = [status for status in JobStatus if status is not JobStatus.DONE]
    is_open = _JOBS.c.status != _written_out(JobStatus.DONE)
    rows = session.execute(
        sa.select(_JOBS.c.status, sa.func.count()).where(is_open).group_by(_JOBS.c.status)
    )
    return dict.fromkeys(not_done, 0) | {row[0]: row[1] for row in rows}


def revive_job(session: Session, key: str, now: datetime) -> bool:
    """Try a job that gave up from its beginning; whether there was one."""
    revived = session.execute(
        sa.update(_JOBS)
        .where(_is(JobStatus.FAILED), _JOBS.c.key == key)
        .values(status=JobStatus.WAITING, attempt=1, due_at=now, ended_at=None)
        .returning(_JOBS.c.id)
    )
    return revived.first() is not None


def forget_jobs(session: Session, now: datetime) -> int:
    """Drop some of what was done long ago; how many. All work is safe to repeat."""
    oldest = (
        sa.select(_JOBS.c.id, _JOBS.c.ended_at)
        .where(_JOBS.c.status == JobStatus.DONE)
        .order_by(_JOBS.c.id)
        .limit(FORGOTTEN_AT_ONCE)
        .subquery()
    )
    old = sa.select(oldest.c.id).where(oldest.c.ended_at < now - KEPT)
    dropped = session.execute(
        sa.delete(_JOBS).where(_JOBS.c.id.in_(old)).returning(_JOBS.c.id)
    ).all()
    return len(dropped)
