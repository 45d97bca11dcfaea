"""Importing a bank's file against as many open gifts: ten times as many lines, how much more?

Each size has a process of its own, so that its memory is its own; SQLite, so that all of the
work is that process's CPU. One line in six names its gift and is booked and receipted, which
takes as long however many there are; the others make the matcher look for candidates.
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from datetime import time as day_time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from portal.database import Database
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.gifts.operations import fold_name
from portal.payments.matching.pool import OpenGift
from portal.payments.statements.formats.entries import StatementEntry
from tests.benchmarks import table
from tests.benchmarks.ground import Ground, log_to_nowhere, opened
from tests.matching.timing import make_entries, make_gifts
from tests.workplace import at, make_workplace

LESS, MORE = 10_000, 100_000
MOST_TIMES = 12.0
# Flat, but for the file itself, which is held as bytes and as text: 20 MiB of 100,000 lines.
MOST_MEMORY_TIMES = 1.25
# Of a hundred messages: the reference, it among words, it misspelt, other words, nothing.
MESSAGES = (10, 5, 5, 50, 30)
BATCH = 2_000
HEADER = (
    '"Account Type","Account Number","Transaction Date","Cheque Number","Description 1",'
    '"Description 2","CAD$","USD$"\n'
)


def run(ground: Ground) -> Iterator[table.Line]:
    sizes = (LESS // 20, LESS // 2) if ground.quick else (LESS, MORE)
    less, more = (measure(ground, size) for size in sizes)
    what = f"CPU of importing and matching {sizes[1]:,} lines, against {sizes[0]:,}"
    yield table.at_most(what, more["cpu"], less["cpu"], MOST_TIMES, table.seconds)
    for size, figures in zip(sizes, (less, more), strict=True):
        rate = size / figures["cpu"]
        yield table.Line(
            f"lines kept, matched and booked a second, {size:,}", table.per_second(rate)
        )
    yield table.at_most(
        f"peak memory, {sizes[1]:,} lines against {sizes[0]:,}",
        more["peak"] / 2**20,
        less["peak"] / 2**20,
        MOST_MEMORY_TIMES,
        table.mebibytes,
    )


def measure(ground: Ground, count: int) -> dict[str, Any]:
    """One import in a process of its own: CPU seconds, peak bytes and what was booked."""
    name = f"statements{count}"
    url = ground.make_database("sqlite", name)
    file = ground.folder / f"{name}.csv"
    gifts = list(make_gifts(random.Random(count), count))
    with opened(url) as database:
        add_gifts(database, gifts)
    write_file(file, make_entries(random.Random(count), gifts, MESSAGES))
    done = subprocess.run(
        [sys.executable, "-m", __name__, url, str(file)], capture_output=True, text=True, check=True
    )
    ground.drop_database("sqlite", name)
    file.unlink()
    figures: dict[str, Any] = json.loads(done.stdout)
    assert figures["lines"] == count
    assert figures["automatic"] > count / 8, figures
    return figures


def add_gifts(database: Database, gifts: list[OpenGift]) -> None:
    for start in range(0, len(gifts), BATCH):
        rows = [gift_row(gift) for gift in gifts[start : start + BATCH]]
        with database.write() as session:
            session.execute(sa.insert(Gift), rows)


def gift_row(gift: OpenGift) -> dict[str, Any]:
    first, _, last = gift.name.partition(" ")
    return {
        "id": gift.gift_id,
        "token": f"bench-{gift.gift_id}",
        "reference": gift.reference,
        "region": "ca",
        "fund": "general",
        "mode": "interac",
        "frequency": "once",
        "amount_minor": gift.money.minor,
        "currency": gift.money.currency,
        "first_name": first,
        "last_name": last,
        "email": gift.email,
        "search_name": fold_name(first, last),
        "locale": "en_CA",
        "status": Status.PENDING,
        "created_at": datetime.combine(gift.created_on, day_time(12), UTC),
    }


def write_file(path: Path, entries: Iterator[StatementEntry]) -> None:
    with path.open("w") as file:
        file.write(HEADER)
        for entry in entries:
            day = entry.booked_on
            file.write(
                f"Chequing,00012-0012345,{day.month}/{day.day}/{day.year},,"
                f'"E-TRANSFER - AUTODEPOSIT {entry.payer_name}","{entry.message}",'
                f"{entry.money.plain()},,\n"
            )


def peak_bytes() -> int:
    """The most memory this process ever held; `getrusage` would tell its parent's as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def import_one(url: str, path: Path) -> dict[str, Any]:
    from portal.payments.statements.formats.reading import read_statement  # noqa: PLC0415
    from portal.payments.statements.match_run import match_open_lines  # noqa: PLC0415
    from portal.payments.statements.operations import import_statement  # noqa: PLC0415

    place = make_workplace(url, None)
    started, cpu = time.perf_counter(), time.process_time()
    content = path.read_bytes()
    document = read_statement(content, filename=path.name)
    now = datetime.now(UTC)
    imported = import_statement(
        at(place.services, now), document, content, filename=path.name, by="system"
    )
    kept = time.process_time()
    del document
    worked = match_open_lines(at(place.services, now))
    figures = {
        "lines": imported.new,
        "automatic": worked.automatic,
        "suggested": worked.suggested,
        "cpu": time.process_time() - cpu,
        "cpu_import": kept - cpu,
        "wall": time.perf_counter() - started,
        "peak": peak_bytes(),
    }
    place.close()
    return figures


if __name__ == "__main__":
    log_to_nowhere()
    sys.stdout.write(json.dumps(import_one(sys.argv[1], Path(sys.argv[2]))))
