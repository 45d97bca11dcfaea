"""Ten million gifts in minutes: a hundred thousand seeded ones, copied within PostgreSQL.

Each copy has ids, tokens and keys of its own; all else repeats. Indexes, foreign keys and
triggers are taken off meanwhile and laid again at the end, which is most of the work.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import click
import psycopg
from psycopg import sql

from portal.commands.seed import reference_of
from tests.benchmarks.ground import bare_url

# In the order that they are filled; what a copy has of its own, by column. `n` is the number of
# the copy; gifts and evidence are numbered from one without a gap.
OWN = {
    "gifts": {
        "id": "o.id + n * {gifts}",
        "token": "o.token || '-' || n",
        "reference": "(SELECT reference FROM copied_references r WHERE r.id = o.id + n * {gifts})",
    },
    "gift_standing": {"gift_id": "o.gift_id + n * {gifts}"},
    "gift_words": {"gift_id": "o.gift_id + n * {gifts}"},
    "code_uses": {"gift_id": "o.gift_id + n * {gifts}"},
    "evidence": {
        "id": "o.id + n * {evidence}",
        "key": "o.key || '-' || n",
        "subject": "o.subject || '-' || n",
        "gift_id": "o.gift_id + n * {gifts}",
    },
    "ledger_entries": {
        "id": "o.id + n * {ledger_entries}",
        "key": "o.key || '-' || n",
        "gift_id": "o.gift_id + n * {gifts}",
        "evidence_id": "o.evidence_id + n * {evidence}",
    },
    "gift_events": {
        "id": "o.id + n * {gift_events}",
        "gift_id": "o.gift_id + n * {gifts}",
        "evidence_id": "o.evidence_id + n * {evidence}",
    },
}
NUMBERED = ("gifts", "evidence", "ledger_entries", "gift_events")


def multiply(url: str, times: int) -> None:
    """So many times the gifts that a seeded PostgreSQL database holds, with what follows them."""
    with psycopg.connect(bare_url(url), autocommit=True) as connection:
        for setting in ("maintenance_work_mem = '1GB'", "synchronous_commit = off"):
            connection.execute(f"SET {setting}".encode())
        # A checkpoint a gigabyte would write most pages again and again.
        for setting in ("max_wal_size = '16GB'", "checkpoint_timeout = '30min'"):
            connection.execute(f"ALTER SYSTEM SET {setting}".encode())
        connection.execute(b"SELECT pg_reload_conf()")
        tables = [name for name in OWN if _exists(connection, name)]
        last = {name: _last_id(connection, name) for name in NUMBERED}
        _keep_references(connection, last["gifts"], times)
        with _stripped(connection, tables):
            for name in tables:
                click.echo(f"  {name}, {times} times …", err=True)
                connection.execute(_copy(connection, name, last, times))
        connection.execute(b"DROP TABLE copied_references")
        for name in NUMBERED:
            last_id = _last_id(connection, name)
            connection.execute("SELECT setval(%s, %s)", [f"{name}_id_seq", last_id])
        connection.execute(b"VACUUM (ANALYZE)")
        for setting in ("max_wal_size", "checkpoint_timeout"):
            connection.execute(f"ALTER SYSTEM RESET {setting}".encode())
        connection.execute(b"SELECT pg_reload_conf()")


def _exists(connection: psycopg.Connection, name: str) -> bool:
    return connection.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,)


def _last_id(connection: psycopg.Connection, name: str) -> int:
    asked = sql.SQL("SELECT max(id) FROM {}").format(sql.Identifier(name))
    (last,) = connection.execute(asked).fetchone() or (0,)
    return int(last)


def _keep_references(connection: psycopg.Connection, last: int, times: int) -> None:
    """The references of all copies, which a formula of the portal's makes."""
    connection.execute(b"CREATE UNLOGGED TABLE copied_references (id bigint, reference text)")
    with connection.cursor() as cursor, cursor.copy("COPY copied_references FROM STDIN") as copy:
        for number in range(last + 1, last * times + 1):
            copy.write_row((number, reference_of(number)))
    connection.execute(b"ALTER TABLE copied_references ADD PRIMARY KEY (id)")
    connection.execute(b"ANALYZE copied_references")


def _copy(
    connection: psycopg.Connection, name: str, last: dict[str, int], times: int
) -> sql.Composable:
    """The statement that adds a table's copies."""
    asked = "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
    columns = [row[0] for row in connection.execute(asked, [name])]
    own = {column: text.format(**last) for column, text in OWN[name].items()}
    values = [
        sql.SQL(own[one]) if one in own else sql.SQL("o.{}").format(sql.Identifier(one))
        for one in columns
    ]
    return sql.SQL(
        "INSERT INTO {table} ({columns})"
        " SELECT {values} FROM {table} o, generate_series(1, {last}) n"
    ).format(
        table=sql.Identifier(name),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(values),
        last=sql.Literal(times - 1),
    )


@contextmanager
def _stripped(connection: psycopg.Connection, tables: list[str]) -> Iterator[None]:
    """The tables without what would be looked at for each row; foreign keys of others, too."""
    given = [tables]
    keys = connection.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype"
        " FROM pg_constraint WHERE contype IN ('p', 'u', 'f') AND ("
        " conrelid::regclass::text = ANY(%s) OR confrelid::regclass::text = ANY(%s))"
        " ORDER BY contype <> 'f'",
        given * 2,
    ).fetchall()
    indexes = connection.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index i"
        " WHERE indrelid::regclass::text = ANY(%s) AND NOT EXISTS"
        " (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
        given,
    ).fetchall()
    for table, name, _, _ in keys:
        connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'.encode())
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}".encode())
    for table in tables:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
    yield
    for _, text in indexes:
        click.echo(f"  {text.partition(' USING ')[0]} …", err=True)
        connection.execute(text.encode())
    for table, name, text, _ in reversed(keys):
        click.echo(f"  {name} …", err=True)
        connection.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {text}'.encode())
    for table in tables:
        connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())
