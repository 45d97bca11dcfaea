"""Jobs: work that is promised in the same transaction as the rows it belongs to.

Enqueuing writes DBOS's own table through the caller's session; a worker process
(`portal worker`) picks it up. A job's id is deterministic: promised twice is done once.
"""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, Database
from portal.promises import Job, JobName

if TYPE_CHECKING:
    from dbos import EnqueueOptions

QUEUE = "portal"
# Jobs outlive releases: a fixed version lets a newer worker finish what an older one began.
APPLICATION_VERSION = "portal"
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


class Jobs:
    """The sending end of the queue, for web processes and operations."""

    def __init__(self, database: Database) -> None:
        # Imported here: DBOS takes a third of a second that `portal --help` need not pay.
        from dbos import DBOSClient, DBOSPortableJSONSerializer  # noqa: PLC0415

        self._client = DBOSClient(
            system_database_engine=database.writer,
            serializer=DBOSPortableJSONSerializer(),
            lazy=True,
        )

    def enqueue(
        self,
        session: Session,
        job: Job,
        *,
        attempt: int = 1,
        delay_seconds: float = 0,
    ) -> None:
        """Promise a job within the caller's transaction."""
        first = f"{job.name}-{job.subject}"
        job_id = first if attempt == 1 else f"{first}~{attempt}"
        options: EnqueueOptions = {
            "workflow_name": job.name.value,
            "queue_name": QUEUE,
            "workflow_id": job_id,
            "app_version": APPLICATION_VERSION,
        }
        if delay_seconds:
            options["delay_seconds"] = delay_seconds
        self._client.enqueue_in_transaction(session, options, job.document(), attempt)

    def failed(self, limit: int = 50) -> list[JobState]:
        """Jobs that gave up and were not taken up again, newest first."""
        found = self._client.list_workflows(
            status=["ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
            was_forked_from=False,
            limit=limit,
            sort_desc=True,
            load_output=False,
        )
        return [JobState(item.workflow_id, item.name, item.status) for item in found]

    def retry(self, job_id: str) -> None:
        """Run a job that gave up once more, from its beginning."""
        self._client.fork_workflow(job_id, 1, queue_name=QUEUE)

    def close(self) -> None:
        self._client.destroy()


def beat(session: Session, executor_id: str, now: datetime) -> None:
    """Say that this worker lives."""
    worker = session.get(Worker, executor_id)
    if worker is None:
        worker = Worker(executor_id=executor_id, started_at=now)
        session.add(worker)
    worker.host, worker.pid, worker.seen_at = socket.gethostname(), os.getpid(), now


def find_silent_workers(session: Session, now: datetime) -> list[str]:
    """Workers that fell silent, whose jobs a living one must take."""
    return list(
        session.scalars(sa.select(Worker.executor_id).where(Worker.seen_at < now - DEAD_AFTER))
    )


def forget_workers(session: Session, executor_ids: list[str]) -> None:
    """Drop workers whose jobs were taken."""
    session.execute(sa.delete(Worker).where(Worker.executor_id.in_(executor_ids)))
