"""A worker's crew: it takes what is due, hands it to a few threads and notes what came of it.

One thread, the keeper, speaks with the queue: in one transaction it notes what ended and takes
what comes next, so that a worker under load writes once for many jobs. It looks again at once
after work, and after none when the bell rings, the next job is due or a pause is over that grows
to two seconds. It also says that this worker lives, and takes over from those that fell silent.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from portal.clock import Clock
from portal.database import Database, DatabaseUnavailable
from portal.jobs.promising import HEARTBEAT, Bell, beat, find_silent_workers, forget_workers
from portal.jobs.queue import (
    MOST_ATTEMPTS,
    Taken,
    find_next_due,
    finish_jobs,
    give_back,
    put_off_jobs,
    release_jobs,
    take_jobs,
)
from portal.logs import get_logger

log = get_logger()

# More than one thread, since a mail server or Stripe may let one wait.
LANES = 4
TAKEN_AT_ONCE = 100
# How long a worker waits that had work just now, and at most, twice as long each time.
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
AWAY_SECONDS = 2.0
STOP_SECONDS = 10.0

Failures = Mapping[Taken, Exception]


@dataclass(frozen=True, slots=True)
class Work:
    """How jobs of one kind are done: at most so many at once; it returns those that failed.

    All of it is safe to repeat, as a whole and for each job.
    """

    run: Callable[[Sequence[Taken]], Failures]
    most: int = 1


class UnknownJob(Exception):
    """A job of a newer release than this worker's, which waits until that one runs."""


@dataclass
class Ended:
    """What came of some jobs, until the queue knows it."""

    done: list[Taken] = field(default_factory=list)
    failed: dict[Taken, str] = field(default_factory=dict)

    def add(self, batch: Sequence[Taken], failures: Failures) -> None:
        self.done += [job for job in batch if job not in failures]
        self.failed |= {job: type(error).__name__ for job, error in failures.items()}

    def __bool__(self) -> bool:
        return bool(self.done or self.failed)


class Lanes:
    """The threads that do the work, each a batch at a time; `ring` is called after each."""

    def __init__(self, works: Mapping[str, Work], ring: Callable[[], None]) -> None:
        self._works, self._ring = works, ring
        self._batches: queue.SimpleQueue[Sequence[Taken]] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[Sequence[Taken], Failures]] = queue.SimpleQueue()
        self.open = 0
        for number in range(LANES):
            threading.Thread(target=self._work, name=f"lane-{number}", daemon=True).start()

    @property
    def have_room(self) -> bool:
        return self.open < LANES

    def hand_out(self, jobs: Sequence[Taken]) -> None:
        for batch in self._divide(jobs):
            self.open += 1
            self._batches.put(batch)

    def collect(self, ended: Ended) -> None:
        """Add what ended since the last time."""
        while not self._results.empty():
            ended.add(*self._results.get())
            self.open -= 1

    def take_back(self) -> list[Taken]:
        """What no thread has begun."""
        found: list[Taken] = []
        while True:
            try:
                found += self._batches.get_nowait()
            except queue.Empty:
                return found
            self.open -= 1

    def _divide(self, jobs: Sequence[Taken]) -> Iterator[Sequence[Taken]]:
        """Batches of a kind; what failed before goes alone, so that it holds up no other."""
        together: dict[str, list[Taken]] = {}
        for job in jobs:
            if job.attempt == 1:
                together.setdefault(job.name, []).append(job)
            else:
                yield [job]
        for name, alike in together.items():
            most = self._works[name].most if name in self._works else 1
            yield from (alike[start : start + most] for start in range(0, len(alike), most))

    def _work(self) -> None:
        while True:
            batch = self._batches.get()
            self._results.put((batch, self._run(batch)))
            self._ring()

    def _run(self, batch: Sequence[Taken]) -> Failures:
        failures: Failures
        try:
            work = self._works.get(batch[0].name)
            if work is None:
                raise UnknownJob
            failures = work.run(batch)
        except Exception as error:  # noqa: BLE001 - whatever failed, the promise stands
            failures = dict.fromkeys(batch, error)
        for job in batch:
            _tell(job, failures.get(job))
        return failures


def _tell(job: Taken, error: Exception | None) -> None:
    if error is None:
        log.info("job_done", job=job.name, attempt=job.attempt)
        return
    why = type(error).__name__
    log.warning("job_failed", job=job.name, attempt=job.attempt, why=why)
    if job.attempt >= MOST_ATTEMPTS:
        log.error("job_gave_up", job=job.name, id=job.id, why=why)


class Crew:
    """The keeper of a worker that is called `name`, also when it is started again."""

    def __init__(
        self, database: Database, clock: Clock, name: str, works: Mapping[str, Work]
    ) -> None:
        self._database, self._clock, self._name = database, clock, name
        self._bell = Bell(database)
        self._lanes = Lanes(works, self._bell.ring)
        self._ended = Ended()
        self._pause = FIRST_PAUSE
        self._beat_at = 0.0

    def keep(self, stop: threading.Event) -> None:
        """Work until told to stop; then finish what was begun, and leave the rest to others."""
        with self._bell:
            while not stop.is_set() and self._attend(self._come_back):
                self._bell.wait(AWAY_SECONDS)
            while not stop.is_set():
                self._bell.wait(self._attend(self._look))
            self._attend(self._leave)

    def ring(self) -> None:
        """Let the keeper look up, as when it is to stop."""
        self._bell.ring()

    def _attend(self, step: Callable[[], float]) -> float:
        """Take a step; how long to wait after it. A database that is away comes back."""
        try:
            return step()
        except DatabaseUnavailable as error:
            log.error("database_unavailable", why=type(error.__cause__).__name__)
            return AWAY_SECONDS

    def _come_back(self) -> float:
        """Let be done what this worker held when it was last ended in the midst of it."""
        with self._database.write() as session:
            release_jobs(session, [self._name], self._clock.now())
        return 0.0

    def _look(self) -> float:
        """Note what ended and take what is due; how long to wait before the next look."""
        self._beat()
        self._lanes.collect(self._ended)
        until_due = self._until_due() if self._lanes.have_room else LONGEST_PAUSE
        if not self._ended and until_due > 0:
            return self._longer_pause(until_due)
        self._pause = FIRST_PAUSE
        taken = self._exchange(TAKEN_AT_ONCE if until_due <= 0 else 0)
        self._lanes.hand_out(taken)
        return 0.0 if taken and self._lanes.have_room else FIRST_PAUSE

    def _beat(self) -> None:
        """Say now and then that this worker lives, and take over from those that don't."""
        if time.monotonic() < self._beat_at:
            return
        now = self._clock.now()
        with self._database.write() as session:
            beat(session, self._name, now)
            silent = find_silent_workers(session, now)
            jobs = release_jobs(session, silent, now) if silent else 0
            forget_workers(session, silent)
        if silent:
            log.warning("worker_takeover", executors=silent, jobs=jobs)
        self._beat_at = time.monotonic() + HEARTBEAT.total_seconds()

    def _until_due(self) -> float:
        """Seconds until the next job is due, at most the longest pause."""
        with self._database.read() as session:
            due = find_next_due(session)
        if due is None:
            return LONGEST_PAUSE
        return min((due - self._clock.now()).total_seconds(), LONGEST_PAUSE)

    def _longer_pause(self, until_due: float) -> float:
        pause = self._pause
        self._pause = min(pause * 2, LONGEST_PAUSE)
        return min(pause, until_due)

    def _exchange(self, most: int) -> list[Taken]:
        """One transaction for what ended and for what comes next."""
        now = self._clock.now()
        with self._database.write() as session:
            if self._ended.done:
                finish_jobs(session, self._name, self._ended.done, now)
            put_off_jobs(session, self._name, self._ended.failed, now)
            taken = take_jobs(session, self._name, now, most) if most else []
        self._ended = Ended()
        return taken

    def _leave(self) -> float:
        """What is under way gets some seconds; longer, and another worker takes it over."""
        with self._database.write() as session:
            give_back(session, self._name, self._lanes.take_back())
        until = time.monotonic() + STOP_SECONDS
        while self._lanes.open and time.monotonic() < until:
            self._bell.wait(until - time.monotonic())
            self._lanes.collect(self._ended)
        self._exchange(0)
        return 0.0
