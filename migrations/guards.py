"""The triggers that keep rows as they are, written once for both engines.

Constraints can't forbid a change, so triggers do: whatever the code does, what was booked stays.
A revision says what it guards, by `op.guard_rows` and `op.unguard_rows`; how that is said in SQL
stands here alone, and never changes, since it is part of every revision that used it (a test
knows the triggers by heart). Another way of guarding is another operation beside these. A
migration that lays one of these tables anew on SQLite must lay its triggers again.

Operations of one's own are https://alembic.sqlalchemy.org/en/latest/api/operations.html#operation-plugins
"""

import sqlalchemy as sa
from alembic.operations import MigrateOperation, Operations


@Operations.register_operation("guard_rows")
@Operations.register_operation("unguard_rows")
class Guards(MigrateOperation):
    """Both operations; each takes a short exclusive lock on its table."""

    @classmethod
    def guard_rows(
        cls,
        operations: Operations,
        table: str,
        says: str,
        columns: tuple[str, ...] = (),
        booked: str = "",
    ) -> None:
        """No row of the table goes, and none of the columns changes; all, if none is named.

        `booked` is a condition on OLD: rows that don't meet it are free. Who tries all the same
        gets an error of the database, "<table> <says>".
        """
        is_sqlite = operations.get_bind().dialect.name == "sqlite"
        write = _write_sqlite if is_sqlite else _write_postgresql
        changed = _compare(columns, is_sqlite)
        both = f"({changed}) AND {booked}" if changed and booked else changed or booked
        for operation, condition in (("UPDATE", both), ("DELETE", booked)):
            trigger = write(_name(table, operation), table, operation, condition, says)
            operations.execute(sa.text(trigger.replace(":", r"\:")))

    @classmethod
    def unguard_rows(cls, operations: Operations, table: str) -> None:
        """Rows of the table are free again."""
        for name in (_name(table, "UPDATE"), _name(table, "DELETE")):
            if operations.get_bind().dialect.name == "sqlite":
                operations.execute(f"DROP TRIGGER {name}")
            else:
                operations.execute(f"DROP TRIGGER {name} ON {table}")
                operations.execute(f"DROP FUNCTION {name}()")


def _name(table: str, operation: str) -> str:
    return f"guard_{table}_{operation.lower()}"


def _compare(columns: tuple[str, ...], is_sqlite: bool) -> str:
    """Whether one of the columns changes; JSON is compared as text."""
    differs, cast = ("IS NOT", "") if is_sqlite else ("IS DISTINCT FROM", "::text")
    return " OR ".join(f"OLD.{name}{cast} {differs} NEW.{name}{cast}" for name in columns)


def _write_sqlite(name: str, table: str, operation: str, condition: str, says: str) -> str:
    when = f"WHEN {condition} " if condition else ""
    return (
        f"CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW {when}"
        f"BEGIN SELECT RAISE(ABORT, '{table} {says}'); END"
    )


def _write_postgresql(name: str, table: str, operation: str, condition: str, says: str) -> str:
    """The condition stands in the function: a WHEN clause may hold no subquery."""
    return f"""
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF {condition or "TRUE"} THEN RAISE EXCEPTION '{table} {says}'; END IF;
      RETURN {"NEW" if operation == "UPDATE" else "OLD"};
    END $$;
    CREATE TRIGGER {name} BEFORE {operation} ON {table}
      FOR EACH ROW EXECUTE FUNCTION {name}()
    """
