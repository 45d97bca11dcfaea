"""Statements that go to the database's driver: a session's errors, objects and order."""

import contextlib
from typing import cast

import pytest
import sqlalchemy as sa

from portal.database import Database, DatabaseUnavailable, table_of
from portal.driver import add, ask, count_up, hold, pipelined
from portal.payments.models import Comparison
from portal.receipts.register import ReceiptSeries
from portal.services import FormKey
from portal.transaction import Work
from tests.conftest import NOW

_COMPARISONS = table_of(Comparison)
ALL = sa.select(_COMPARISONS).order_by(_COMPARISONS.c.id)
ROW = {"at": NOW, "found": {"secret": "Adaeze"}}


def test_values_come_back_as_they_went_in(database: Database) -> None:
    with database.write() as session:
        ((number,),) = add(session, Comparison, ROW, returning="id").rows()
    with database.read() as session:
        assert ask(session, ALL).rows() == [(number, NOW, ROW["found"])]


def test_a_broken_rule_is_a_sessions_error_and_tells_no_value(database: Database) -> None:
    twice = {"id": 1, "at": NOW, "found": {"secret": "Adaeze"}}
    insert = sa.insert(_COMPARISONS).values(
        {name: sa.bindparam(name, type_=_COMPARISONS.c[name].type) for name in twice}
    )
    with pytest.raises(sa.exc.IntegrityError) as caught, database.write() as session:
        ask(session, insert.inline(), twice, twice)
    assert "Adaeze" not in str(caught.value)
    with database.read() as session:
        assert ask(session, ALL).rows() == []


def test_in_a_pipeline_too_and_nothing_of_it_stays(database: Database) -> None:
    rows = (ROW, {"at": None, "found": {}}, ROW)
    with pytest.raises(sa.exc.IntegrityError), database.write() as session, pipelined(session):
        add(session, Comparison, *rows)
    with database.read() as session:
        assert ask(session, ALL).rows() == []


def test_answers_wait_for_the_pipeline_and_keep_their_order(database: Database) -> None:
    with database.write() as session:
        with pipelined(session):
            told = [add(session, Comparison, ROW, returning="id") for _ in range(3)]
            with pipelined(session):
                found = ask(session, ALL)
        assert [row[0] for row in found.rows()] == [answer.rows()[0][0] for answer in told]


def test_what_a_session_holds_unwritten_is_seen(database: Database) -> None:
    with database.write() as session:
        held = Comparison(at=NOW, found={})
        session.add(held)
        ((number, *_),) = ask(session, ALL).rows()
        assert held.id == number


def test_a_held_row_is_the_sessions_own_object_as_the_row_is_now(database: Database) -> None:
    with database.write() as session:
        held = Comparison(at=NOW, found={})
        session.add(held)
        session.flush()
        ask(session, sa.update(_COMPARISONS).values(found={"new": 1}))
        (row,) = ask(session, ALL).rows()
        assert hold(session, Comparison, row) is held
        assert held.found == {"new": 1}
        held.found = {"newer": 2}
    with database.write() as session:
        kept = hold(session, Comparison, ask(session, ALL).rows()[0])
        assert kept.found == {"newer": 2}
        kept.found = {"newest": 3}
    with database.read() as session:
        assert session.scalars(sa.select(Comparison.found)).one() == {"newest": 3}


def test_a_row_that_is_there_is_left_alone_and_gives_nothing(database: Database) -> None:
    row = {"subject": "gift:1", "act": "refund", "key": "k", "at": NOW}
    with database.write() as session:
        assert add(session, FormKey, row, row, returning="key", is_once=True).rows() == [("k",)]


def test_a_counter_begins_with_its_first_row(database: Database) -> None:
    first = {"issuer": "a", "year": 2026, "last_number": 1}
    with database.write() as session:
        assert [count_up(session, ReceiptSeries, "last_number", first) for _ in range(3)] == [
            1,
            2,
            3,
        ]


def test_what_the_driver_does_alone_opens_no_session(database: Database) -> None:
    with database.write() as session:
        with pipelined(session):
            add(session, Comparison, ROW)
        (row,) = ask(session, ALL).rows()
        assert hold(session, Comparison, row).found == ROW["found"]
        assert cast(Work, session).opened is None
    with database.read() as session:
        assert len(ask(session, ALL).rows()) == 1


def test_a_session_that_is_asked_for_later_is_in_the_same_transaction(database: Database) -> None:
    with contextlib.suppress(LookupError), database.write() as session:
        with pipelined(session):
            add(session, Comparison, ROW)
        held = hold(session, Comparison, ask(session, ALL).rows()[0])
        assert session.scalars(sa.select(Comparison)).one() is held
        add(session, Comparison, ROW)
        assert session.scalar(sa.select(sa.func.count()).select_from(Comparison)) == 2
        raise LookupError
    with database.read() as session:
        assert ask(session, ALL).rows() == []


def break_off(database: Database) -> None:
    """A transaction whose connection the server ends in the midst of it."""
    with database.write() as session:
        with pipelined(session):
            add(session, Comparison, ROW)
            (pid,) = ask(session, sa.select(sa.func.pg_backend_pid())).rows()[0]
        with database.read() as other:
            other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        ask(session, ALL).rows()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_that_broke_is_not_used_again(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        break_off(database)
    with database.write() as session:
        assert ask(session, ALL).rows() == []
        add(session, Comparison, ROW)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_connections_that_the_server_closed_while_they_rested_are_made_anew(
    database: Database,
) -> None:
    others = sa.text(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with database.read() as _one, database.read() as session, database.read() as another:
        for used in (_one, session, another):
            used.scalar(sa.text("SELECT 1"))
    with database.read() as session:
        assert len(session.execute(others).all()) >= 2
    for _ in range(3):
        with database.write() as session:
            add(session, Comparison, ROW)


def test_a_look_sees_what_is_there_and_leaves_its_connection_as_it_was(database: Database) -> None:
    with database.write() as session:
        add(session, Comparison, ROW, ROW)
    with database.look() as session:
        with pipelined(session):
            told = ask(session, ALL), ask(session, ALL)
        assert [len(one.rows()) for one in told] == [2, 2]
        assert cast(Work, session).opened is None
        assert len(session.scalars(sa.select(Comparison)).all()) == 2
        assert len(ask(session, ALL).rows()) == 2
    with contextlib.suppress(ZeroDivisionError), database.write() as session:
        add(session, Comparison, ROW)
        raise ZeroDivisionError
    broken = pytest.raises((sa.exc.DBAPIError, DatabaseUnavailable))
    with broken, database.look() as session, pipelined(session):
        ask(session, sa.select(sa.literal_column("nothing"))).rows()
    with contextlib.suppress(ZeroDivisionError), database.look() as session:
        assert len(ask(session, ALL).rows()) == 2
        raise ZeroDivisionError
    with database.read() as session:
        assert len(ask(session, ALL).rows()) == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_indexes_are_thought_of_as_on_a_disk_that_does_not_turn(database: Database) -> None:
    for _ in range(2):
        with database.read() as session:
            assert session.scalar(sa.text("SHOW random_page_cost")) == "1.1"
            assert session.scalar(sa.text("SHOW jit")) == "off"
