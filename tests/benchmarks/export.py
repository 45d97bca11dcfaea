"""The export of all gifts as CSV, against the driver's own copy-out of the same columns.

PostgreSQL copies out by `COPY … TO STDOUT`; SQLite has nothing of the kind, so there the
driver's rows go straight to Python's CSV writer. Neither makes amounts readable, defuses
formulas or looks up receipts, as the export does.
"""

import csv
import io
import os
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import psycopg
from flask.testing import FlaskClient

from tests.benchmarks import table
from tests.benchmarks.ground import ENGINES, Ground, bare_url
from tests.benchmarks.serving import resident_mebibytes
from tests.benchmarks.team import seeded, signed_in

CHUNK = 2_000
COLUMNS = """reference, status, created_at, received_at, amount_minor, currency, refunded_minor,
    cover_minor, fee_minor, fee_currency, region, fund, code, partner, mode, frequency, first_name,
    last_name, email, anonymous, address_line1, address_line2, city, province, postal_code,
    country, dedication"""
SELECT = f"SELECT {COLUMNS} FROM gifts ORDER BY id"  # noqa: S608 - constants of this file
MOST_GROWTH = 24.0


def run(ground: Ground) -> Iterator[table.Line]:
    gifts = 10_000 if ground.quick else 1_000_000
    for engine in ENGINES:
        url = seeded(ground, engine, gifts)
        with signed_in(url) as client:
            yield from measure(
                f"export of {gifts:,} gifts, {ENGINES[engine]}",
                gifts,
                client,
                partial(COPY[engine], url),
            )


def measure(
    what: str, gifts: int, client: FlaskClient, copy_out: Callable[[], int]
) -> Iterator[table.Line]:
    ours, reference, growth = [], [], 0.0
    for _ in range(3):
        started = time.perf_counter()
        lines, grown = read_export(client)
        ours.append(time.perf_counter() - started)
        growth = max(growth, grown)
        assert lines == gifts + 1, lines
        started = time.perf_counter()
        assert copy_out() == gifts
        reference.append(time.perf_counter() - started)
    ours_rate, reference_rate = (
        gifts / statistics.median(ours),
        gifts / statistics.median(reference),
    )
    yield table.at_least(what, ours_rate, reference_rate, 0.5, table.per_second)
    yield table.below(f"memory of an {what}, growth", growth, MOST_GROWTH, table.mebibytes)


def read_export(client: FlaskClient) -> tuple[int, float]:
    """Lines of the file, read as it streams, and by how many MiB this process grew."""
    before = most = resident_mebibytes(os.getpid())
    lines = 0
    answer = client.get("/staff/gifts.csv")
    assert answer.status_code == 200
    for piece in answer.response:
        lines += piece.count(b"\n") if isinstance(piece, bytes) else piece.count("\n")
        most = max(most, resident_mebibytes(os.getpid()))
    answer.close()
    return lines, most - before


def copy_sqlite(url: str) -> int:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    rows = connection.execute(SELECT)
    count = 0
    while part := rows.fetchmany(CHUNK):
        text = io.StringIO()
        csv.writer(text).writerows(part)
        text.getvalue().encode()
        count += len(part)
    connection.close()
    return count


def copy_postgresql(url: str) -> int:
    count = 0
    statement = f"COPY ({SELECT}) TO STDOUT (FORMAT csv)"
    with (
        psycopg.connect(bare_url(url)) as connection,
        connection.cursor().copy(statement.encode()) as copy,
    ):
        for piece in copy:
            count += bytes(piece).count(b"\n")
    return count


COPY: dict[str, Callable[[str], int]] = {"sqlite": copy_sqlite, "postgresql": copy_postgresql}
