"""The triggers that keep rows as they are, written once for both engines.

Constraints can't forbid a change, so triggers do: whatever the code does, what was booked stays.
By triggers, too, a narrow table follows a wide one (`op.mirror_rows`, `op.unmirror_rows`).
A revision says what it guards, by `op.guard_rows` and `op.unguard_rows`; how that is said in SQL
stands here alone, and never changes, since it is part of every revision that used it (a test
knows the triggers by heart). Another way of guarding is another operation beside these. A
migration that lays one of these tables anew on SQLite must lay its triggers again.

Operations of one's own are https://alembic.sqlalchemy.org/en/latest/api/operations.html#operation-plugins
"""

# ruff: noqa: S608 - the names in these statements are the revisions' own

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


@Operations.register_operation("mirror_rows")
@Operations.register_operation("unmirror_rows")
class Mirrors(MigrateOperation):
    """A narrow table that has some columns of each row of another, kept by triggers."""

    @classmethod
    def mirror_rows(
        cls,
        operations: Operations,
        table: str,
        mirror: str,
        key: str,
        groups: tuple[tuple[str, ...], ...],
    ) -> None:
        """Let `mirror` follow `table` from now on, its column `key` being the row's id.

        The columns come in groups of those that change together: an update on SQLite writes
        every index that has a column which it names. Takes a lock that writers of `table` wait
        for.
        """
        write = _mirror_sqlite if _is_sqlite(operations) else _mirror_postgresql
        for statement in write(table, mirror, key, groups):
            operations.execute(sa.text(statement.replace(":", r"\:")))

    @classmethod
    def unmirror_rows(
        cls, operations: Operations, table: str, mirror: str, groups: tuple[tuple[str, ...], ...]
    ) -> None:
        """Leave `mirror` as it is."""
        for end in ("insert", "delete", *(f"update_{at}" for at in range(len(groups)))):
            if _is_sqlite(operations):
                operations.execute(f"DROP TRIGGER {mirror}_{end}")
            else:
                operations.execute(f"DROP TRIGGER {mirror}_{end} ON {table}")
                operations.execute(f"DROP FUNCTION {mirror}_{end}()")


def _is_sqlite(operations: Operations) -> bool:
    return operations.get_bind().dialect.name == "sqlite"


def _mirror_sqlite(
    table: str, mirror: str, key: str, groups: tuple[tuple[str, ...], ...]
) -> list[str]:
    names = [name for group in groups for name in group]
    values = ", ".join(f"NEW.{name}" for name in names)
    return [
        f"CREATE TRIGGER {mirror}_insert AFTER INSERT ON {table} FOR EACH ROW BEGIN"
        f" INSERT INTO {mirror} ({key}, {', '.join(names)}) VALUES (NEW.id, {values}); END",
        f"CREATE TRIGGER {mirror}_delete AFTER DELETE ON {table} FOR EACH ROW BEGIN"
        f" DELETE FROM {mirror} WHERE {key} = OLD.id; END",
        *(
            f"CREATE TRIGGER {mirror}_update_{at} AFTER UPDATE OF {', '.join(group)} ON {table}"
            f" FOR EACH ROW WHEN {_compare(group, True)} BEGIN"
            f" UPDATE {mirror} SET {_taken_over(group)} WHERE {key} = NEW.id; END"
            for at, group in enumerate(groups)
        ),
    ]


def _mirror_postgresql(
    table: str, mirror: str, key: str, groups: tuple[tuple[str, ...], ...]
) -> list[str]:
    """Rows that come together are mirrored together, as when many are loaded."""
    names = ", ".join(name for group in groups for name in group)
    found = [
        _trigger(
            f"{mirror}_insert",
            f"INSERT INTO {mirror} ({key}, {names}) SELECT id, {names} FROM added",
            f"INSERT ON {table} REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
        ),
        _trigger(
            f"{mirror}_delete",
            f"DELETE FROM {mirror} WHERE {key} = OLD.id",
            f"DELETE ON {table} FOR EACH ROW",
        ),
    ]
    for at, group in enumerate(groups):
        differs = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in group)
        found.append(
            _trigger(
                f"{mirror}_update_{at}",
                f"UPDATE {mirror} SET {_taken_over(group)} WHERE {key} = NEW.id",
                f"UPDATE ON {table} FOR EACH ROW WHEN ({differs})",
            )
        )
    return found


def _taken_over(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} = NEW.{name}" for name in names)


def _trigger(name: str, does: str, after: str) -> str:
    return f"""
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN {does}; RETURN NULL; END $$;
    CREATE TRIGGER {name} AFTER {after} EXECUTE FUNCTION {name}()
    """


@Operations.register_operation("note_changes")
@Operations.register_operation("unnote_changes")
class Notes(MigrateOperation):
    """A row in a table of changes for each row of another that is written, by triggers."""

    @classmethod
    def note_changes(
        cls,
        operations: Operations,
        name: str,
        table: str,
        into: str,
        values: dict[str, str],
        *,
        columns: tuple[str, ...] = (),
        where: str = "TRUE",
        having: str = "",
    ) -> None:
        """Add a row of `values`, expressions by column, to `into` after a row was written.

        With `columns` that is an update by which one of them changes; else an insert. `where` is
        a condition on OLD or NEW, `having` one that may ask other tables. Takes a lock that
        writers of `table` wait for.
        """
        is_sqlite = _is_sqlite(operations)
        event = f"UPDATE OF {', '.join(columns)}" if columns else "INSERT"
        differs = _compare(columns, is_sqlite)
        when = f"WHEN ({where}{f' AND ({differs})' if differs else ''})"
        does = (
            f"INSERT INTO {into} ({', '.join(values)}) SELECT {', '.join(values.values())}"
            f"{f' WHERE {having}' if having else ''}"
        )
        after = f"{event} ON {table} FOR EACH ROW {when}"
        written = (
            f"CREATE TRIGGER {name} AFTER {after} BEGIN {does}; END"
            if is_sqlite
            else _trigger(name, does, after)
        )
        operations.execute(sa.text(written.replace(":", r"\:")))

    @classmethod
    def unnote_changes(cls, operations: Operations, name: str, table: str) -> None:
        """Note nothing more."""
        if _is_sqlite(operations):
            operations.execute(f"DROP TRIGGER {name}")
        else:
            operations.execute(f"DROP TRIGGER {name} ON {table}")
            operations.execute(f"DROP FUNCTION {name}()")


@Operations.register_operation("run_after")
class Follow(MigrateOperation):
    """A statement that runs after a row of a table was changed, by a trigger."""

    @classmethod
    def run_after(
        cls, operations: Operations, name: str, table: str, columns: tuple[str, ...], does: str
    ) -> None:
        """Run `does`, which may name OLD and NEW, after an update that changes one of `columns`.

        `op.unnote_changes` ends it. Takes a lock that writers of `table` wait for.
        """
        is_sqlite = _is_sqlite(operations)
        when = f"WHEN ({_compare(columns, is_sqlite)})"
        after = f"UPDATE OF {', '.join(columns)} ON {table} FOR EACH ROW {when}"
        written = (
            f"CREATE TRIGGER {name} AFTER {after} BEGIN {does}; END"
            if is_sqlite
            else _trigger(name, does, after)
        )
        operations.execute(sa.text(written.replace(":", r"\:")))
