"""One transaction by the database's own driver, with a unit of work once one is asked for.

A booking runs its dozen statements by the driver (`portal.driver`) and needs no session, whose
beginning and end cost more than all of them. On PostgreSQL such a transaction stays in one
pipeline to its end, so that nothing but an answer that is wanted is waited for, and its last
statements travel with the COMMIT.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import instance_state


class Line:
    """A driver's connection, and how its errors become a session's."""

    __slots__ = ("dialect", "driver", "error", "is_sqlite")

    def __init__(self, driver: Any, dialect: sa.Dialect) -> None:
        self.driver, self.dialect = driver, dialect
        self.error: Any = dialect.loaded_dbapi.Error
        self.is_sqlite = dialect.name == "sqlite"

    def run(self, text: str, values: Any = ()) -> Any:
        """The cursor of a statement that was run, or sent."""
        cursor = self.driver.cursor()
        try:
            cursor.execute(text, values)
        except self.error as error:
            raise self.translate(error, text) from error
        return cursor

    def translate(self, error: Exception, text: str = "") -> BaseException:
        """The driver's error as a session raises it, without any value of a row."""
        return sa.exc.DBAPIError.instance(
            text, None, error, self.error, hide_parameters=True, dialect=self.dialect
        )


class Work:
    """Stands for the session of a transaction, which is opened when more is asked of it.

    `held` are the objects of rows that were read before, by their tables and ids; the session
    takes them over.
    """

    __slots__ = ("_engine", "_is_alone", "_pipeline", "_pooled", "held", "line", "opened")

    def __init__(self, engine: sa.Engine, begin: str) -> None:
        self._engine = engine
        self._pooled = _connect(engine)
        self.line = Line(self._pooled.driver_connection, engine.dialect)
        self.held: dict[tuple[type[Any], Any], Any] = {}
        self.opened: Session | None = None
        self._pipeline: Any = None
        self._is_alone = False
        if begin:
            self._begin(begin)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.opened or self._open(), name)

    def _begin(self, statement: str) -> None:
        try:
            self.line.run(statement)
        except BaseException:
            self._pooled.close()
            raise

    def _open(self) -> Session:
        self._leave_pipeline()
        self.opened = session = Session(
            sa.Connection(self._engine, self._pooled), expire_on_commit=False
        )
        session.connection()
        session.add_all(self.held.values())
        return session

    def let_alone(self) -> None:
        """Let each statement be a transaction of its own, where the driver begins one by itself."""
        if not self.line.is_sqlite:
            self.line.driver.autocommit = self._is_alone = True

    def enter_pipeline(self) -> bool:
        """Send what comes without waiting, until the end; a session can't, and says no."""
        if self.opened is not None:
            return False
        if self._pipeline is None:
            self._pipeline = self.line.driver.pipeline()
            self._pipeline.__enter__()
        return True

    def _leave_pipeline(self, error: BaseException | None = None) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.__exit__(type(error) if error else None, error, None)

    def flush(self) -> None:
        """Write what a session would: what was added to it, and what was changed in `held`."""
        if self.opened is None and any(instance_state(one).modified for one in self.held.values()):
            self._open()
        if self.opened is not None:
            self.opened.flush()

    def commit(self) -> None:
        """Make all of it lasting; a database's error as a session raises it."""
        self.flush()
        if self.opened is not None:
            self.opened.commit()
            return
        try:
            if self._pipeline is None:
                self.line.driver.commit()
            else:
                self.line.run("COMMIT")
                self._leave_pipeline()
        except self.line.error as error:
            raise self.line.translate(error) from error

    def undo(self, error: BaseException) -> None:
        """Leave nothing of it; a connection that can't even do that is not used again."""
        try:
            self._leave_pipeline(error)
            if self.opened is not None:
                self.opened.rollback()
            self.line.driver.rollback()
        except (self.line.error, sa.exc.DBAPIError) as broken:
            self._pooled.invalidate(broken)

    def close(self) -> None:
        """Give the connection back."""
        if self.opened is not None:
            self.opened.close()
        if self._is_alone:
            self._stand_together()
        self._pooled.close()

    def _stand_together(self) -> None:
        try:
            self._leave_pipeline()
            self.line.driver.autocommit = False
        except self.line.error as broken:
            self._pooled.invalidate(broken)


def _connect(engine: sa.Engine) -> sa.PoolProxiedConnection:
    try:
        return engine.raw_connection()
    except engine.dialect.loaded_dbapi.Error as error:
        raise sa.exc.DBAPIError.instance(
            None,
            None,
            error,
            engine.dialect.loaded_dbapi.Error,
            hide_parameters=True,
            dialect=engine.dialect,
        ) from error


@contextlib.contextmanager
def working(engine: sa.Engine, begin: str = "") -> Iterator[Session]:
    """A transaction: committed at the end of the block, undone by any exception.

    `begin` is the statement that begins it, where the driver doesn't by itself.
    """
    work = Work(engine, begin)
    try:
        yield cast(Session, work)
        work.commit()
    except BaseException as error:
        work.undo(error)
        raise
    finally:
        work.close()


@contextlib.contextmanager
def looking(engine: sa.Engine, begin: str = "") -> Iterator[Session]:
    """Statements that only look; on PostgreSQL each sees the moment at which it is run.

    So they do within a transaction there, which would cost a round trip at either end.
    """
    work = Work(engine, begin)
    try:
        work.let_alone()
        yield cast(Session, work)
    except BaseException as error:
        work.undo(error)
        raise
    finally:
        work.close()
