"""Statements on the path of every booking, run by the database's own driver.

SQLAlchemy writes each statement once a process and says how its values and columns are changed
on the way; running it so costs a tenth of what a session takes for it. On PostgreSQL statements
inside `pipelined` wait for no answer before the next one is sent. Rows come as plain tuples and
go past the unit of work: what it holds unwritten must be flushed before.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.orm.attributes import instance_dict, set_committed_value

from portal.database import Base, Document, UTCDateTime, insert_statement, table_of
from portal.transaction import Line, Work

Change = Callable[[Any], Any]
Statement = sa.Select[*tuple[Any, ...]] | sa.Insert | sa.Update | sa.Delete
Row = tuple[Any, ...]
M = TypeVar("M", bound=Base)


@dataclass(frozen=True, slots=True)
class _Written:
    """A statement as a driver takes it. `order` has names where values go by their place."""

    text: str
    order: tuple[str, ...]
    fixed: Document
    changes: tuple[tuple[str, Change], ...]
    columns: tuple[tuple[int, Change], ...]
    returns: bool

    def values(self, row: Document) -> Any:
        """One row's values, in the driver's own types."""
        given = {**self.fixed, **row}
        for name, change in self.changes:
            given[name] = change(given[name])
        return [given[name] for name in self.order] if self.order else given

    def read(self, row: Row) -> Row:
        """A row of an answer in our types."""
        if not self.columns:
            return row
        changed = list(row)
        for at, change in self.columns:
            if changed[at] is not None:
                changed[at] = change(changed[at])
        return tuple(changed)


@cache
def _write(dialect: sa.Dialect, statement: Statement) -> _Written:
    compiled: Any = statement.compile(dialect=dialect)
    names = compiled.bind_names
    binds = {name: bind for bind, name in names.items()}
    changes = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect)
        for name, bind in binds.items()
    }
    returned = _list_columns(statement)
    columns = [
        (at, column.type.dialect_impl(dialect).result_processor(dialect, None))
        for at, column in enumerate(returned)
    ]
    for name, bind in binds.items():
        if isinstance(bind.type, UTCDateTime):
            # Most rows of an act have its moment, and to write one out takes a while.
            changes[name] = lru_cache(maxsize=64)(changes[name])
    return _Written(
        text=str(compiled),
        order=tuple(compiled.positiontup or ()),
        fixed={name: bind.value for name, bind in binds.items() if not bind.required},
        changes=tuple((name, change) for name, change in changes.items() if change),
        columns=tuple((at, change) for at, change in columns if change),
        returns=bool(returned),
    )


def _list_columns(statement: Statement) -> Sequence[sa.ColumnElement[Any]]:
    if isinstance(statement, sa.Select):
        return list(statement.selected_columns)
    return list(statement.exported_columns)


class Answer:
    """The rows that a statement gives, once they are asked for."""

    __slots__ = ("_cursors", "_line", "_rows", "_written")

    def __init__(self, line: Line, written: _Written, cursors: list[Any]) -> None:
        self._line, self._written, self._cursors = line, written, cursors
        self._rows: list[Row] | None = None

    def rows(self) -> list[Row]:
        if self._rows is None:
            read = self._written.read
            try:
                self._rows = [read(row) for cursor in self._cursors for row in cursor.fetchall()]
            except self._line.error as error:
                raise self._line.translate(error, self._written.text) from error
        return self._rows

    def first(self) -> Row | None:
        rows = self.rows()
        return rows[0] if rows else None


def _line_of(session: Session) -> Line:
    """The driver's connection in this transaction of a session."""
    if isinstance(session, Work):
        return session.line
    kept = cast(tuple[Line, object] | None, session.info.get(Line))
    if kept is None or kept[1] is not session.get_transaction():
        connection = session.connection()
        line = Line(connection.connection.driver_connection, connection.dialect)
        session.info[Line] = kept = line, session.get_transaction()
    return kept[0]


def is_sqlite(session: Session) -> bool:
    """Whether statements go to SQLite."""
    return _line_of(session).is_sqlite


NO_ROW: tuple[Document, ...] = ({},)


def ask(session: Session, statement: Statement, *rows: Document) -> Answer:
    """Run a statement, once for each row of its values; inside `pipelined` it may be under way.

    A statement has its values by name, and none that stands for a list. Where it gives rows,
    they are those of all runs. What the unit of work holds is written before.
    """
    session.flush()
    line = _line_of(session)
    written = _write(line.dialect, statement)
    cursors = [line.run(written.text, written.values(row)) for row in rows or NO_ROW]
    answer = Answer(line, written, cursors if written.returns else [])
    if line.is_sqlite:
        answer.rows()
    return answer


def pipelined(session: Session) -> AbstractContextManager[None]:
    """Send the statements that `ask` runs in here without waiting; all are answered at its end.

    The session itself must run none in here. Where one fails, so does all that was sent after
    it. One in another is a part of that one.
    """
    session.flush()
    line = _line_of(session)
    is_plain = line.is_sqlite or line.driver.pgconn.pipeline_status
    if is_plain or (isinstance(session, Work) and session.enter_pipeline()):
        return PLAIN
    return _pipeline(line)


PLAIN = nullcontext()


@contextmanager
def _pipeline(line: Line) -> Iterator[None]:
    try:
        with line.driver.pipeline():
            yield
    except line.error as error:
        raise line.translate(error) from error


def add(
    session: Session,
    model: type[Base],
    *rows: Document,
    returning: str = "",
    is_once: bool = False,
) -> Answer:
    """Add rows, whose missing values are the model's own; what column `returning` has then.

    With `is_once` rows that are there already are left alone, and nothing is given for them.
    """
    statement = _adding(_line_of(session).dialect.name, model, returning, is_once)
    return ask(session, statement, *rows)


@cache
def _adding(dialect: str, model: type[Base], returning: str, is_once: bool) -> sa.Insert:
    insert: Any = insert_statement(dialect, model)
    statement = insert.values(_values_of(model)).inline()
    if is_once:
        statement = statement.on_conflict_do_nothing()
    return cast(
        sa.Insert,
        statement.returning(table_of(model).c[returning]) if returning else statement,
    )


def _values_of(model: type[Base]) -> dict[str, sa.BindParameter[Any]]:
    """A value for each column that the database doesn't count by itself."""
    table = table_of(model)
    return {
        column.key: _value_of(column)
        for column in table.columns
        if column is not table.autoincrement_column
    }


def _value_of(column: sa.Column[Any]) -> sa.BindParameter[Any]:
    if column.default is not None:
        value = cast(Any, column.default).arg
        return sa.bindparam(column.key, value, column.type)
    if column.nullable:
        return sa.bindparam(column.key, None, column.type)
    return sa.bindparam(column.key, type_=column.type)


def count_up(session: Session, model: type[Base], counter: str, first: Document) -> int:
    """One more in the column `counter` of a row, which is `first` where there is none yet.

    The row stays locked until the transaction ends.
    """
    [count] = count_each(session, model, counter, first)
    return count


def count_each(session: Session, model: type[Base], counter: str, *firsts: Document) -> list[int]:
    """The same for several rows, of which no two are the same: their new counts, in that order."""
    statement = _counting(_line_of(session).dialect.name, model, counter)
    with pipelined(session):
        answer = ask(session, statement, *firsts)
    return [int(row[0]) for row in answer.rows()]


@cache
def _counting(dialect: str, model: type[Base], counter: str) -> sa.Insert:
    table = table_of(model)
    column = table.c[counter]
    insert: Any = insert_statement(dialect, model).values(_values_of(model))
    return cast(
        sa.Insert,
        insert.on_conflict_do_update(
            index_elements=table.primary_key, set_={counter: column + 1}
        ).returning(column),
    )


def hold(session: Session, model: type[M], row: Row | Document) -> M:
    """A row of all the table's columns, as it now is, as this session's object for it."""
    values = row if isinstance(row, dict) else dict(zip(_names(model), row, strict=True))
    held = _find_held(session, model, values["id"])
    if held is not None:
        for name, value in values.items():
            set_committed_value(held, name, value)
        return held
    one = cast(M, sa.inspect(model).class_manager.new_instance())
    instance_dict(one).update(values)
    make_transient_to_detached(one)
    if isinstance(session, Work) and session.opened is None:
        session.held[model, values["id"]] = one
    else:
        session.add(one)
    return one


def _find_held(session: Session, model: type[M], key: Any) -> M | None:
    if isinstance(session, Work) and session.opened is None:
        return session.held.get((model, key))
    return session.identity_map.get(sa.orm.util.identity_key(model, key))


@cache
def _names(model: type[Base]) -> tuple[str, ...]:
    return tuple(column.key for column in table_of(model).columns)
