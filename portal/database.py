"""The database: SQLite embedded or PostgreSQL, chosen by one setting, used in one way.

`Database.write()` is one transaction that may change things; `Database.read()` one that
only looks. On SQLite writers begin IMMEDIATE and queue at a file lock, because SQLite's
own busy-wait is unfair and deferred transactions lose updates.
"""

import contextlib
import fcntl
import select
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import IO, Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import (
    DeclarativeBase,
    MappedColumn,
    Session,
    mapped_column,
    sessionmaker,
)
from sqlalchemy.types import TypeDecorator

from portal.transaction import looking, working

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Document = dict[str, Any]
POOL_SIZE = 16
BEGIN_WRITING = "BEGIN IMMEDIATE"


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite keeps it without an offset, so that it sorts as text."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


JSONDocument = sa.JSON().with_variant(JSONB(), "postgresql")
# SQLite counts rows by itself only in a column that is exactly INTEGER.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Base(DeclarativeBase):
    """All tables; `datetime` is UTC and `Document` is JSON, on both engines."""

    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UTCDateTime(), Document: JSONDocument}  # noqa: RUF012 - SQLAlchemy's own way


def by_prefix(length: int) -> sa.String:
    """Text that an index finds by its beginning: compared by character on both engines."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def enum_column(kind: type[StrEnum], length: int, **options: Any) -> MappedColumn[Any]:
    """A column that holds one of an enum's values as text: the one way to map one."""
    values = sa.Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=length,
        values_callable=lambda members: [member.value for member in members],
    )
    return mapped_column(values, **options)


def table_of(model: type[Base]) -> sa.Table:
    """A model's table, for statements that need no objects."""
    return cast(sa.Table, model.__table__)


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> sa.Index:
    """An index over the rows that fit a condition, the same on both engines."""
    fits = sa.text(where)
    return sa.Index(name, *columns, unique=unique, sqlite_where=fits, postgresql_where=fits)


def insert_statement(dialect: str, model: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An insert that may say what becomes of a row that is there already."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table_of(model))


@cache
def _insert_new(dialect: str, model: type[Base], returned: str) -> sa.Insert:
    insert = insert_statement(dialect, model).on_conflict_do_nothing()
    return insert.returning(table_of(model).c[returned])


def insert_new(session: Session, model: type[Base], *rows: Document) -> list[Any]:
    """Add rows, leaving alone those that are there; the keys of the new ones, in any order.

    The statement is made once a process and goes past the unit of work: on the path of
    every booking that is four times as quick.
    """
    returned = sa.inspect(model).primary_key[0].name
    statement = _insert_new(session.get_bind().dialect.name, model, returned)
    return list(session.scalars(statement, rows if len(rows) > 1 else rows[0]))


def _add_on(dialect: str, model: type[Base], counter: str) -> sqlite.Insert | postgresql.Insert:
    """An insert that adds to the column `counter` of a row that is there already."""
    table = table_of(model)
    insert = insert_statement(dialect, model)
    summed = table.c[counter] + insert.excluded[counter]
    return insert.on_conflict_do_update(index_elements=table.primary_key, set_={counter: summed})


def add_on(session: Session, model: type[Base], counter: str, *rows: Document) -> None:
    """Add rows; where there is one of that key, add to its column `counter` instead."""
    session.execute(_add_on(session.get_bind().dialect.name, model, counter), list(rows))


# What the triggers say that close a database for good, once it was moved elsewhere.
MOVED = "this database was moved"


class DatabaseUnavailable(Exception):
    """The database can't take a write now: locked, full or away. Nothing was half-written."""


@cache
def _engines(url: sa.URL, pool_size: int) -> tuple[sa.Engine, sa.Engine]:
    """The engine for writing and the one for reading: one pair of an address in a process.

    They keep what statements were compiled to, also when their connections are given back.
    """
    # An error's text goes to the log, where no value of a row belongs.
    options: dict[str, Any] = {"hide_parameters": True}
    if url.get_backend_name() != "sqlite":
        engine = sa.create_engine(url, **options, pool_size=pool_size)
        sa.event.listen(engine, "connect", _configure_postgres)
        sa.event.listen(engine, "checkin", _note_rest)
        sa.event.listen(engine, "checkout", partial(_refuse_dead, engine.dialect))
        return engine, engine
    engines = sa.create_engine(url, **options), sa.create_engine(url, **options)
    for engine, begin in zip(engines, (BEGIN_WRITING, "BEGIN"), strict=True):
        sa.event.listen(engine, "connect", _configure_sqlite)
        sa.event.listen(engine, "begin", _beginner(begin))
    return engines


class Database:
    """One engine for writing, one for reading, and the sessions on them."""

    def __init__(self, url: str, *, pool_size: int = POOL_SIZE) -> None:
        self.url = sa.make_url(_with_driver(url))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.writer, self.reader = _engines(self.url, 0 if self.is_sqlite else pool_size)
        self._lock_path: Path | None = None
        if self.is_sqlite:
            path = Path(self.url.database or "")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_path = path.with_name(path.name + ".lock")
        self._begin = BEGIN_WRITING if self.is_sqlite else ""
        self._read = sessionmaker(self.reader, expire_on_commit=False)

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction: committed at the end of the block, undone by any exception."""
        try:
            with self._turn(), working(self.writer, self._begin) as session:
                yield session
        except sa.exc.OperationalError as error:
            raise DatabaseUnavailable("the database can't take a write now") from error
        except sa.exc.IntegrityError as error:
            if MOVED not in str(error.orig):
                raise
            raise DatabaseUnavailable(MOVED) from error

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only looks."""
        try:
            with self._read() as session:
                yield session
        except sa.exc.OperationalError as error:
            raise DatabaseUnavailable("the database can't be read now") from error

    @contextlib.contextmanager
    def look(self) -> Iterator[Session]:
        """The same for pages: without a unit of work until one is asked for, and no stream of rows.

        On PostgreSQL it spares the round trips of a beginning and an end.
        """
        try:
            with looking(self.reader, "BEGIN" if self.is_sqlite else "") as session:
                yield session
        except sa.exc.OperationalError as error:
            raise DatabaseUnavailable("the database can't be read now") from error

    def fetch_one(self, statement: sa.Select[Any], asked: Document) -> sa.Row[Any] | None:
        """The one row of a statement, if there is one, without a unit of work: half the cost."""
        try:
            with self.reader.connect() as connection:
                return connection.execute(statement, asked).one_or_none()
        except sa.exc.OperationalError as error:
            raise DatabaseUnavailable("the database can't be read now") from error

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Writers of all processes on this SQLite file one after another, in order."""
        if self._lock_path is None:
            yield
            return
        with _open_lock(self._lock_path) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def close(self) -> None:
        self.writer.dispose()
        self.reader.dispose()


def _open_lock(path: Path) -> IO[bytes]:
    try:
        return path.open("ab")
    except OSError as error:
        raise DatabaseUnavailable("the database's folder can't be written") from error


# A connection that rested for longer is asked whether it is still there.
REST_SECONDS = 30.0
RESTS_SINCE = "rests_since"


def _note_rest(_driver: object, record: Any) -> None:
    record.info[RESTS_SINCE] = time.monotonic()


def _refuse_dead(dialect: sa.Dialect, driver: Any, record: Any, _proxy: object) -> None:
    """Have a connection made anew that its server closed.

    A socket that has something to say nobody asked for says so; asking each time would be a
    round trip for every transaction.
    """
    try:
        rested = time.monotonic() - record.info.get(RESTS_SINCE, time.monotonic())
        if rested > REST_SECONDS or _has_news(driver.fileno()):
            dialect.do_ping(driver)
    except dialect.loaded_dbapi.Error as error:
        raise sa.exc.DisconnectionError("the server closed it") from error


def _has_news(socket: int) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def _with_driver(url: str) -> str:
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        "busy_timeout = 30000",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


# Its planner takes an index's jump for four times as dear as reading on, as on turning disks, and
# with few gifts reads them all; and what it thinks is long it would compile first.
_PLANNING = "SELECT set_config('random_page_cost', '1.1', false), set_config('jit', 'off', false)"


def _configure_postgres(connection: Any, _record: object) -> None:
    connection.execute(_PLANNING)
    connection.commit()


def _beginner(statement: str) -> Any:
    def begin(connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        # A transaction that has no session at first is begun without one.
        if not driver.in_transaction:
            connection.exec_driver_sql(statement)

    return begin
