"""Everything the sandbox remembers, in one SQLite file.

One connection under one lock: a transaction is short, nothing waits while it is held, and
`changed` wakes whoever waits for something to happen (delivery workers, the pay page).
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

API_VERSION = "2026-10-28.endive"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SandboxRefused(ValueError):
    """The sandbox will not start this way; the message says what to do."""


def is_loopback(url: str) -> bool:
    """Whether a web address leads to this machine and nowhere else."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """Times are seconds.

    `webhook_wait` is how long the pay page waits for the webhook's answer, as Checkout
    does (Stripe: up to 10 s); `settle_after` is how long a charge stays without its
    balance transaction; `retry_after` are the pauses between delivery attempts. Events go to
    `webhook_url`, which may be listed as another where a proxy leads from that one to it.
    """

    port: int
    data: Path
    webhook_secret: str
    webhook_url: str | None = None
    webhook_listed_as: str = ""
    secret_key: str = "sk_test_sandbox"  # noqa: S105 - a sample that opens nothing but this sandbox
    host: str = "127.0.0.1"
    threads: int = 64
    webhook_wait: float = 3.0
    settle_after: int = 1
    retry_after: tuple[float, ...] = field(default=(1, 3, 10, 60, 600, 3600, 7200, *[14400] * 16))

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK:
            raise SandboxRefused(f"The sandbox listens on 127.0.0.1 only, not on {self.host}.")
        if not self.secret_key.startswith("sk_test_"):
            raise SandboxRefused("The sandbox's key must start with sk_test_, never a live key.")
        if self.webhook_url and not is_loopback(self.webhook_url):
            raise SandboxRefused("The sandbox sends webhooks to this machine only (127.0.0.1).")

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Json = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, object TEXT NOT NULL,
  created INTEGER NOT NULL, body TEXT NOT NULL, private TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (object, seq);
CREATE INDEX IF NOT EXISTS objects_by_payment_intent
  ON objects (object, json_extract(body, '$.payment_intent'));
CREATE TABLE IF NOT EXISTS tasks (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER NOT NULL, kind TEXT NOT NULL,
  object_id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS tasks_by_due ON tasks (due, seq);
CREATE TABLE IF NOT EXISTS deliveries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, endpoint_id TEXT NOT NULL,
  state TEXT NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  last_status INTEGER, last_note TEXT);
CREATE INDEX IF NOT EXISTS deliveries_by_state ON deliveries (state, due);
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event_id);
CREATE TABLE IF NOT EXISTS idempotency (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, created REAL NOT NULL,
  status INTEGER NOT NULL, body TEXT NOT NULL, request_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS requests (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, request_id TEXT NOT NULL,
  method TEXT NOT NULL, path TEXT NOT NULL, params TEXT NOT NULL, idempotency_key TEXT,
  status INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_TABLES = ("objects", "tasks", "deliveries", "idempotency", "requests", "state")
_OUTER = ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
_INNER = ("SAVEPOINT inner", "RELEASE inner", ("ROLLBACK TO inner", "RELEASE inner"))


class Store:
    """Rows in and out; knows nothing of Stripe."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._lock = threading.RLock()
        self._depth = 0
        self.changed = threading.Condition(self._lock)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, also for one inside another; what changed wakes the waiting."""
        with self._lock:
            begin, commit, rollback = _INNER if self._depth else _OUTER
            before = self._connection.total_changes
            self._connection.execute(begin)
            self._depth += 1
            try:
                yield
            except BaseException:
                for statement in rollback:
                    self._connection.execute(statement)
                raise
            else:
                self._connection.execute(commit)
            finally:
                self._depth -= 1
                if self._depth == 0 and self._connection.total_changes != before:
                    self.changed.notify_all()

    def execute(self, sql: str, *values: object) -> int:
        """Run one statement; answers how many rows it touched."""
        with self._lock:
            return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> sqlite3.Row | None:
        with self._lock:
            found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return found

    def state(self, key: str, default: Any = None) -> Any:
        """A remembered setting, such as how far the clock was moved."""
        found = self.row("SELECT value FROM state WHERE key = ?", key)
        return json.loads(found["value"]) if found else default

    def set_state(self, key: str, value: Any) -> None:
        self.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", key, json.dumps(value))

    def clear(self) -> None:
        """Forget everything, as on the first day."""
        with self.transaction():
            for table in _TABLES:
                self.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the list above

    def close(self) -> None:
        with self._lock:
            self._connection.close()
