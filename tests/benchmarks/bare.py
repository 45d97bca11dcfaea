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
Booking = list[Step]

# Rows that each of a card gift's events adds, and how they are found. `{gift}` is its number.
EVENT = "gift_id = {gift} AND type = '{kind}'"
OF_GIFT = "gift_id = {gift}"
LINKED = OF_GIFT + " AND stripe_id LIKE "
RECEIPT_JOB = "key = (SELECT 'send_receipt-' || id FROM receipts WHERE gift_id = {gift})"
FEE_JOB = "key = 'fetch_fee-' || '{transaction}' || ':' || {gift}"
ADDED: dict[str, tuple[tuple[str, str], ...]] = {
    "checkout.session.completed": (
        ("evidence", OF_GIFT),
        ("ledger_entries", OF_GIFT),
        ("gift_events", OF_GIFT + " AND kind <> 'started'"),
        ("receipts", OF_GIFT),
        # One a gift, and nobody folds them meanwhile.
        ("day_changes", "id = {gift}"),
        ("jobs", RECEIPT_JOB),
        ("stripe_links", LINKED + "'cs%'"),
        ("stripe_links", LINKED + "'pi%'"),
        ("stripe_events", EVENT),
    ),
    "payment_intent.succeeded": (("stripe_links", LINKED + "'ch%'"), ("stripe_events", EVENT)),
    "charge.updated": (("jobs", FEE_JOB), ("stripe_events", EVENT)),
}
# Rows the first of them changes, and the columns it changes in them.
CHANGED = {
    "gifts": (
        "id",
        ("status", "paid_minor", "refunded_minor", "received_at", "received_on"),
    ),
    "checkouts": ("gift_id", ("state",)),
}
SERIES = (
    "INSERT INTO receipt_series (issuer, year, series, last_number) VALUES ({0}, {0}, '', 1)"
    " ON CONFLICT (issuer, year, series) DO UPDATE SET last_number = receipt_series.last_number + 1"
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

    def read_bookings(self, gift_id: int, transaction: str) -> list[Booking]:
        """The statements, with their values, that leave what our bookings left, event by event."""
        first, *rest = (
            [
                step
                for name, where in added
                for step in self._added(name, where, kind, gift_id, transaction)
            ]
            for kind, added in ADDED.items()
        )
        return [[*first, *self._changed(gift_id), self._numbered(gift_id)], *rest]

    def _added(
        self, name: str, where: str, kind: str, gift_id: int, transaction: str
    ) -> Iterator[Step]:
        condition = where.format(gift=gift_id, kind=kind, transaction=transaction)
        found = self.source.execute(f"SELECT * FROM {name} WHERE {condition}")
        names = [column[0] for column in found.description]
        (row,) = found.fetchall()
        marks = ", ".join([self.sign] * len(names))
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

    def write(self, booking: Booking) -> None:
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

    def write(self, booking: Booking) -> None:
        """All sent at once, and answered at once."""
        with self.target.pipeline():
            super().write(booking)


BARE: dict[str, type[Bare]] = {"sqlite": BareSqlite, "postgresql": BarePostgres}
