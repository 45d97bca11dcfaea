"""Jobs have a table of our own; what still waits comes over from the library that kept them.

A new table; on PostgreSQL nothing is locked but it. What waited, ran or gave up becomes a job of
the same name, and is called off in the former tables, which otherwise stay as they are: a worker
of before finds nothing to do twice, and the way back is open. They may be dropped later.

Revision ID: 20261127_jobs
Revises: 20261127_former_regions
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_jobs"
down_revision = "20261127_former_regions"
branch_labels = None
depends_on = None

TABLE = "jobs"
SCHEMA = {"sqlite": None, "postgresql": "dbos"}
# What gave up and was taken up again by a person is another row.
OPEN = """
SELECT s.workflow_uuid, s.name, s.status, s.created_at, s.delay_until_epoch_ms, i.inputs
FROM {schema}workflow_status s JOIN {schema}workflow_input i ON i.workflow_uuid = s.workflow_uuid
WHERE s.queue_name = 'portal' AND s.status NOT IN ('SUCCESS', 'CANCELLED')
AND NOT s.was_forked_from ORDER BY s.created_at, s.workflow_uuid
"""
CALLED_OFF = "UPDATE {schema}workflow_status SET status = 'CANCELLED' WHERE workflow_uuid = :id"
FORGOTTEN = "DELETE FROM {schema}workflow_{table} WHERE workflow_uuid = :id"
PROMISED = """
INSERT INTO {schema}workflow_status (workflow_uuid, status, name, created_at, updated_at,
application_version, queue_name, priority, serialization, delay_until_epoch_ms)
VALUES (:id, :status, :name, :at, :at, 'portal', 'portal', 0, 'portable_json', :due)
"""
ASKED = "INSERT INTO {schema}workflow_input (workflow_uuid, inputs) VALUES (:id, :inputs)"
GAVE_UP = {"ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"}
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    table = op.create_table(
        TABLE,
        sa.Column("id", big_id, nullable=False),
        sa.Column("key", sa.String(250), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("given", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("promised_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("worker", sa.String(80), nullable=False),
        sa.Column("problem", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("key", name="uq_jobs_key"),
    )
    is_open = sa.text("status <> 'done'")
    op.create_index(
        "ix_jobs_open",
        TABLE,
        ["status", "due_at"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    former = _former(op.get_bind())
    if former is not None:
        _bring_over(op.get_bind(), table, former)


def _former(connection: sa.Connection) -> str | None:
    """What the names of the former tables begin with; None where there are none."""
    schema = SCHEMA[connection.dialect.name]
    if not sa.inspect(connection).has_table("workflow_status", schema=schema):
        return None
    return f"{schema}." if schema else ""


def _bring_over(connection: sa.Connection, table: sa.Table, former: str) -> None:
    known: set[str] = set()
    for old in connection.execute(sa.text(OPEN.format(schema=former))).all():
        given, attempt = json.loads(old.inputs)["positionalArgs"]
        parts = given.values() if isinstance(given, dict) else [given]
        key = f"{old.name}-{':'.join(map(str, parts))}"
        if old.workflow_uuid.startswith(f"{old.name}-"):
            key = old.workflow_uuid.rpartition("~")[0] or old.workflow_uuid
        if key not in known:
            known.add(key)
            row = _row(old) | {"key": key, "given": given, "attempt": attempt}
            connection.execute(sa.insert(table), row)
        connection.execute(sa.text(CALLED_OFF.format(schema=former)), {"id": old.workflow_uuid})


def _row(old: Any) -> dict[str, object]:
    has_failed = old.status in GAVE_UP
    at = _moment(old.created_at)
    return {
        "name": old.name,
        "status": "failed" if has_failed else "waiting",
        "promised_at": at,
        "due_at": _moment(old.delay_until_epoch_ms) if old.delay_until_epoch_ms else at,
        "ended_at": at if has_failed else None,
        "worker": "",
        "problem": "",
    }


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def downgrade() -> None:
    """What waits goes back; where the former tables never were, nothing may wait."""
    connection = op.get_bind()
    former = _former(connection)
    waiting = list(_list_open(connection))
    if waiting and former is None:
        raise RuntimeError("jobs still wait: let the worker finish them first")
    for one in waiting:
        _promise_again(connection, str(former), one)
    op.drop_table(TABLE)


def _list_open(connection: sa.Connection) -> Iterator[Any]:
    names = ("key", "name", "status", "attempt")
    jobs = sa.table(
        TABLE, *map(sa.column, names), sa.column("due_at", MOMENT), sa.column("given", sa.JSON)
    )
    yield from connection.execute(sa.select(*jobs.c).where(jobs.c.status != "done"))


def _promise_again(connection: sa.Connection, former: str, job: Any) -> None:
    for table in ("status", "input"):
        statement = FORGOTTEN.format(schema=former, table=table)
        connection.execute(sa.text(statement), {"id": job.key})
    due = job.due_at.replace(tzinfo=UTC).timestamp() * 1000
    values = {
        "id": job.key,
        "name": job.name,
        "status": "DELAYED",
        "at": int(due),
        "due": int(due),
        "inputs": json.dumps({"namedArgs": {}, "positionalArgs": [job.given, job.attempt]}),
    }
    for statement in (PROMISED, ASKED):
        connection.execute(sa.text(statement.format(schema=former)), values)
