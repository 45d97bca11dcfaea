"""The bell by which a waiting worker hears that there may be work.

On PostgreSQL a promise rings it by NOTIFY, at most a few times a second a process, since each
that is sent makes commits wait for one another; a worker looks some more times after its work,
so that it sees what was promised in between. On SQLite the worker's own connection says whether
anything was written (`PRAGMA data_version`), which asks neither lock nor disk. Where the bell
fails, a worker looks every two seconds all the same.
"""

import threading
import time
from contextlib import closing
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database
from portal.driver import ask
from portal.logs import get_logger

log = get_logger()

CHANNEL = "portal_jobs"
RING_EVERY_SECONDS = 0.25
LISTEN_SECONDS = 0.1
AWAY_SECONDS = 5.0
_RING = sa.select(sa.func.pg_notify(CHANNEL, ""))


class Ringer:
    """The end that promises."""

    def __init__(self, database: Database) -> None:
        self._is_needed = not database.is_sqlite
        self._rang_at = -RING_EVERY_SECONDS

    def ring(self, session: Session) -> None:
        """Wake workers once the caller's transaction is committed."""
        now = time.monotonic()
        if self._is_needed and now - self._rang_at >= RING_EVERY_SECONDS:
            self._rang_at = now
            ask(session, _RING)


class Bell:
    """The end that waits; it listens in a thread of its own while it is entered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._errors = (sa.exc.SQLAlchemyError, database.reader.dialect.loaded_dbapi.Error)
        self._rung = threading.Event()
        self._over = threading.Event()
        self._ear = threading.Thread(target=self._listen, name="bell", daemon=True)

    def __enter__(self) -> Self:
        self._ear.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._ear.join(AWAY_SECONDS)

    def ring(self) -> None:
        """Wake whoever waits in this process."""
        self._rung.set()

    def wait(self, seconds: float) -> bool:
        """Wait until it rings, at most so long; whether it rang since the last time."""
        has_rung = self._rung.wait(seconds)
        self._rung.clear()
        return has_rung

    def _listen(self) -> None:
        hear = self._hear_sqlite if self._database.is_sqlite else self._hear_postgres
        while not self._over.is_set():
            try:
                hear()
            except self._errors as error:
                log.warning("bell_away", why=type(error).__name__)
                self._over.wait(AWAY_SECONDS)

    def _hear_sqlite(self) -> None:
        """Ring whenever another connection wrote something."""
        connection = self._database.reader.raw_connection()
        with closing(connection):
            known = None
            while not self._over.wait(LISTEN_SECONDS):
                version = connection.cursor().execute("PRAGMA data_version").fetchone()
                if version != known:
                    known = version
                    self.ring()

    def _hear_postgres(self) -> None:
        connection = self._database.reader.raw_connection()
        driver: Any = connection.driver_connection
        connection.detach()
        with closing(connection):
            driver.autocommit = True
            driver.execute(f"LISTEN {CHANNEL}")
            # What was promised before is seen by a look.
            self.ring()
            while not self._over.is_set():
                for _ in driver.notifies(timeout=1.0, stop_after=1):
                    self.ring()
