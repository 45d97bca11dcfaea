"""`portal db move URL`: an installation that outgrew SQLite goes on with PostgreSQL.

First each table is copied while the site is open. Then writers are held off, what changed
meanwhile is brought after, tables are counted and the books proven; only then the old database is
closed for good, so that no process that still stands on it can book a gift there. Every step makes
a table equal to its source, so that a move that broke off goes on where it was, and nothing is
lost or doubled however often it runs.

pgloader, the known tool for this, knows nothing of a site that is open, nor of our triggers.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import click
import sqlalchemy as sa

import portal.schema  # noqa: F401 - the tables register themselves
from portal import schema
from portal.database import MOVED, Base, Database
from portal.payments.books import prove
from portal.settings import load_settings

# Rows that are read, compared and written at once.
CHUNK = 2_000
# Rows are only ever added to these (a guard sees to it), in the order of their numbers.
ONLY_GROWING = {"audit_entries", "evidence", "gift_events", "ledger_entries", "pot_entries"}
Key = tuple[Any, ...]


class MoveFailed(click.ClickException):
    """One sentence for the operator; the old database is open as before."""


def move(url: str) -> None:
    """Move all that `PORTAL_DATABASE_URL` holds into the PostgreSQL database `url`, and say so.

    Raises `MoveFailed`.
    """
    settings = load_settings()
    source, target = Database(settings.database_url), Database(url)
    _check(source, target)
    with target.writer.connect() as connection:
        set_triggers(connection, is_on=False)
        click.echo("Copying while the site is open …", err=True)
        with source.reader.connect() as old:
            bring(old, connection)
        click.echo("Bringing after what changed; donors wait …", err=True)
        with source.write() as session:
            old = session.connection()
            bring(old, connection)
            counted = _count_alike(old, connection)
            _count_on(connection)
            set_triggers(connection, is_on=True)
            _prove(target)
            _close(old)
    for table, rows in counted.items():
        click.echo(f"{table}: {rows:,}")
    click.echo("Moved, and the books add up. Now set these, and start web and worker again:")
    click.echo("PORTAL_DATABASE_URL to the new database")
    click.echo(f"PORTAL_UPLOADS={settings.uploads_path.resolve()}")


def _check(source: Database, target: Database) -> None:
    if not source.is_sqlite or target.is_sqlite:
        raise MoveFailed("The move is from SQLite (PORTAL_DATABASE_URL) to a postgresql:// URL.")
    try:
        schema.upgrade(target)
    except sa.exc.OperationalError as error:
        raise MoveFailed(f"The new database can't be reached ({type(error).__name__}).") from None
    if not schema.is_current(source):
        raise MoveFailed("The old database is of another release: portal db upgrade it first.")
    with source.reader.connect() as old, target.reader.connect() as new:
        if _is_closed(old):
            raise MoveFailed("The old database was moved before, and takes nothing more.")
        if new.scalar(sa.text("SELECT count(*) FROM gifts")) and not _is_under_way(new):
            raise MoveFailed("The new database holds gifts already; move into an empty one.")


def _is_closed(old: sa.Connection) -> bool:
    asked = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'moved_%'"
    return bool(old.scalar(sa.text(asked)))


def _is_under_way(new: sa.Connection) -> bool:
    """Whether a move into it was begun: its triggers are off until one ends well."""
    asked = (
        "SELECT count(*) FROM pg_trigger"
        " WHERE tgrelid = 'gifts'::regclass AND NOT tgisinternal AND tgenabled = 'D'"
    )
    return bool(new.scalar(sa.text(asked)))


def set_triggers(new: sa.Connection, *, is_on: bool) -> None:
    """What triggers make of rows comes from the source too, as rows."""
    for table in _tables():
        verb = "ENABLE" if is_on else "DISABLE"
        new.execute(sa.text(f"ALTER TABLE {table.name} {verb} TRIGGER USER"))
    new.commit()


def _tables() -> Sequence[sa.Table]:
    return Base.metadata.sorted_tables


def bring(old: sa.Connection, new: sa.Connection) -> None:
    """Make every table of the new database equal to the old one's.

    What is gone goes first, and children before parents, as keys that were freed may be used anew.
    """
    for table in reversed(_tables()):
        if table.name not in ONLY_GROWING:
            _take_out(table, old, new)
    for table in _tables():
        start = _last_key(table, new) if table.name in ONLY_GROWING else None
        for rows in _walk(table, sa.select(table), old, start):
            _put_in(table, rows, new)
            new.commit()


def _take_out(table: sa.Table, old: sa.Connection, new: sa.Connection) -> None:
    """Delete what the old table hasn't."""
    keys = sa.select(*table.primary_key)
    for rows in _walk(table, keys, new):
        kept = {tuple(row) for row in old.execute(keys.where(_is_one_of(table, rows)))}
        gone = [_named(table, row) for row in rows if tuple(row) not in kept]
        if gone:
            new.execute(sa.delete(table).where(*_is_row(table)), gone)
            new.commit()


def _put_in(table: sa.Table, rows: Sequence[sa.Row[Any]], new: sa.Connection) -> None:
    """Insert what isn't there, and put right what differs."""
    found = new.execute(sa.select(table).where(_is_one_of(table, [_key(table, r) for r in rows])))
    there = {_key(table, row): tuple(row) for row in found}
    fresh = [row._asdict() for row in rows if _key(table, row) not in there]
    if fresh:
        new.execute(table.insert(), fresh)
    changed = [
        row._asdict() | _named(table, _key(table, row))
        for row in rows
        if there.get(_key(table, row), tuple(row)) != tuple(row)
    ]
    if changed:
        values: dict[str, Any] = {
            column.name: sa.bindparam(column.name) for column in table.columns
        }
        new.execute(sa.update(table).where(*_is_row(table)).values(values), changed)


def _walk(
    table: sa.Table, asked: sa.Select[Any], connection: sa.Connection, start: Key | None = None
) -> Iterator[Sequence[sa.Row[Any]]]:
    """Rows in the order of their key, so many at once, as they stand when they are read."""
    key = [*table.primary_key]
    page = asked.order_by(*key).limit(CHUNK)
    while rows := connection.execute(
        page if start is None else page.where(sa.tuple_(*key) > sa.tuple_(*_bound(key, start)))
    ).all():
        yield rows
        start = _key(table, rows[-1])


def _last_key(table: sa.Table, new: sa.Connection) -> Key | None:
    (last,) = new.execute(sa.select(sa.func.max(*table.primary_key))).one()
    return None if last is None else (last,)


def _key(table: sa.Table, row: sa.Row[Any]) -> Key:
    return tuple(row._mapping[column.name] for column in table.primary_key)


def _bound(key: Sequence[sa.Column[Any]], values: Key) -> list[sa.BindParameter[Any]]:
    return [
        sa.bindparam(None, value, type_=column.type)
        for column, value in zip(key, values, strict=True)
    ]


def _named(table: sa.Table, key: Sequence[Any]) -> dict[str, Any]:
    """A key as what `_is_row` is given."""
    names = [f"key_{column.name}" for column in table.primary_key]
    return dict(zip(names, key, strict=True))


def _is_row(table: sa.Table) -> list[sa.ColumnElement[bool]]:
    return [column == sa.bindparam(f"key_{column.name}") for column in table.primary_key]


def _as_given(table: sa.Table) -> dict[str, Any]:
    return {column.name: sa.bindparam(column.name) for column in table.columns}


def _is_one_of(table: sa.Table, keys: Sequence[Sequence[Any]]) -> sa.ColumnElement[bool]:
    first, *more = table.primary_key
    if not more:
        return first.in_([key[0] for key in keys])
    return sa.tuple_(first, *more).in_([tuple(key) for key in keys])


def _count_alike(old: sa.Connection, new: sa.Connection) -> dict[str, int]:
    """How many rows each table has, on both sides."""
    counted = {}
    for table in _tables():
        asked = sa.select(sa.func.count()).select_from(table)
        counted[table.name], found = (side.scalar(asked) or 0 for side in (old, new))
        if counted[table.name] != found:
            raise MoveFailed(
                f"{table.name} has {counted[table.name]} rows in the old database and {found} in"
                " the new one. Nothing was closed; run the move again."
            )
    return counted


def _count_on(new: sa.Connection) -> None:
    """New rows are numbered from where the old database was."""
    for table in _tables():
        column = table.autoincrement_column
        sequence = column is not None and new.scalar(
            sa.select(sa.func.pg_get_serial_sequence(table.name, column.name))
        )
        if column is not None and sequence:
            last = new.scalar(sa.select(sa.func.max(column)))
            new.execute(sa.select(sa.func.setval(sequence, last or 1, last is not None)))
    new.commit()


def _prove(target: Database) -> None:
    with target.read() as session:
        problems = prove(session)
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise MoveFailed("The books don't add up in the new database. Nothing was closed.")


def _close(old: sa.Connection) -> None:
    """The old database takes nothing more, from whatever process; it can still be read."""
    for table in _tables():
        for verb in ("INSERT", "UPDATE", "DELETE"):
            old.exec_driver_sql(
                f"CREATE TRIGGER moved_{table.name}_{verb.lower()} BEFORE {verb} ON {table.name}"
                f" BEGIN SELECT RAISE(ABORT, '{MOVED}'); END"
            )
