"""Lists of codes: newest first or by their beginning, page by page, quickly over very many."""

from typing import Any

import pytest
import sqlalchemy as sa

from portal.codes.listing import (
    PAGE,
    CodeFilters,
    _select,
    list_below,
    list_page,
    list_scopes,
)
from portal.codes.models import CodeRecord
from portal.codes.operations import Draft, add_policy, add_scope
from portal.codes.terms import CodeState, Kind, LevelKind
from portal.database import Database
from tests.conftest import NOW

MANY = 130


@pytest.fixture
def many(database: Database) -> Database:
    """N000 to N129 below a network; every tenth paused, those below its zone tagged."""
    with database.write() as session:
        policy = add_policy(session, "all", Draft(document={"max_uses": 3}), NOW)
        network = add_scope(session, LevelKind.NETWORK, "net", "Net", NOW)
        zone = add_scope(session, LevelKind.ZONE, "zone", "Zone", NOW, parent=network)
        rows = [
            {
                "code": f"N{number:03}",
                "display": f"N-{number:03}",
                "kind": Kind.CAMPAIGN,
                "policy_id": policy.id,
                "scope_id": zone.id if number % 2 else network.id,
                "state": CodeState.ACTIVE if number % 10 else CodeState.PAUSED,
                "tag": "odd" if number % 2 else "",
                "created_at": NOW,
            }
            for number in range(MANY)
        ]
        session.execute(sa.insert(CodeRecord), rows)
    return database


def walk(database: Database, **filters: Any) -> list[str]:
    """The codes of all pages, one after the other."""
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        with database.read() as session:
            page = list_page(session, CodeFilters(**filters), after)
        assert len(page.rows) <= PAGE
        found += [row.code for row in page.rows]
        after = str(page.older) if page.older is not None else None
    return found


def test_pages_have_every_code_once_newest_first(many: Database) -> None:
    every = [f"N{number:03}" for number in range(MANY)]
    assert walk(many) == every[::-1]
    assert walk(many, beginning="N") == every
    assert walk(many, beginning="N12") == every[120:]
    assert walk(many, beginning="X") == []


def test_filters_narrow_both_orders(many: Database) -> None:
    paused = [f"N{number:03}" for number in range(0, MANY, 10)]
    assert walk(many, state=CodeState.PAUSED) == paused[::-1]
    assert walk(many, state=CodeState.PAUSED, beginning="N1") == paused[10:]
    assert len(walk(many, tag="odd")) == MANY // 2
    with many.read() as session:
        scopes = list_scopes(session)
    network, zone = scopes
    assert (network.depth, zone.depth) == (0, 1)
    assert len(walk(many, scopes=list_below(scopes, zone.id))) == MANY // 2
    assert len(walk(many, scopes=list_below(scopes, network.id))) == MANY
    assert len(walk(many, scopes=list_below(scopes, network.id), beginning="N00")) == 10
    assert walk(many, scopes=set()) == []
    assert walk(many, scopes=list_below(scopes, zone.id), state=CodeState.PAUSED) == []


def test_more_scopes_than_branches_have_the_same_codes(many: Database) -> None:
    assert walk(many, scopes={*range(1, 500)}) == walk(many)


@pytest.mark.parametrize(
    "filters",
    [
        CodeFilters(),
        CodeFilters(beginning="N1"),
        CodeFilters(state=CodeState.PAUSED),
        CodeFilters(tag="odd"),
        CodeFilters(scopes={1}),
    ],
)
def test_no_list_reads_or_sorts_all_codes(many: Database, filters: CodeFilters) -> None:
    """What is read is found by an index that has its order; only a page is sorted."""
    if not many.is_sqlite:
        pytest.skip("SQLite tells its plan of tables however small")
    statement = _select(filters, "")
    text = str(statement.compile(many.reader, compile_kwargs={"literal_binds": True}))
    with many.reader.connect() as connection:
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    scanned = [step for step in plan if step.startswith("SCAN codes") and "INDEX" not in step]
    # Without a filter the newest are read from the end of the table.
    assert scanned == (["SCAN codes"] if filters == CodeFilters() else [])
    inner = plan[plan.index(next(step for step in plan if "codes" in step)) :]
    assert sum("TEMP B-TREE FOR ORDER BY" in step for step in inner) <= 1
