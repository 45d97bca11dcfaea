"""SIGKILL of web or worker at random moments loses nothing and doubles nothing."""

import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from portal.gifts.models import Gift, LedgerEntry
from portal.jobs.queue import find_next_due
from portal.receipts.register import Receipt, ReceiptSeries, verify_register
from tests.demo_process import DemoProcess, running_demo
from tests.journeys.giving import Donor, new_donor, post_form
from tests.sandbox_process import wait_until

ROUNDS = 50
DONORS = 3
PAUSES = (0.0, 0.3)
SEED = 20261123
# How long the backlog may stand still; on a busy machine it takes its time to empty.
QUIET_SECONDS = 60
GIFTS_A_ROUND = 3
# Tries of a donor, a tenth of a second apart.
PATIENCE = 1200
# A line that was being written when its process was killed has no end.
STARTED = re.compile(r'"worker_started".*?"timestamp": "([^"]+)"')

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def fresh_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """A demo of its own: its processes die many times."""
    with running_demo(tmp_path_factory.mktemp("kill")) as demo:
        yield demo


@dataclass
class Donors:
    """People who give one after another, and try again whenever the site is away.

    `turns` are the gifts that may still begin: some each round, however slow the machine is.
    An answer with the status `later` is waited for like no answer.
    """

    demo: DemoProcess
    turns: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    stop: threading.Event = field(default_factory=threading.Event)
    problems: list[str] = field(default_factory=list)
    paid: int = 0
    later: int = 0

    def give_on_and_on(self) -> None:
        try:
            while not self.stop.is_set():
                if self.turns.acquire(timeout=0.2):
                    self._give(new_donor())
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            self.problems.append(repr(error))

    def _give(self, donor: Donor) -> None:
        """The same form until it leads to the pay page, as a person re-sends it."""
        amount = f"{donor.number % 90 + 10}.{donor.number % 89 + 10}"
        for _ in range(PATIENCE):
            url = self._start(donor, amount)
            if "/pay/" in url:
                self._pay(donor, url)
                return
        raise AssertionError("the site stayed away")

    def _start(self, donor: Donor, amount: str) -> str:
        """Where the form leads; nowhere, after a moment, while the site is away."""
        try:
            answer = post_form(self.demo, donor, amount=amount)
        except (OSError, HTTPException):
            time.sleep(0.1)
            return ""
        if answer.status == self.later:
            time.sleep(0.1)
            return ""
        assert answer.status == 303, answer.text
        return str(answer.location)

    def _pay(self, donor: Donor, url: str) -> None:
        answer = self.demo.sandbox.pay(url)
        assert answer.status == 303, answer.text
        self.paid += 1
        with suppress(OSError, HTTPException):
            self.demo.request("GET", str(answer.location), headers=donor.headers)


def kill(demo: DemoProcess, part: str) -> None:
    """The whole group at once, as a power cut would; the demo starts it again."""
    with suppress(ProcessLookupError):
        os.killpg(demo.pid_of(part), signal.SIGKILL)


def await_progress(demo: DemoProcess, donors: Donors, chance: random.Random) -> None:
    """Let one more gift be paid, or one more message go out; the busier the machine, the longer."""
    mail = demo.data / "mailbox" / "mail"
    by_mail = chance.random() < 0.5

    def count() -> int:
        return len(list(mail.glob("*.json"))) if by_mail else donors.paid

    before = count()
    wait_until(lambda: count() > before or donors.problems, 60)


def play(demo: DemoProcess, chance: random.Random) -> Donors:
    """Gifts flow while one process after another is killed; also when workers were."""
    donors = Donors(demo)
    threads = [threading.Thread(target=donors.give_on_and_on) for _ in range(DONORS)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(ROUNDS):
            kill_one(demo, donors, chance)
    finally:
        donors.stop.set()
        for thread in threads:
            thread.join()
    return donors


def kill_one(demo: DemoProcess, donors: Donors, chance: random.Random) -> None:
    """Let some work be done, then kill one of the two."""
    donors.turns.release(GIFTS_A_ROUND)
    await_progress(demo, donors, chance)
    time.sleep(chance.uniform(*PAUSES))
    kill(demo, chance.choice(("web", "worker")))


def wait_until_quiet(demo: DemoProcess) -> None:
    """Every webhook delivered, however often it was refused, and no job left."""
    wait_until(lambda: deliver_all(demo), QUIET_SECONDS)
    while demo.open_jobs():
        await_fewer(demo, len(demo.open_jobs()))


def await_fewer(demo: DemoProcess, jobs: int) -> None:
    """Until one more is done: a job that was often cut off is due in minutes only."""
    due = until_next_due(demo)
    wait_until(lambda: len(demo.open_jobs()) < max(jobs, 1), due + QUIET_SECONDS)


def until_next_due(demo: DemoProcess) -> float:
    """Seconds until the next job that waits; 0 where there is none, or it is due."""
    with demo.database.read() as session:
        due = find_next_due(session)
    return max((due - datetime.now(UTC)).total_seconds(), 0) if due else 0


def deliver_all(demo: DemoProcess) -> bool:
    """Send what is still to be sent now; whether all of it has arrived."""
    demo.sandbox.control("deliveries/retry")
    demo.sandbox.control("drain", timeout=20)
    counts: dict[str, int] = demo.sandbox.look("state")["deliveries"]
    return set(counts) == {"delivered"}


def list_all(demo: DemoProcess, kind: str) -> list[dict[str, Any]]:
    """Everything the sandbox lists of a kind."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = demo.sandbox.api("GET", f"/v1/{kind}?limit=100{after}").json
        found += page["data"]
        if not page["has_more"]:
            return found
        after = f"&starting_after={page['data'][-1]['id']}"


def test_fifty_kills_lose_and_double_nothing(fresh_demo: DemoProcess) -> None:
    demo = fresh_demo
    donors = play(demo, random.Random(SEED))
    assert donors.problems == []
    assert donors.paid > ROUNDS, "too few gifts to prove anything"
    wait_until_quiet(demo)
    charges = [charge for charge in list_all(demo, "charges") if charge["paid"]]
    assert len(charges) == donors.paid
    check_gifts(demo, charges)
    check_ledger(demo, charges)
    check_receipts(demo)
    check_mail(demo)


def check_gifts(demo: DemoProcess, charges: list[dict[str, Any]]) -> None:
    """Each charge is one paid gift of the same amount, and there is no other paid gift."""
    with demo.database.read() as session:
        gifts = session.execute(
            sa.select(Gift.email, Gift.amount_minor, Gift.status, Gift.origin)
        ).all()
    paid = Counter((gift.email, gift.amount_minor) for gift in gifts if gift.status == "paid")
    charged = Counter((charge["billing_details"]["email"], charge["amount"]) for charge in charges)
    assert paid == charged
    assert max(paid.values()) == 1
    assert all(not gift.origin for gift in gifts), "no money without its gift"


def check_ledger(demo: DemoProcess, charges: list[dict[str, Any]]) -> None:
    """What is held by Stripe: all charges, less all fees, each booked once."""
    transactions = {one["id"]: one for one in list_all(demo, "balance_transactions")}
    fees = sum(transactions[charge["balance_transaction"]]["fee"] for charge in charges)
    gross = sum(charge["amount"] for charge in charges)
    debit = _sum_by(demo, LedgerEntry.debit_account)
    credit = _sum_by(demo, LedgerEntry.credit_account)
    assert debit == {"clearing:stripe": gross, "fees": fees}
    assert credit == {"income:general": gross, "clearing:stripe": fees}


def _sum_by(demo: DemoProcess, account: Any) -> dict[str, int]:
    with demo.database.read() as session:
        rows = session.execute(
            sa.select(account, sa.func.sum(LedgerEntry.amount_minor)).group_by(account)
        )
        return {name: int(total) for name, total in rows}


def check_receipts(demo: DemoProcess) -> None:
    """One for each paid gift, numbered without a gap, and every document as it was rendered."""
    with demo.database.read() as session:
        assert verify_register(session) == []
        receipts = session.scalars(sa.select(Receipt.gift_id)).all()
        paid = session.scalars(sa.select(Gift.id).where(Gift.status == "paid")).all()
        last = session.scalar(sa.select(sa.func.sum(ReceiptSeries.last_number)))
    assert sorted(receipts) == sorted(paid)
    assert last == len(receipts)


def check_mail(demo: DemoProcess) -> None:
    """One message for each receipt, sent again only by a worker that was started meanwhile.

    SMTP can't promise more: a worker killed between the server's "250" and its own note can't
    know that the message was taken, and the next one sends it again with the same Message-ID.
    """
    messages = demo.messages()
    with demo.database.read() as session:
        emails = session.scalars(
            sa.select(Gift.email).join(Receipt, Receipt.gift_id == Gift.id)
        ).all()
    assert Counter(message["recipients"][0] for message in messages) == Counter(emails)
    assert len({message["message_id"] for message in messages}) == len(messages)
    starts = list_starts(demo)
    for message in messages:
        taken = [datetime.fromisoformat(text) for text in message["delivered_at"]]
        for before, again in pairwise(taken):
            assert any(before < start < again for start in starts), (before, again)


def list_starts(demo: DemoProcess) -> list[datetime]:
    """When each worker began, which is before its first job, by its own log."""
    text = (demo.data / "worker.log").read_text()
    return [datetime.fromisoformat(found) for found in STARTED.findall(text)]
