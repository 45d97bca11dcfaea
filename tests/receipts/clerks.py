"""Processes that issue, void and replace receipts at once, or carry out a run, until they die."""

import random
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from portal.database import Database
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.jobs.promising import IssueReceipts, read_job
from portal.jobs.queue import QueuedJob
from portal.receipts.operations import reserve_receipt, void_receipt
from portal.receipts.register import Receipt, ReceiptGift, covers
from portal.receipts.runs import run_step
from portal.receipts.yearly import hold_receipt, issue_yearly, replace_receipt
from portal.services import Act, Services
from tests.receipts.conftest import make_settings
from tests.receipts.samples import region
from tests.workplace import at

NOW = datetime(2027, 1, 10, 12, tzinfo=UTC)
STEPS = 6


def open_services(url: str, mail_url: str = "") -> Services:
    """One more process of an installation, at a time that stands still."""
    settings = make_settings(mail_url=mail_url, mail_per_minute=100_000, database_url=url)
    return at(Database(url), NOW, settings)


def clerk(url: str, seed: str) -> None:
    """A clerk's life: so many steps, each a transaction."""
    services, chance = open_services(url), random.Random(seed)
    for _ in range(STEPS):
        with services.write() as act:
            chance.choice((_issue, _issue, _void, _replace, _issue_many))(act, chance)
    services.close()


def _some_gifts(act: Act, chance: random.Random, most: int) -> list[int]:
    """Gifts without a receipt that stands, which nobody else holds."""
    free = sa.select(Gift.id).outerjoin(ReceiptGift, covers(Gift.id))
    ids = act.session.scalars(free.where(ReceiptGift.gift_id.is_(None))).all()
    return chance.sample(ids, min(most, len(ids)))


def _issue(act: Act, chance: random.Random) -> None:
    for gift_id in _some_gifts(act, chance, 1):
        gift = lock_gift(act.session, gift_id)
        reserve_receipt(act, gift, region())


def _issue_many(act: Act, chance: random.Random) -> None:
    issue_yearly(act, _some_gifts(act, chance, 3))


def _hold_one(act: Act, chance: random.Random) -> Receipt | None:
    """A receipt that stands, held as staff's void does."""
    standing = sa.select(Receipt.id).where(Receipt.voided_at.is_(None))
    ids = act.session.scalars(standing.order_by(Receipt.id)).all()
    if not ids:
        return None
    receipt = hold_receipt(act.session, chance.choice(ids))
    assert receipt is not None
    return receipt if receipt.voided_at is None else None


def _void(act: Act, chance: random.Random) -> None:
    receipt = _hold_one(act, chance)
    if receipt is not None:
        void_receipt(act, receipt, "Spoiled")


def _replace(act: Act, chance: random.Random) -> None:
    receipt = _hold_one(act, chance)
    if receipt is not None:
        replace_receipt(act, receipt, "Spoiled")


def carry_out(url: str, mail_url: str) -> None:
    """Do the jobs of a run until none is left, as a worker does; done ones do no harm again."""
    services, done = open_services(url, mail_url), set[str]()
    while work_once(services, done):
        pass
    services.close()


def work_once(services: Services, done: set[str]) -> bool:
    """Do what is promised and was not done here; whether there was anything."""
    with services.database.read() as session:
        jobs = session.scalars(sa.select(QueuedJob).order_by(QueuedJob.id)).all()
    fresh = [job for job in jobs if job.key not in done]
    for queued in fresh:
        do(services, read_job(queued.name, queued.given))
        done.add(queued.key)
    return bool(fresh)


def do(services: Services, job: Any) -> None:
    if isinstance(job, IssueReceipts):
        run_step(services, job)
