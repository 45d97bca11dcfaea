"""What a booking writes of the gift's own row: bytes of the database's log.

A gift's standing is changed as a booking does it, one durable transaction a gift; beside it the
same in a copy of the database whose wide table has the two indexes that once held it, and
no narrow table. PostgreSQL's log is counted without whole pages, which it writes once after each
checkpoint, whatever changes on them; SQLite's is of whole pages.
"""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import sqlalchemy as sa

from portal.gifts.models import Gift
from tests.benchmarks import table
from tests.benchmarks.ground import ENGINES, Ground, bare_url, opened

GIFTS, BOOKED = 20_000, 500
DROPPED = ("insert", "delete", "update_0", "update_1")
FORMER = (
    "CREATE INDEX former_status ON gifts (status, created_at, id)",
    "CREATE INDEX former_received ON gifts (currency, received_on, paid_minor)",
)
BOOK = (
    "UPDATE gifts SET status = 'paid', paid_minor = 7553, refunded_minor = 0,"
    " received_at = {moment}, received_on = {day} WHERE id = {gift}"
)
MOMENT, DAY = "'2026-11-27 12:00:00.000000'", "'2026-11-27'"


def run(ground: Ground) -> Iterator[table.Line]:
    for engine, name in ENGINES.items():
        url = ground.make_database(engine, "rows")
        promise_gifts(url)
        former = ground.copy_database(engine, "rows", "rows_former")
        ours, before = LOGGED[engine](ground, url, False), LOGGED[engine](ground, former, True)
        yield table.Line(
            f"log of a gift's change by a booking, {name}",
            table.bytes_of(ours),
            table.bytes_of(before),
            ours / before,
        )


def promise_gifts(url: str) -> None:
    rows = [
        {
            "token": f"token-of-gift-{number:08d}",
            "reference": f"G{number:07d}",
            "region": "ca",
            "fund": "partnership",
            "code": "LWCAN",
            "partner": "loveworld-canada",
            "mode": "card",
            "frequency": "once",
            "amount_minor": 7553,
            "currency": "CAD",
            "first_name": "Adaeze",
            "last_name": "O’Brien-Tremblay",
            "email": f"donor{number}@example.org",
            "search_name": "o'brien-tremblay adaeze",
            "given_name": "adaeze",
            "address_line1": "12 Rue de l’Église",
            "city": "Québec",
            "province": "QC",
            "postal_code": "G1R 4S9",
            "country": "CA",
            "created_at": datetime.now(UTC),
        }
        for number in range(1, GIFTS + 1)
    ]
    with opened(url) as database, database.write() as session:
        session.execute(sa.insert(Gift), rows)


def _statements() -> Iterator[str]:
    """The newest gifts' bookings: those that were started last are paid next."""
    for gift in range(GIFTS - BOOKED + 1, GIFTS + 1):
        yield BOOK.format(moment=MOMENT, day=DAY, gift=gift)


def log_postgresql(ground: Ground, url: str, is_former: bool) -> float:
    ground.postgres.run("ALTER SYSTEM SET full_page_writes = off")
    ground.postgres.run("SELECT pg_reload_conf()")
    try:
        with psycopg.connect(bare_url(url), autocommit=True) as connection:
            if is_former:
                for end in DROPPED:
                    connection.execute(f"DROP TRIGGER gift_standing_{end} ON gifts".encode())
                for statement in FORMER:
                    connection.execute(statement.encode())
            connection.execute("VACUUM ANALYZE gifts")
            at = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
            for statement in _statements():
                connection.execute(statement.encode())
            written = connection.execute(
                "SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", at
            ).fetchone()
    finally:
        ground.postgres.run("ALTER SYSTEM RESET full_page_writes")
        ground.postgres.run("SELECT pg_reload_conf()")
    assert written is not None
    return float(written[0]) / BOOKED


def log_sqlite(_ground: Ground, url: str, is_former: bool) -> float:
    path = Path(url.removeprefix("sqlite:///"))
    connection = sqlite3.connect(path, isolation_level=None)
    if is_former:
        for end in DROPPED:
            connection.execute(f"DROP TRIGGER gift_standing_{end}")
        for statement in FORMER:
            connection.execute(statement)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    for statement in _statements():
        connection.execute(statement)
    written = path.with_name(path.name + "-wal").stat().st_size
    connection.close()
    return written / BOOKED


LOGGED: dict[str, Callable[[Ground, str, bool], float]] = {
    "sqlite": log_sqlite,
    "postgresql": log_postgresql,
}
