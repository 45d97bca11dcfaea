"""The worker: runs promised jobs, and looks regularly at what nobody promised.

A worker that is killed leaves its jobs to itself, restarted, or to a living colleague. One that
fails is tried again later. Receipts and fees, of which every gift has one, are done together.
"""

import signal
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from portal import limits
from portal.codes.batches import fill_batch
from portal.codes.uploads import run_upload
from portal.database import DatabaseUnavailable
from portal.gifts.code_sums import catch_up
from portal.gifts.day_sums import fold_changes, has_changes
from portal.intake.checkout import lapse_unbegun
from portal.jobs.crew import Crew, Failures, Work
from portal.jobs.promising import (
    HEARTBEAT,
    FetchFee,
    ImportCodes,
    IssueReceipts,
    JobName,
    MakeCodes,
    MatchLines,
    RetryEvent,
    SendLetter,
    SendPartnerMonth,
    SendReceipt,
    SendSignInLink,
    SettlePlan,
    read_job,
)
from portal.jobs.queue import Taken, forget_jobs
from portal.logs import get_logger
from portal.mail.bounces import bounces_account, fetch_bounces
from portal.mail.imap import ImapError
from portal.partners.letters import promise_letters, send_month
from portal.payments.letters import send_letter
from portal.payments.providers import ProviderRefused, ProviderUnavailable
from portal.payments.refunds import settle_unanswered
from portal.payments.statements.interac_notices import fetch_notices, notices_account
from portal.payments.statements.match_run import match_open_lines
from portal.payments.stripe.comparison import FeeWanted, fetch_fees, retry_event
from portal.payments.stripe.subscriptions import settle_plan
from portal.payments.transfers import follow_transfers
from portal.receipts.runs import run_step
from portal.receipts.sending import Wish, send_receipts
from portal.services import Services
from portal.signin.links import send_link, sweep_links

log = get_logger()

COMPARE_EVERY = timedelta(minutes=10)
SWEEP_EVERY = timedelta(hours=1)
FOLD_EVERY = timedelta(minutes=1)
RECEIPTS_AT_ONCE = 16
# As many as Stripe lists in one call.
FEES_AT_ONCE = 100


def _send_receipts(services: Services, jobs: Mapping[Taken, SendReceipt]) -> Failures:
    wishes = {at: Wish(job.receipt_id, job.once, job.actor) for at, job in jobs.items()}
    failures = send_receipts(services, list(wishes.values()))
    return {at: failures[wish] for at, wish in wishes.items() if wish in failures}


def _fetch_fees(services: Services, jobs: Mapping[Taken, FetchFee]) -> Failures:
    wanted = {at: FeeWanted(job.transaction_id, job.gift_id) for at, job in jobs.items()}
    until = max(at.promised_at for at in jobs)
    failures = fetch_fees(services, list(wanted.values()), until=until)
    return {at: failures[fee] for at, fee in wanted.items() if fee in failures}


def _send_notice(services: Services, job: SendLetter) -> None:
    send_letter(services, job.letter, job.gift_id, about=job.about)


def _retry_event(services: Services, job: RetryEvent) -> None:
    retry_event(services, job.event_id)


def _settle_plan(services: Services, job: SettlePlan) -> None:
    settle_plan(services, job.gift_id)


def _match_lines(services: Services, _job: MatchLines) -> None:
    match_open_lines(services)


def _make_codes(services: Services, job: MakeCodes) -> None:
    fill_batch(services, job.batch_id)


def _import_codes(services: Services, job: ImportCodes) -> None:
    run_upload(services, job.upload_id)


def _send_sign_in_link(services: Services, job: SendSignInLink) -> None:
    send_link(services, job.link_id)


def _send_partner_month(services: Services, job: SendPartnerMonth) -> None:
    send_month(services, job.user_id, job.month)


def _issue_receipts(services: Services, job: IssueReceipts) -> None:
    run_step(services, job)


TASKS: dict[JobName, Callable[[Services, Any], None]] = {
    JobName.SEND_LETTER: _send_notice,
    JobName.RETRY_EVENT: _retry_event,
    JobName.SETTLE_PLAN: _settle_plan,
    JobName.MATCH_LINES: _match_lines,
    JobName.MAKE_CODES: _make_codes,
    JobName.IMPORT_CODES: _import_codes,
    JobName.SEND_SIGN_IN_LINK: _send_sign_in_link,
    JobName.SEND_PARTNER_MONTH: _send_partner_month,
    JobName.ISSUE_RECEIPTS: _issue_receipts,
}
# What is done for many at once, and for how many.
SWEEPS: dict[JobName, tuple[Callable[[Services, Any], Failures], int]] = {
    JobName.SEND_RECEIPT: (_send_receipts, RECEIPTS_AT_ONCE),
    JobName.FETCH_FEE: (_fetch_fees, FEES_AT_ONCE),
}


def list_works(services: Services) -> dict[str, Work]:
    """How each kind of job is done."""
    alone = {name.value: _one_by_one(services, task) for name, task in TASKS.items()}
    swept = {name.value: _together(services, *sweep) for name, sweep in SWEEPS.items()}
    return alone | swept


def _one_by_one(services: Services, task: Callable[[Services, Any], None]) -> Work:
    def run(jobs: Sequence[Taken]) -> Failures:
        for job in jobs:
            task(services, read_job(job.name, job.given))
        return {}

    return Work(run)


def _together(services: Services, sweep: Callable[[Services, Any], Failures], most: int) -> Work:
    def run(jobs: Sequence[Taken]) -> Failures:
        return sweep(services, {job: read_job(job.name, job.given) for job in jobs})

    return Work(run, most)


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
    next_comparison = next_sweep = next_fold = clock.now()
    while not stop.wait(HEARTBEAT.total_seconds()):
        try:
            follow_transfers(services)
            if clock.now() >= next_comparison:
                next_comparison = clock.now() + COMPARE_EVERY
                _compare(services)
                lapse_unbegun(services)
                look_for_bounces(services)
                look_for_notices(services)
            if clock.now() >= next_fold:
                next_fold = clock.now() + FOLD_EVERY
                fold_days(services)
                catch_up(services.database)
            if clock.now() >= next_sweep:
                next_sweep = clock.now() + SWEEP_EVERY
                _sweep(services)
                promise_letters(services)
        except DatabaseUnavailable as error:
            # It comes back; a worker that ended would not.
            log.error("database_unavailable", why=type(error.__cause__).__name__)


def _sweep(services: Services) -> None:
    """Forget what counts no longer, a small step each, so that nobody waits for it."""
    with services.database.write() as session:
        limits.sweep(session, services.clock.now())
        sweep_links(session, services.clock.now())
    is_more = True
    while is_more:
        with services.database.write() as session:
            is_more = forget_jobs(session, services.clock.now()) > 0


def look_for_bounces(services: Services) -> None:
    """Keep the letters that came back, where there is a mailbox for them."""
    account = bounces_account(services.settings)
    if account is None:
        return
    try:
        kept = fetch_bounces(services, account)
    except ImapError:
        log.warning("bounces_unread")
    else:
        log.info("bounces_read", read=kept.read, new=kept.new, tied=kept.tied)


def look_for_notices(services: Services, *, tls: ssl.SSLContext | None = None) -> None:
    """Keep Interac's notices, where there is a mailbox for them, and match lines by new ones."""
    account = notices_account(services.settings)
    if account is None:
        return
    server = services.settings.trusted_mail_server
    try:
        kept = fetch_notices(services, account, trusted_server=server, tls=tls)
    except ImapError:
        log.warning("notices_unread")
        return
    log.info("notices_read", new=kept.new, refused=len(kept.refused))
    if kept.new:
        match_open_lines(services)


def fold_days(services: Services) -> None:
    """Add what was booked since to the sums of days, a small step each."""
    with services.database.read() as session:
        is_more = has_changes(session)
    while is_more:
        with services.database.write() as session:
            is_more = fold_changes(session)


def _compare(services: Services) -> None:
    for provider in services.providers:
        try:
            found = provider.compare(services)
            settled = settle_unanswered(services, provider)
        except ProviderUnavailable:
            log.warning("provider_unavailable", provider=provider.name)
        except ProviderRefused as error:
            log.error("provider_refused", provider=provider.name, why=error.message)
        else:
            log.info("compared", provider=provider.name, refunds=settled, **asdict(found))
