"""A worker's crew: many at once, alone after a failure, and nothing lost when it stops."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from portal.clock import SystemClock
from portal.database import Database
from portal.jobs.crew import Crew, Failures, Work
from portal.jobs.promising import Worker
from portal.jobs.queue import JobStatus, QueuedJob, Taken, add_job, release_jobs
from tests.database_faults import set_connections
from tests.sandbox_process import wait_until

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@contextmanager
def working(database: Database, works: Mapping[str, Work], name: str = "a") -> Iterator[Crew]:
    """A crew at work; at the end it has left."""
    crew, stop = Crew(database, SystemClock(), name, works), threading.Event()
    keeper = threading.Thread(target=crew.keep, args=(stop,))
    keeper.start()
    try:
        yield crew
    finally:
        stop.set()
        crew.ring()
        keeper.join(20)
        assert not keeper.is_alive()


def promise(
    database: Database, name: str, *subjects: int, attempt: int = 1, delay: float = 0
) -> None:
    now = SystemClock().now()
    due = now + timedelta(seconds=delay)
    with database.write() as session:
        for subject in subjects:
            key, given = f"{name}-{subject}", {"number": subject}
            add_job(session, key=key, name=name, given=given, attempt=attempt, now=now, due=due)


def statuses(database: Database) -> list[str]:
    with database.read() as session:
        found = session.scalars(sa.select(QueuedJob.status).order_by(QueuedJob.id))
        return [status.value for status in found]


class Batches:
    """Work that keeps what it was given, and fails what it is told to."""

    def __init__(self, fails: Callable[[Taken], Exception | None] = lambda _: None) -> None:
        self.seen: list[list[int]] = []
        self.fails = fails

    def run(self, jobs: Sequence[Taken]) -> Failures:
        self.seen.append([job.given["number"] for job in jobs])
        return {job: error for job in jobs if (error := self.fails(job))}


def test_jobs_of_a_kind_are_done_together_and_others_one_by_one(database: Database) -> None:
    many, few = Batches(), Batches()
    promise(database, "many", *range(5))
    promise(database, "few", 7, 8)
    with working(database, {"many": Work(many.run, 3), "few": Work(few.run)}):
        wait_until(lambda: set(statuses(database)) == {"done"}, 20)
    assert sorted(many.seen) == [[0, 1, 2], [3, 4]]
    assert sorted(few.seen) == [[7], [8]]


def test_what_is_promised_to_a_waiting_crew_is_done_at_once(database: Database) -> None:
    done = Batches()
    with working(database, {"many": Work(done.run, 3)}):
        for number in range(3):
            promise(database, "many", number)
            wait_until(lambda many=number + 1: len(done.seen) == many, 20)
    assert statuses(database) == ["done"] * 3


def test_one_that_fails_holds_up_no_other_and_goes_alone_from_then_on(database: Database) -> None:
    work = Batches(lambda job: ValueError("bad") if job.given["number"] == 1 else None)
    promise(database, "many", 0, 1, 2)
    promise(database, "many", 8, 9, attempt=2)
    with working(database, {"many": Work(work.run, 10)}):
        wait_until(lambda: statuses(database).count("done") == 4, 20)
    assert sorted(work.seen) == [[0, 1, 2], [8], [9]]
    with database.read() as session:
        waiting = sa.select(QueuedJob).where(QueuedJob.status == JobStatus.WAITING)
        late = session.scalars(waiting).one()
    assert (late.given["number"], late.attempt, late.problem) == (1, 2, "ValueError")


def test_a_crash_of_the_work_and_a_job_nobody_knows_wait_for_another_try(
    database: Database,
) -> None:
    def crash(jobs: Sequence[Taken]) -> Failures:
        raise LookupError(jobs[0].name)

    promise(database, "many", 1, 2)
    promise(database, "of_tomorrow", 3)
    with working(database, {"many": Work(crash, 10)}):
        wait_until(lambda: set(_problems(database)) == {"LookupError", "UnknownJob"}, 20)
    assert statuses(database) == ["waiting"] * 3


def _problems(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(sa.select(QueuedJob.problem)))


def test_a_crew_that_is_told_to_stop_ends_its_work_and_leaves_the_rest(database: Database) -> None:
    begun, may_end = threading.Semaphore(0), threading.Event()

    def slow(_jobs: Sequence[Taken]) -> Failures:
        begun.release()
        may_end.wait(20)
        return {}

    promise(database, "few", *range(10))
    with working(database, {"few": Work(slow)}):
        for _ in range(4):
            assert begun.acquire(timeout=20)
        threading.Timer(0.3, may_end.set).start()
    assert sorted(statuses(database)) == ["done"] * 4 + ["waiting"] * 6


def test_a_crew_takes_up_what_it_held_when_it_ended(database: Database) -> None:
    done = Batches()
    promise(database, "few", 1, 2)
    with database.write() as session:
        held = sa.update(QueuedJob).values(status=JobStatus.RUNNING)
        session.execute(held.where(QueuedJob.key == "few-1").values(worker="a"))
        session.execute(held.where(QueuedJob.key == "few-2").values(worker="another"))
        session.add(Worker(executor_id="another", host="h", pid=1, **_alive()))
    with working(database, {"few": Work(done.run)}):
        wait_until(lambda: "done" in statuses(database), 20)
    assert done.seen == [[1]]
    assert statuses(database) == ["done", "running"]
    with database.write() as session:
        assert release_jobs(session, ["another"], SystemClock().now()) == 1


def _alive() -> dict[str, object]:
    now = SystemClock().now()
    return {"started_at": now, "seen_at": now}


def test_a_database_that_takes_no_writes_is_outlived(database: Database) -> None:
    done = Batches()
    with capture_logs() as logs, working(database, {"few": Work(done.run)}):
        wait_until(lambda: _is_known(database), 20)
        promise(database, "few", 1, delay=1)
        undo = set_connections(database, "PRAGMA query_only = ON")
        try:
            wait_until(lambda: [one["event"] for one in logs] == ["database_unavailable"], 20)
        finally:
            undo()
        wait_until(lambda: statuses(database) == ["done"], 20)


def _is_known(database: Database) -> bool:
    with database.read() as session:
        return session.scalar(sa.select(Worker.executor_id)) is not None
