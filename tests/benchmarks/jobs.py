"""The job queue: drained of jobs that do nothing, and of receipts; and idle.

Workers are processes of their own. The jobs are there before a worker begins, and the time
counts from the first that is done to the last.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa

from portal.commands.installation import free_port
from portal.database import Database
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind
from portal.intake.admission import Caller
from portal.jobs.queue import JobStatus, QueuedJob, add_job
from portal.payments.operations import accept
from tests.benchmarks import table
from tests.benchmarks.ground import ENGINES, Ground, make_environment, make_settings, opened
from tests.benchmarks.noop_worker import NOOP
from tests.benchmarks.serving import cpu_seconds
from tests.sandbox_process import wait_until
from tests.workplace import Workplace, act_in, make_workplace

LEAST_JOBS, LEAST_RECEIPTS, MOST_IDLE = 100.0, 40.0, 1.0
# A worker that came up writes for the last time; then it is idle.
WARM_UP_SECONDS = 8.0
PATIENCE = 900.0


def run(ground: Ground) -> Iterator[table.Line]:
    jobs, receipts, idle = (1_000, 60, 5.0) if ground.quick else (10_000, 1_000, 60.0)
    rate = table.per_second
    for engine, name in ENGINES.items():
        one = drain_noops(ground, engine, jobs, 1)
        yield table.above(f"jobs that do nothing, a worker, {name}", one, LEAST_JOBS, rate)
        one = drain_receipts(ground, engine, receipts, 1)
        yield table.above(f"receipts sent, a worker, {name}", one, LEAST_RECEIPTS, rate)
        if not ground.quick:
            two = drain_noops(ground, engine, jobs, 2)
            yield table.Line(f"jobs that do nothing, two workers, {name}", rate(two))
            two = drain_receipts(ground, engine, receipts, 2)
            yield table.Line(f"receipts sent, two workers, {name}", rate(two))
        used = watch_idle(ground, engine, idle)
        yield table.below(f"an idle worker, of a core, {name}", used, MOST_IDLE, table.percent)


def drain_noops(ground: Ground, engine: str, jobs: int, workers: int) -> float:
    """Jobs a second."""
    url = ground.make_database(engine, "noops")
    now = datetime.now(UTC)
    with opened(url) as database, database.write() as session:
        for number in range(jobs):
            key = f"{NOOP}-{number}"
            add_job(session, key=key, name=NOOP, given={}, attempt=1, now=now, due=now)
    return drain(url, NOOP, ("tests.benchmarks.noop_worker",), workers)


def drain_receipts(ground: Ground, engine: str, receipts: int, workers: int) -> float:
    """Receipts a second: rendered, and taken by a mail server."""
    url = ground.make_database(engine, "receipts")
    place = make_workplace(url, None)
    for _ in range(receipts):
        promise_receipt(place)
    place.close()
    port = str(free_port())
    worker = ("portal", "worker", "--name")
    with running("tests.benchmarks.mail_sink", port, url=url):
        return drain(url, "send_receipt", worker, workers, f"smtp://127.0.0.1:{port}")


def promise_receipt(place: Workplace) -> None:
    """A gift that is paid and receipted."""
    number = time.time_ns()
    order_of = {"email": f"donor{number}@example.org"}
    # Each from another visitor, as the limits count them.
    started = place.start(mode="interac", donor=order_of, caller=Caller(f"visitor{number}"))
    gift = place.gift(started.token)
    now = datetime.now(UTC)
    claim = Claim(
        fact=FactKind.PAID,
        subject=f"line-{gift.id}",
        occurred_at=now,
        source=Source.STATEMENT,
        actor="bank",
        money=gift.money,
    )
    with place.database.write() as session:
        accept(act_in(session, now, place.services), gift.id, [claim])


def watch_idle(ground: Ground, engine: str, seconds: float) -> float:
    """Per cent of a core that a worker without work uses."""
    url = ground.make_database(engine, "idle")
    with running("portal", "worker", url=url) as worker:
        time.sleep(WARM_UP_SECONDS)
        before = cpu_seconds(worker.pid)
        time.sleep(seconds)
        return (cpu_seconds(worker.pid) - before) / seconds * 100


def drain(url: str, name: str, command: tuple[str, ...], workers: int, mail_url: str = "") -> float:
    """Jobs of a kind a second, from the first that ended to the last."""
    with opened(url) as database, ExitStack() as stack:
        jobs = count_open(database, name)
        for number in range(workers):
            stack.enter_context(running(*command, f"w{number}", url=url, mail_url=mail_url))
        wait_until(lambda: count_open(database, name) < jobs, PATIENCE)
        left, started = count_open(database, name), time.perf_counter()
        wait_until(lambda: not count_open(database, name), PATIENCE)
        return left / (time.perf_counter() - started)


def count_open(database: Database, name: str) -> int:
    open_ones = sa.select(sa.func.count()).where(
        QueuedJob.status.in_((JobStatus.WAITING, JobStatus.RUNNING)), QueuedJob.name == name
    )
    with database.read() as session:
        return session.scalar(open_ones) or 0


@contextmanager
def running(*command: str, url: str, mail_url: str = "") -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=make_environment(make_settings(url)) | {"PORTAL_MAIL_URL": mail_url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=40)
