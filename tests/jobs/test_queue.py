"""The queue's table: what is promised is done once, by one worker, and never lost."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database
from portal.jobs.promising import GATHERED, Bell, FetchFee, JobName, Jobs, MatchLines
from portal.jobs.queue import (
    FREE_CUTS,
    KEPT,
    MOST_ATTEMPTS,
    JobStatus,
    QueuedJob,
    Taken,
    add_job,
    count_failed,
    count_open,
    find_next_due,
    finish_jobs,
    forget_jobs,
    give_back,
    list_failed,
    put_off_jobs,
    release_jobs,
    retry_delay,
    take_jobs,
)

NOW = datetime.now(UTC) + timedelta(minutes=1)
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def promise(database: Database, count: int, name: str = "noop", delay: float = 0) -> None:
    now = NOW - timedelta(minutes=1)
    due = now + timedelta(seconds=delay)
    with database.write() as session:
        for number in range(count):
            key, given = f"{name}-{number}", {"number": number}
            add_job(session, key=key, name=name, given=given, attempt=1, now=now, due=due)


def take(database: Database, worker: str, most: int = 100, at: datetime = NOW) -> list[Taken]:
    with database.write() as session:
        return take_jobs(session, worker, at, most)


def states(database: Database) -> dict[str, str]:
    with database.read() as session:
        return {job.key: job.status.value for job in session.scalars(sa.select(QueuedJob))}


def test_workers_at_once_share_all_jobs_and_none_twice(database: Database) -> None:
    promise(database, 120)

    def work(worker: str) -> list[int]:
        mine: list[int] = []
        while taken := take(database, worker, 7):
            mine += [job.id for job in taken]
            with database.write() as session:
                finish_jobs(session, worker, taken, NOW)
        return mine

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(work, "abcd"))
    assert sorted(one for each in found for one in each) == list(range(1, 121))
    assert set(states(database).values()) == {"done"}


def test_two_that_take_at_the_same_moment_wait_not_for_one_another(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("one writes at a time there")
    promise(database, 3)
    with database.write() as one, database.write() as other:
        first = take_jobs(one, "a", NOW, 2)
        assert [job.given["number"] for job in first] == [0, 1]
        assert [job.given["number"] for job in take_jobs(other, "b", NOW, 2)] == [2]


def test_the_longest_due_comes_first_and_the_later_not_yet(database: Database) -> None:
    promise(database, 1, "later", delay=3600)
    promise(database, 2, "soon", delay=30)
    promise(database, 1, "now")
    assert [job.name for job in take(database, "a")] == ["now", "soon", "soon"]
    with database.read() as session:
        due = find_next_due(session)
    assert due is not None
    assert due > NOW
    assert [job.name for job in take(database, "a", at=due)] == ["later"]


@ON_SQLITE
def test_a_promise_that_was_kept_is_not_kept_again(database: Database) -> None:
    promise(database, 1)
    with database.write() as session:
        finish_jobs(session, "a", take_jobs(session, "a", NOW, 5), NOW)
    promise(database, 1)
    assert take(database, "a") == []


@ON_SQLITE
def test_a_promise_goes_with_its_transaction(database: Database) -> None:
    with suppress(ZeroDivisionError), database.write() as session:
        Jobs(database).enqueue(session, MatchLines(1))
        raise ZeroDivisionError
    assert states(database) == {}


def test_what_fails_waits_longer_each_time_and_is_given_up_for_people(database: Database) -> None:
    promise(database, 1)
    at = NOW
    for attempt in range(1, MOST_ATTEMPTS + 1):
        (job,) = take(database, "a", at=at)
        assert job.attempt == attempt
        with database.write() as session:
            put_off_jobs(session, "a", {job: "MailNotSent"}, at)
        assert take(database, "a", at=at) == []
        at += retry_delay(attempt)
    (failed,) = Jobs(database).failed()
    assert (failed.id, failed.name) == ("noop-0", "noop")
    with database.read() as session:
        assert [count_failed(session, most) for most in (None, 5, 1, 0)] == [1, 1, 1, 0]
    Jobs(database).retry("noop-0")
    assert Jobs(database).failed() == []
    assert [job.attempt for job in take(database, "a", at=at + timedelta(days=1))] == [1]


def test_the_pauses_between_tries_grow_to_an_hour() -> None:
    pauses = [retry_delay(attempt).total_seconds() for attempt in range(1, MOST_ATTEMPTS)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 3600
    assert 48 * 3600 < sum(pauses) < 60 * 3600


def test_jobs_of_a_worker_that_ended_are_done_by_another(database: Database) -> None:
    promise(database, 3)
    taken = take(database, "dead")
    with database.write() as session:
        finish_jobs(session, "dead", taken[:1], NOW)
        assert release_jobs(session, ["dead", "deader"], NOW) == 2
    again = take(database, "alive")
    assert [job.id for job in again] == [job.id for job in taken[1:]]
    with database.write() as session:
        finish_jobs(session, "dead", taken, NOW)
        put_off_jobs(session, "dead", dict.fromkeys(taken, "TooLate"), NOW)
    assert list(states(database).values()) == ["done", "running", "running"]


@ON_SQLITE
def test_a_job_that_kills_its_workers_waits_longer_and_is_given_up(database: Database) -> None:
    promise(database, 1)
    at, waits = NOW, []
    for _ in range(MOST_ATTEMPTS):
        assert len(take(database, "a", at=at)) == 1
        with database.write() as session:
            release_jobs(session, ["a"], at)
            due = find_next_due(session)
        waits.append((due - at).total_seconds() if due else None)
        at = due or at
    assert waits[:FREE_CUTS] == [0] * FREE_CUTS
    assert waits[FREE_CUTS] == retry_delay(FREE_CUTS + 1).total_seconds()
    assert waits[-1] is None
    assert states(database) == {"noop-0": "failed"}


@ON_SQLITE
def test_what_was_not_begun_is_given_back_as_it_was(database: Database) -> None:
    promise(database, 2)
    taken = take(database, "a")
    with database.write() as session:
        give_back(session, "a", taken)
    assert take(database, "b") == taken


@ON_SQLITE
def test_only_what_was_done_long_ago_is_forgotten(database: Database) -> None:
    promise(database, 4)
    taken = take(database, "a")
    with database.write() as session:
        finish_jobs(session, "a", taken[:2], NOW)
        gave_up = sa.update(QueuedJob).where(QueuedJob.id == 1)
        session.execute(gave_up.values(status=JobStatus.FAILED))
        assert forget_jobs(session, NOW + KEPT) == 0
        assert forget_jobs(session, NOW + KEPT + timedelta(seconds=1)) == 1
    assert list(states(database)) == ["noop-0", "noop-2", "noop-3"]


@ON_SQLITE
def test_fees_wait_for_one_another(database: Database) -> None:
    begun = datetime.now(UTC)
    with database.write() as session:
        for number in range(5):
            Jobs(database).enqueue(session, FetchFee(f"txn_{number}", 1))
    ended, span = datetime.now(UTC), timedelta(seconds=GATHERED[JobName.FETCH_FEE])
    with database.read() as session:
        due = session.scalars(sa.select(QueuedJob.due_at)).all()
    assert len(set(due)) <= 1 + math.ceil((ended - begun) / span), "one where no span ended"
    assert all(begun < one <= ended + span for one in due)


def _wait_for_quiet(bell: Bell) -> None:
    """It rings once as it begins to listen; before, nobody would hear."""
    assert bell.wait(20)
    while bell.wait(0.3):
        pass


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_bell_rings_when_a_promise_is_kept_alone(database: Database, is_kept: bool) -> None:
    with Bell(database) as bell:
        _wait_for_quiet(bell)
        with suppress(ZeroDivisionError), database.write() as session:
            Jobs(database).enqueue(session, MatchLines(1))
            if not is_kept:
                raise ZeroDivisionError
        assert bell.wait(20 if is_kept else 0.5) == is_kept


LOOKS: dict[str, Callable[[Session], object]] = {
    "next": find_next_due,
    "take": lambda session: take_jobs(session, "a", NOW, 10),
    "failed": lambda session: list_failed(session, 10),
    "count of failed": count_failed,
    "some of failed": lambda session: count_failed(session, 10),
    "count of open": count_open,
    "release": lambda session: release_jobs(session, ["a"], NOW),
}


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_done_is_never_looked_through(database: Database, look: str) -> None:
    """However many jobs there ever were, a look costs what is open."""
    promise(database, 1)
    said: list[tuple[str, Any]] = []

    def hear(_c: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        said.append((statement, values))

    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    with database.write() as session:
        connection = session.connection()
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        sa.event.listen(connection, "before_cursor_execute", hear)
        LOOKS[look](session)
        sa.event.remove(connection, "before_cursor_execute", hear)
        plan = str(connection.exec_driver_sql(explain + said[0][0], said[0][1]).all())
    assert "ix_jobs_open" in plan
