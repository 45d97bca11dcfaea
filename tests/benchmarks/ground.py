"""What the benchmarks stand on: databases of both kinds and a quiet log."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from portal import schema
from portal.codes.operations import load_sample_codes
from portal.database import Database
from portal.logs import set_up_logging
from portal.regions.operations import load_region_files
from portal.settings import Settings, load_settings
from tests.conftest import PostgresServer
from tests.sandbox_process import KEY, SECRET

ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
# The name of what new databases are copied from.
BASE = "base"
APP_SECRET = "a secret that is only ever used by benchmarks, and long enough"


@dataclass
class Ground:
    """A folder to work in, whether to be quick, and a PostgreSQL server once one is wanted."""

    folder: Path
    quick: bool
    _server: list[PostgresServer] = field(default_factory=list)
    _bases: set[str] = field(default_factory=set)

    @property
    def postgres(self) -> PostgresServer:
        if not self._server:
            self._server.append(PostgresServer(self.folder / "pg", is_durable=True, is_kept=True))
        return self._server[0]

    def url(self, engine: str, name: str) -> str:
        """Where the database of this name is, or would be."""
        if engine == "sqlite":
            return f"sqlite:///{self.folder / name}.db"
        return self.postgres.url(name)

    def make_database(self, engine: str, name: str) -> str:
        """A new, migrated database with regions and sample codes, copied from one of this run."""
        if engine not in self._bases:
            self._make_base(engine, BASE)
            self._bases.add(engine)
        return self.copy_database(engine, BASE, name)

    def _make_base(self, engine: str, name: str) -> None:
        self.drop_database(engine, name)
        if engine == "postgresql":
            self.postgres.run(f"CREATE DATABASE {name}")
        with opened(self.url(engine, name)) as database:
            schema.upgrade(database)
            with database.write() as session:
                load_region_files(session, datetime.now(UTC))
                load_sample_codes(session, datetime.now(UTC))

    def copy_database(self, engine: str, source: str, name: str) -> str:
        """A copy of a database that nobody uses just now."""
        self.drop_database(engine, name)
        if engine == "sqlite":
            for end in ("", "-wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy(self.folder / f"{source}.db{end}", self.folder / f"{name}.db{end}")
        else:
            self.postgres.run(f"CREATE DATABASE {name} TEMPLATE {source}")
        return self.url(engine, name)

    def drop_database(self, engine: str, name: str) -> None:
        if engine == "postgresql":
            self.postgres.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        else:
            for path in self.folder.glob(f"{name}.db*"):
                path.unlink()

    def close(self) -> None:
        for server in self._server:
            with contextlib.suppress(Exception):
                server.server.cleanup()


@contextlib.contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def bare_url(url: str) -> str:
    """A PostgreSQL address as psycopg wants it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def check_durable(url: str) -> None:
    """PostgreSQL must wait for its disk, or its figures say nothing."""
    with psycopg.connect(bare_url(url)) as connection:
        for setting in ("fsync", "synchronous_commit"):
            row = connection.execute(f"SHOW {setting}".encode()).fetchone()
            assert row == ("on",), f"{setting} is {row}"


def make_settings(url: str, **more: Any) -> Settings:
    values = {
        "environment": "demo",
        "secret_key": APP_SECRET,
        "database_url": url,
        "base_url": "http://127.0.0.1:9",
        "stripe_secret_key": KEY,
        "stripe_webhook_secrets": SECRET,
        "stripe_api_base": "http://127.0.0.1:9",
    }
    return load_settings(**{**values, **more})


def make_environment(settings: Settings) -> dict[str, str]:
    """The same settings for a process of their own."""
    values = {
        "ENVIRONMENT": settings.environment,
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "DATABASE_URL": settings.database_url,
        "BASE_URL": settings.base_url,
        "STRIPE_SECRET_KEY": settings.stripe_secret_key.get_secret_value(),
        "STRIPE_WEBHOOK_SECRETS": SECRET,
        "STRIPE_API_BASE": settings.stripe_api_base,
        "THREADS": str(settings.threads),
        "WORKERS": str(settings.workers),
        "STRIPE_REQUESTS": str(settings.stripe_requests),
        "STRIPE_REQUESTS_BY_ENDPOINT": str(settings.stripe_requests_by_endpoint),
        "FREE_STARTS": str(settings.free_starts),
        "TRUSTED_PROXIES": str(settings.trusted_proxies),
    }
    # Installed, the product is compiled; in a checkout its first process sees to it, where it may.
    mine = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**mine, **{f"PORTAL_{name}": value for name, value in values.items()}}


def log_to_nowhere() -> None:
    """Log as in production, JSON lines and all, into the void."""
    # Not closed: the log keeps the file it is given here.
    nowhere = Path(os.devnull).open("w")  # noqa: SIM115
    with contextlib.redirect_stderr(nowhere):
        set_up_logging("json")
