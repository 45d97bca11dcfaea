"""Triggers that keep booked rows as they are, on both engines.

Takes a short exclusive lock on each guarded table.
Constraints can't forbid a change, so triggers do: whatever the code does, what was booked
stays. A migration that rebuilds one of these tables on SQLite must lay its triggers again.

Revision ID: 20261123_guards
Revises: 20261123_begin
"""

import sqlalchemy as sa
from alembic import op

revision = "20261123_guards"
down_revision = "20261123_begin"
branch_labels = None
depends_on = None

# Rows of these are only ever added.
APPEND_ONLY = ("evidence", "gift_events", "ledger_entries", "audit_entries", "receipt_documents")

# Columns of these never change, and their rows never go.
FROZEN = {
    "receipts": ("issuer", "year", "number", "gift_id", "snapshot", "locale", "reserved_at"),
    "stripe_events": ("stripe_event_id", "type", "livemode", "payload", "created_at"),
}

# Columns of a gift that never change once money was booked for it.
BOOKED_GIFT = ("amount_minor", "currency", "reference")


def _changed(columns: tuple[str, ...], dialect: str) -> str:
    """Whether one of the columns changes; JSON is compared as text."""
    differs = "IS NOT" if dialect == "sqlite" else "IS DISTINCT FROM"
    cast = "" if dialect == "sqlite" else "::text"
    return " OR ".join(f"OLD.{name}{cast} {differs} NEW.{name}{cast}" for name in columns)


def _rules(dialect: str) -> list[tuple[str, str, str, str]]:
    """Each guard: trigger name, table, operation, condition on OLD and NEW."""
    rules = []
    for table in APPEND_ONLY:
        rules.append((f"guard_{table}_update", table, "UPDATE", ""))
        rules.append((f"guard_{table}_delete", table, "DELETE", ""))
    for table, columns in FROZEN.items():
        rules.append((f"guard_{table}_update", table, "UPDATE", _changed(columns, dialect)))
        rules.append((f"guard_{table}_delete", table, "DELETE", ""))
    booked = "EXISTS (SELECT 1 FROM ledger_entries WHERE gift_id = OLD.id)"
    change = f"({_changed(BOOKED_GIFT, dialect)}) AND {booked}"
    rules.append(("guard_gifts_update", "gifts", "UPDATE", change))
    rules.append(("guard_gifts_delete", "gifts", "DELETE", booked))
    return rules


def _sqlite(name: str, table: str, operation: str, condition: str) -> str:
    when = f"WHEN {condition} " if condition else ""
    return (
        f"CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW {when}"
        f"BEGIN SELECT RAISE(ABORT, '{table} is booked and stays as it is'); END"
    )


def _postgresql(name: str, table: str, operation: str, condition: str) -> str:
    """The condition stands in the function: a WHEN clause may hold no subquery."""
    test = condition or "TRUE"
    result = "NEW" if operation == "UPDATE" else "OLD"
    return f"""
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF {test} THEN RAISE EXCEPTION '{table} is booked and stays as it is'; END IF;
      RETURN {result};
    END $$;
    CREATE TRIGGER {name} BEFORE {operation} ON {table}
      FOR EACH ROW EXECUTE FUNCTION {name}()
    """


def upgrade() -> None:
    """Create every guard."""
    dialect = op.get_bind().dialect.name
    write = _sqlite if dialect == "sqlite" else _postgresql
    for name, table, operation, condition in _rules(dialect):
        op.execute(sa.text(write(name, table, operation, condition).replace(":", r"\:")))


def downgrade() -> None:
    """Remove every guard."""
    dialect = op.get_bind().dialect.name
    for name, table, _operation, _condition in _rules(dialect):
        if dialect == "sqlite":
            op.execute(f"DROP TRIGGER {name}")
        else:
            op.execute(f"DROP TRIGGER {name} ON {table}")
            op.execute(f"DROP FUNCTION {name}()")
