"""The worker: runs promised jobs, and looks regularly at what nobody promised.

Each job is a DBOS workflow: a worker that is killed leaves it to itself, restarted, or to a
living colleague. One that fails is promised again for later.
"""

import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from portal import limits
from portal.database import DatabaseUnavailable
from portal.jobs import (
    APPLICATION_VERSION,
    HEARTBEAT,
    QUEUE,
    beat,
    find_silent_workers,
    forget_workers,
)
from portal.logs import get_logger
from portal.payments.letters import send_notice
from portal.payments.providers import ProviderRefused, ProviderUnavailable
from portal.payments.statements.match_run import match_open_lines
from portal.payments.stripe.comparison import fetch_fee, retry_event
from portal.payments.stripe.subscriptions import settle_plan
from portal.payments.transfers.following import follow_transfers
from portal.promises import (
    FetchFee,
    Job,
    JobName,
    MatchLines,
    RetryEvent,
    SendNotice,
    SendReceipt,
    SettlePlan,
    read_job,
)
from portal.receipts.operations import send_receipt
from portal.schema import dbos_url
from portal.services import Services

log = get_logger()

# Each thread that renders keeps its own typst and fonts; four are forty receipts a second.
CONCURRENCY = 4
POLLING_SECONDS = 0.5
COMPARE_EVERY = timedelta(minutes=10)
SWEEP_EVERY = timedelta(hours=1)
# A job that fails is promised again, later and later, for about two days.
FIRST_RETRY_SECONDS = 5
LONGEST_RETRY_SECONDS = 3600
MOST_ATTEMPTS = 60


def _send_receipt(services: Services, job: SendReceipt) -> None:
    send_receipt(services, job.receipt_id, again=job.once, actor=job.actor)


def _send_notice(services: Services, job: SendNotice) -> None:
    send_notice(services, job.letter, job.gift_id, about=job.about)


def _fetch_fee(services: Services, job: FetchFee) -> None:
    fetch_fee(services, job.transaction_id, job.gift_id)


def _retry_event(services: Services, job: RetryEvent) -> None:
    retry_event(services, job.event_id)


def _settle_plan(services: Services, job: SettlePlan) -> None:
    settle_plan(services, job.gift_id)


def _match_lines(services: Services, _job: MatchLines) -> None:
    match_open_lines(services)


TASKS: dict[JobName, Callable[[Services, Any], None]] = {
    JobName.SEND_RECEIPT: _send_receipt,
    JobName.SEND_NOTICE: _send_notice,
    JobName.FETCH_FEE: _fetch_fee,
    JobName.RETRY_EVENT: _retry_event,
    JobName.SETTLE_PLAN: _settle_plan,
    JobName.MATCH_LINES: _match_lines,
}


def _register(services: Services, name: JobName) -> None:
    """Make a workflow of a task; a task is safe to repeat as a whole."""

    @DBOS.workflow(name=name.value)
    def run(kept: Any, attempt: int) -> None:
        job = read_job(name, kept)
        try:
            TASKS[name](services, job)
        except Exception as error:  # noqa: BLE001 - whatever failed, the promise stands
            _promise_again(services, job, attempt, error)
        else:
            log.info("job_done", job=name, attempt=attempt)


def _promise_again(services: Services, job: Job, attempt: int, error: Exception) -> None:
    """Try later without holding a place in the queue; give up, visibly, at the end."""
    log.warning("job_failed", job=job.name, attempt=attempt, why=type(error).__name__)
    if attempt >= MOST_ATTEMPTS:
        raise error
    delay = min(FIRST_RETRY_SECONDS * 2 ** (attempt - 1), LONGEST_RETRY_SECONDS)
    with services.write() as act:
        act.promise(job, attempt=attempt + 1, delay_seconds=delay)


def run_worker(services: Services, *, name: str = "worker-1") -> None:
    """Work until SIGTERM or SIGINT; `name` is this worker's own and stays the same."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    executor_id = f"{socket.gethostname()}-{name}"
    config = DBOSConfig(
        name="portal",
        system_database_url=dbos_url(services.database),
        application_version=APPLICATION_VERSION,
        executor_id=executor_id,
        log_level="WARNING",
        serializer=DBOSPortableJSONSerializer(),
        run_migrations=False,
        use_listen_notify=False,
    )
    DBOS(config=config)
    for name_of_job in TASKS:
        _register(services, name_of_job)
    # Said before the first job can begin, so that the log's order is the work's.
    log.info("worker_started", executor=executor_id)
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=CONCURRENCY, polling_interval_sec=POLLING_SECONDS)
    _beat(services, executor_id)
    _keep_watch(services, executor_id, stop)
    DBOS.destroy(workflow_completion_timeout_sec=10)
    log.info("worker_stopped", executor=executor_id)


def _keep_watch(services: Services, executor_id: str, stop: threading.Event) -> None:
    """Heartbeats, takeovers and the regular looks, until told to stop."""
    clock = services.clock
    next_comparison = next_sweep = clock.now()
    while not stop.wait(HEARTBEAT.total_seconds()):
        try:
            _beat(services, executor_id)
            # A small step each time, so that a long row of due reminders holds up no heartbeat.
            follow_transfers(services)
            if clock.now() >= next_comparison:
                next_comparison = clock.now() + COMPARE_EVERY
                _compare(services)
            if clock.now() >= next_sweep:
                next_sweep = clock.now() + SWEEP_EVERY
                with services.database.write() as session:
                    limits.sweep(session, clock.now())
        except DatabaseUnavailable as error:
            # It comes back; a worker that ended would not.
            log.error("database_unavailable", why=type(error.__cause__).__name__)


def _beat(services: Services, executor_id: str) -> None:
    now = services.clock.now()
    with services.database.write() as session:
        beat(session, executor_id, now)
        silent = find_silent_workers(session, now)
    if not silent:
        return
    log.warning("worker_takeover", executors=silent)
    DBOS._recover_pending_workflows(silent)
    with services.database.write() as session:
        forget_workers(session, silent)


def _compare(services: Services) -> None:
    for provider in services.providers:
        try:
            found = provider.compare(services)
        except ProviderUnavailable:
            log.warning("provider_unavailable", provider=provider.name)
        except ProviderRefused as error:
            log.error("provider_refused", provider=provider.name, why=error.message)
        else:
            log.info("compared", provider=provider.name, **asdict(found))
