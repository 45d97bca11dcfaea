"""A year's receipts in bulk: numbered, rendered, sealed and kept by two processes; memory stays.

Not among what runs when nothing is named, as it takes half an hour: `python -m tests.benchmarks
year_end`. The reference is measured in turns within the same processes: typst's compiler with its
inputs ready, and nothing but the key's own signature of what it made.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from portal.database import Database
from portal.jobs.promising import IssueReceipts
from portal.receipts.pdf import YEARLY, write_inputs
from portal.receipts.register import Receipt, verify_register
from portal.receipts.rendering import render_receipts
from portal.receipts.runs import ItemState, ReceiptRunItem, begin_run, run_step
from portal.receipts.seal_key import make_key, read_key, write_key
from portal.regions.catalogue import ReceiptRule
from portal.services import Services
from tests.benchmarks import table
from tests.benchmarks.ground import Ground, make_settings, opened
from tests.benchmarks.partners import NUMBERS
from tests.benchmarks.receipts import LEAST, compile_bare
from tests.benchmarks.serving import proportional_mebibytes
from tests.workplace import make_services

MANY, FEW = 100_000, 400
TEAM = 2
BLOCK = 16
# Of so many blocks one is made bare, too.
BARE_EVERY = 10
MOST_GROWTH = 1.1
ISSUER, YEAR = "sample-ca", datetime.now(UTC).year - 1
FORK = get_context("spawn")
GIFTS = """
INSERT INTO gifts (id, token, reference, region, fund, code, partner, mode, frequency,
  amount_minor, cover_minor, currency, first_name, last_name, email, search_name, given_name,
  address_line1, address_line2, city, province, postal_code, country, locale, dedication, anonymous,
  status, paid_minor, refunded_minor, created_at, received_on)
{numbers}
SELECT 1000000 + n, 'bench-' || n, 'B' || n, 'ca', 'missions', '', '', 'card', 'once',
  1000 + n % 9000, 0, 'CAD', 'Ada', 'Lovelace ' || n, 'bench' || n || '@example.org',
  'ada lovelace ' || n, '', n || ' Church Street', '', 'Toronto', 'ON', 'M5V 2T6', 'CA', 'en',
  '', false, 'paid', 1000 + n % 9000, 0, '{year}-03-01',
  DATE '{year}-03-01' + CAST(n % 200 AS integer) FROM numbers
"""


@dataclass(frozen=True, slots=True)
class Shift:
    """What one process made: seconds of ours and of the bare blocks, and its memory in MiB."""

    made: int
    seconds: float
    bare: int
    bare_seconds: float
    weights: list[float]

    @property
    def growth(self) -> tuple[float, float]:
        """Memory after a tenth of the work, and the most from there on."""
        settled = self.weights[len(self.weights) // 10 :]
        return settled[0], max(settled)


def run(ground: Ground) -> Iterator[table.Line]:
    count = FEW if ground.quick else MANY
    url = ground.make_database("postgresql", "year_end")
    key = ground.folder / "year-end.pem"
    key.unlink(missing_ok=True)
    write_key(key, make_key("give.example.org", datetime.now(UTC)))
    with opened(url) as database, database.write() as session:
        numbers = NUMBERS.format(most=count)
        session.execute(sa.text(GIFTS.format(numbers=numbers, year=YEAR)))
    numbered = _number(url, key)
    yield table.Line(f"{count:,} year-end receipts numbered", table.per_second(count / numbered))
    started = time.monotonic()
    shifts = _share_out(_render_all, url, key)
    took = time.monotonic() - started
    assert sum(shift.made for shift in shifts) == count
    ours = sum(shift.made / shift.seconds for shift in shifts)
    bare = sum(shift.bare / shift.bare_seconds for shift in shifts)
    what = f"{count:,} rendered, sealed and kept, against typst and RSA bare"
    yield table.at_least(what, ours, bare, LEAST, table.per_second)
    yield table.Line(f"of {TEAM} processes, the bare ones’ turns included", table.seconds(took))
    for shift in shifts:
        before, most = shift.growth
        what = "memory of one, the most against a tenth of the way"
        yield table.at_most(what, most, before, MOST_GROWTH, table.mebibytes)
    with opened(url) as database, database.read() as session:
        wrong = verify_register(session)
    yield table.Line("what the register doesn’t explain", str(len(wrong)), met=not wrong)


def _open(url: str, key: Path) -> Services:
    return make_services(Database(url), make_settings(url, seal_key=str(key)))


def _number(url: str, key: Path) -> float:
    """Seconds in which all are numbered, once the run has begun."""
    services = _open(url, key)
    with services.write("staff:1") as act:
        run_id = begin_run(act, ISSUER, YEAR, ReceiptRule.YEARLY).id
    run_step(services, IssueReceipts(run_id, 1, 0, 0))
    services.close()
    started = time.monotonic()
    _share_out(_number_lane, url, key, run_id)
    return time.monotonic() - started


def _share_out(work: Any, *given: Any) -> list[Any]:
    """What each process of the team brought."""
    with ProcessPoolExecutor(TEAM, FORK) as team:
        return [one.result() for one in [team.submit(work, at, *given) for at in range(TEAM)]]


def _number_lane(lane: int, url: str, key: Path, run_id: int) -> None:
    services, step = _open(url, key), 1
    while _is_unfinished(services):
        run_step(services, IssueReceipts(run_id, 1, lane, step))
        step += 1
    services.close()


def _is_unfinished(services: Services) -> bool:
    planned = sa.select(ReceiptRunItem.id).where(ReceiptRunItem.state == ItemState.PLANNED)
    with services.database.read() as session:
        return session.scalar(planned.limit(1)) is not None


def _render_all(lane: int, url: str, key: Path) -> Shift:
    """Render every second receipt, block by block."""
    services, signer = _open(url, key), read_key(key).key
    made, bare, seconds, bare_seconds, weights = 0, 0, 0.0, 0.0, list[float]()
    for number, receipts in enumerate(_list_blocks(services, lane)):
        started = time.perf_counter()
        made += len(render_receipts(services, receipts))
        seconds += time.perf_counter() - started
        if number % BARE_EVERY == 0:
            # A number of its own each, else typst has the page already.
            inputs = [write_inputs({**one.snapshot, "number": f"B-{one.id}"}) for one in receipts]
            started = time.perf_counter()
            for one in inputs:
                signer.sign(compile_bare(one, YEARLY), PKCS1v15(), SHA256())
            bare_seconds += time.perf_counter() - started
            bare += len(inputs)
            weights.append(proportional_mebibytes(os.getpid()))
    services.close()
    return Shift(made, seconds, bare, bare_seconds, weights)


def _list_blocks(services: Services, lane: int) -> Iterator[list[Receipt]]:
    last = 0
    wanted = sa.select(Receipt).where(Receipt.id % TEAM == lane).order_by(Receipt.id).limit(BLOCK)
    while True:
        with services.database.read() as session:
            found = list(session.scalars(wanted.where(Receipt.id > last)))
        if not found:
            return
        yield found
        last = found[-1].id
