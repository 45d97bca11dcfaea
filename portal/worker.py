"""The worker: runs promised jobs, and looks regularly at what nobody promised.

A worker that is killed leaves its jobs to itself, restarted, or to a living colleague. One that
fails is tried again later. Receipts and fees, of which every gift has one, are done together.
"""

import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

from portal import limits
from portal.database import DatabaseUnavailable
from portal.job_crew import Crew, Failures, Work
from portal.job_queue import Taken, forget_jobs
from portal.jobs import HEARTBEAT
from portal.logs import get_logger
from portal.payments.letters import send_notice
from portal.payments.statements.match_run import match_open_lines
from portal.payments.stripe.comparison import compare_with_stripe, retry_event
from portal.payments.stripe.fees import FeeWanted, fetch_fees
from portal.payments.stripe.gateway import StripeRefused, StripeUnavailable
from portal.payments.stripe.subscriptions import settle_plan
from portal.payments.transfers.following import follow_transfers
from portal.receipts.sending import Wish, send_receipts
from portal.services import Services

log = get_logger()

COMPARE_EVERY = timedelta(minutes=10)
SWEEP_EVERY = timedelta(hours=1)
RECEIPTS_AT_ONCE = 16
# As many as Stripe lists in one call.
FEES_AT_ONCE = 100


def _send_receipts(services: Services, jobs: Sequence[Taken]) -> Failures:
    wishes = {job: read_wish(job.subject) for job in jobs}
    failures = send_receipts(services, list(wishes.values()))
    return {job: failures[wish] for job, wish in wishes.items() if wish in failures}


def read_wish(subject: str) -> Wish:
    """`<receipt>`, or `<receipt>:<once more, by this name>:<who asked for it>`."""
    receipt_id, *wish = subject.split(":", 2)
    again, actor = wish or ("", "system")
    return Wish(int(receipt_id), again=again, actor=actor)


def _fetch_fees(services: Services, jobs: Sequence[Taken]) -> Failures:
    wanted = {job: _read_fee(job.subject) for job in jobs}
    until = max(job.promised_at for job in jobs)
    failures = fetch_fees(services, list(wanted.values()), until=until)
    return {job: failures[fee] for job, fee in wanted.items() if fee in failures}


def _read_fee(subject: str) -> FeeWanted:
    transaction_id, gift_id = subject.split(":")
    return FeeWanted(transaction_id, int(gift_id))


def _send_notice(services: Services, subject: Any) -> None:
    message, gift_id, _about = str(subject).split(":", 2)
    send_notice(services, message, int(gift_id), key=str(subject))


def _retry_event(services: Services, subject: Any) -> None:
    retry_event(services, int(subject))


def _settle_plan(services: Services, subject: Any) -> None:
    """`<gift>:<the subscription that was heard of beside its plan's own>`."""
    gift_id, _subscription = str(subject).split(":")
    settle_plan(services, int(gift_id))


def _match_lines(services: Services, _subject: Any) -> None:
    match_open_lines(services)


TASKS: dict[str, Callable[[Services, Any], None]] = {
    "send_notice": _send_notice,
    "retry_event": _retry_event,
    "settle_plan": _settle_plan,
    "match_lines": _match_lines,
}
# What is done for many at once, and for how many.
SWEEPS: dict[str, tuple[Callable[[Services, Sequence[Taken]], Failures], int]] = {
    "send_receipt": (_send_receipts, RECEIPTS_AT_ONCE),
    "fetch_fee": (_fetch_fees, FEES_AT_ONCE),
}


def list_works(services: Services) -> Mapping[str, Work]:
    """How each kind of job is done."""
    return {name: _one_by_one(services, task) for name, task in TASKS.items()} | {
        name: Work(partial(sweep, services), most) for name, (sweep, most) in SWEEPS.items()
    }


def _one_by_one(services: Services, task: Callable[[Services, Any], None]) -> Work:
    def run(jobs: Sequence[Taken]) -> Failures:
        for job in jobs:
            task(services, job.subject)
        return {}

    return Work(run)


def run_worker(services: Services, *, name: str = "worker-1") -> None:
    """Work until SIGTERM or SIGINT; `name` is this worker's own and stays the same."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    executor_id = f"{socket.gethostname()}-{name}"
    crew = Crew(services.database, services.clock, executor_id, list_works(services))
    # Said before the first job can begin, so that the log's order is the work's.
    log.info("worker_started", executor=executor_id)
    with ThreadPoolExecutor(1, "keeper") as threads:
        keeper = threads.submit(crew.keep, stop)
        # A worker without its keeper would only seem to work.
        keeper.add_done_callback(lambda _: stop.set())
        try:
            _keep_watch(services, stop)
        finally:
            stop.set()
            crew.ring()
    keeper.result()
    log.info("worker_stopped", executor=executor_id)


def _keep_watch(services: Services, stop: threading.Event) -> None:
    """The regular looks, until told to stop."""
    clock = services.clock
    next_comparison = next_sweep = clock.now()
    while not stop.wait(HEARTBEAT.total_seconds()):
        try:
            follow_transfers(services)
            if clock.now() >= next_comparison:
                next_comparison = clock.now() + COMPARE_EVERY
                _compare(services)
            if clock.now() >= next_sweep:
                next_sweep = clock.now() + SWEEP_EVERY
                _sweep(services)
        except DatabaseUnavailable as error:
            # It comes back; a worker that ended would not.
            log.error("database_unavailable", why=type(error.__cause__).__name__)


def _sweep(services: Services) -> None:
    """Forget what counts no longer, a small step each, so that nobody waits for it."""
    with services.database.write() as session:
        limits.sweep(session, services.clock.now())
    is_more = True
    while is_more:
        with services.database.write() as session:
            is_more = forget_jobs(session, services.clock.now()) > 0


def _compare(services: Services) -> None:
    if not services.gateway.is_configured:
        return
    try:
        log.info("compared_with_stripe", **compare_with_stripe(services))
    except StripeUnavailable:
        log.warning("stripe_unavailable")
    except StripeRefused as error:
        log.error("stripe_refused", why=error.message)
