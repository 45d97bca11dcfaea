"""Writing the rows of a booking with nothing but the database's driver."""

# ruff: noqa: S608 - the names in these statements are constants of this file

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg.types.json import set_json_loads

from tests.benchmarks.ground import bare_url

Step = tuple[str, Sequence[Any]]

# Rows a booking adds, and how they are found by the gift's number.
OF_GIFT = "gift_id = {gift}"
ADDED = {
    "stripe_events": OF_GIFT,
    "evidence": OF_GIFT,
    "ledger_entries": OF_GIFT,
    "gift_events": OF_GIFT + " AND kind <> 'started'",
    "stripe_links": OF_GIFT,
    "receipts": OF_GIFT,
    "jobs": "key = {job}",
}
JOB = "(SELECT 'send_receipt-' || id FROM receipts WHERE gift_id = {gift})"
# Rows a booking changes, and the columns it changes in them.
CHANGED = {
    "gifts": ("id", ("status", "refunded_minor", "received_at")),
    "checkouts": ("gift_id", ("state",)),
}
SERIES = (
    "INSERT INTO receipt_series (issuer, year, last_number) VALUES ({0}, {0}, 1)"
    " ON CONFLICT (issuer, year) DO UPDATE SET last_number = receipt_series.last_number + 1"
    " RETURNING last_number"
)


class Bare(ABC):
    """Reads bookings from one database and writes them into another."""

    sign: str
    begin: str

    def __init__(self, source: str, target: str) -> None:
        self.source = self.connect(source)
        self.target = self.connect(target)

    @abstractmethod
    def connect(self, url: str) -> Any: ...

    def read_booking(self, gift_id: int) -> list[Step]:
        """The statements, with their values, that leave what our booking left."""
        steps = [*self._added(gift_id), *self._changed(gift_id)]
        return [*steps, self._numbered(gift_id)]

    def _added(self, gift_id: int) -> Iterator[Step]:
        job = JOB.format(gift=gift_id)
        for name, where in ADDED.items():
            condition = where.format(gift=gift_id, job=job)
            found = self.source.execute(f"SELECT * FROM {name} WHERE {condition}")
            names = [column[0] for column in found.description]
            rows = found.fetchall()
            assert rows, f"a booking left nothing in {name}"
            marks = ", ".join([self.sign] * len(names))
            for row in rows:
                yield f"INSERT INTO {name} ({', '.join(names)}) VALUES ({marks})", row

    def _changed(self, gift_id: int) -> Iterator[Step]:
        for name, (key, columns) in CHANGED.items():
            row = self.source.execute(
                f"SELECT {', '.join(columns)} FROM {name} WHERE {key} = {gift_id}"
            ).fetchone()
            changes = ", ".join(f"{column} = {self.sign}" for column in columns)
            yield f"UPDATE {name} SET {changes} WHERE {key} = {self.sign}", (*row, gift_id)

    def _numbered(self, gift_id: int) -> Step:
        row = self.source.execute(
            f"SELECT issuer, year FROM receipts WHERE gift_id = {gift_id}"
        ).fetchone()
        return SERIES.format(self.sign), row

    def write(self, booking: list[Step]) -> None:
        """One transaction, durable once it returns."""
        execute = self.target.execute
        execute(self.begin)
        for statement, values in booking:
            execute(statement, values)
        execute("COMMIT")

    def close(self) -> None:
        self.source.close()
        self.target.close()


class BareSqlite(Bare):
    sign, begin = "?", "BEGIN IMMEDIATE"

    def connect(self, url: str) -> Any:
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection


class BarePostgres(Bare):
    sign, begin = "%s", "BEGIN"

    def connect(self, url: str) -> Any:
        connection = psycopg.connect(bare_url(url), autocommit=True)
        # Documents are read as they are written, so that they go in again unchanged.
        set_json_loads(lambda data: data if isinstance(data, str) else data.decode(), connection)
        return connection


BARE: dict[str, type[Bare]] = {"sqlite": BareSqlite, "postgresql": BarePostgres}
