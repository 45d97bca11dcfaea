"""A partner's sums are the ledger's, whatever happened, and nobody else's."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from portal.codes.models import CodeUse, Scope
from portal.codes.operations import change_scope
from portal.codes.pots import GiftMatch, add_pot
from portal.database import Database
from portal.gifts.code_counting import find_wrong_sums
from portal.gifts.code_sums import catch_up
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import LedgerEntry
from portal.money import Money
from portal.records.partner_lists import Choice, list_paths, stream_list
from portal.records.partner_pages import MOST_PAGES, PAGE, Row, list_gifts
from portal.records.partner_sums import read_account, read_sums, sum_currencies
from portal.records.partners import AMOUNTS, Cell, Dimension, Figures, What, count_gifts
from tests.partners.conftest import plant_tree
from tests.partners.gifts import book, give, plant_gifts
from tests.workplace import Workplace, make_workplace

pytestmark = pytest.mark.both_engines


@pytest.fixture
def place(catalogued: Database, database_url: str) -> Iterator[Workplace]:
    found = make_workplace(database_url, None)
    yield found
    found.close()


@pytest.fixture
def tree(place: Workplace) -> dict[str, int]:
    return plant_tree(place.database)


# Which ledger movements each figure is made of.
RAISED = {"gift": 1, "gift-withdrawn": -1}
GONE_BACK = {"refund": 1, "refund-returned": -1, "dispute-lost": 1}


def sum_ledger(database: Database, scope_id: int, movements: dict[str, int]) -> int:
    """What the ledger has of the gifts in whose path the scope stands."""
    with database.read() as session:
        rows = session.execute(
            sa.select(LedgerEntry.key, LedgerEntry.amount_minor, CodeUse.path).join(
                CodeUse, CodeUse.gift_id == LedgerEntry.gift_id
            )
        ).all()
    own = [(key, minor) for key, minor, path in rows if f"/{scope_id}/" in path]
    return sum(movements.get(key.partition(":")[0], 0) * minor for key, minor in own)


def figures_of(database: Database, scope_id: int, currency: str = "CAD") -> Figures:
    assert catch_up(database)
    with database.read() as session:
        return sum_currencies(session, scope_id).get(currency, Figures())


def check_against_ledger(database: Database, tree: dict[str, int]) -> None:
    for scope_id in tree.values():
        figures = figures_of(database, scope_id)
        assert figures.gross == sum_ledger(database, scope_id, RAISED)
        assert figures.refunded == sum_ledger(database, scope_id, GONE_BACK)
        assert figures.received + figures.refunded + figures.disputed == figures.gross
        with database.read() as session:
            sums = read_sums(session, scope_id, "CAD")
            assert bool(sums) == bool(figures.started)
            for dimension in sums.keys() & {*Dimension}:
                cells = sums[dimension].values()
                for name in ("started", "gifts", "gross", "refunded", "disputed", "promised"):
                    whole = getattr(figures, name)
                    assert sum(getattr(cell, name) for cell in cells) == whole, (dimension, name)
    with database.read() as session:
        assert find_wrong_sums(session, 20) == []


NUMBERS = count(1)
HAPPENS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(
            [
                FactKind.PAID,
                FactKind.PAID,
                FactKind.WITHDRAWN,
                FactKind.REFUNDED,
                FactKind.REFUND_FAILED,
                FactKind.DISPUTE_OPENED,
                FactKind.DISPUTE_WON,
                FactKind.DISPUTE_LOST,
                FactKind.EXPIRED,
                FactKind.FAILED,
            ]
        ),
        st.integers(1, 3),
    ),
    max_size=12,
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(happened=HAPPENS)
def test_totals_are_the_ledgers_after_any_history(
    place: Workplace, tree: dict[str, int], happened: list[tuple[int, FactKind, int]]
) -> None:
    gifts = []
    for code in ("GRACE", "HOPE", "OTHER", "GRACE"):
        number = next(NUMBERS)
        minor = 1001 + number
        gifts.append((give(place.services, code, number, minor), minor))
    for at, fact, part in happened:
        gift_id, minor = gifts[at]
        subject = f"{gift_id}-{SUBJECTS.get(fact, f'refund{part}')}"
        share = minor if SUBJECTS.get(fact) == "paid" else minor // 4
        book(place.services, gift_id, fact, subject, share)
    check_against_ledger(place.database, tree)


SUBJECTS = {
    FactKind.PAID: "paid",
    FactKind.WITHDRAWN: "paid",
    FactKind.EXPIRED: "paid",
    FactKind.FAILED: "paid",
    FactKind.DISPUTE_OPENED: "dispute",
    FactKind.DISPUTE_WON: "dispute",
    FactKind.DISPUTE_LOST: "dispute",
}


def test_a_total_falls_with_refund_dispute_and_undone_match(
    place: Workplace, tree: dict[str, int]
) -> None:
    first, second, third, fourth = (
        give(place.services, "GRACE", donor, 1001) for donor in (1, 2, 3, 4)
    )
    for one in (first, second, third):
        book(place.services, one, FactKind.PAID, f"{one}-paid", 1001)
    grace = tree["grace"]
    before = figures_of(place.database, grace)
    assert (before.gross, before.promised, before.started, before.gifts) == (3003, 1001, 4, 3)
    book(place.services, first, FactKind.REFUNDED, "re", 301)
    book(place.services, second, FactKind.DISPUTE_OPENED, "dp", 1001)
    book(place.services, third, FactKind.WITHDRAWN, f"{third}-paid", 1001)
    book(place.services, fourth, FactKind.EXPIRED, "late", 1001)
    after = figures_of(place.database, grace)
    assert (after.gross, after.refunded, after.disputed, after.received) == (2002, 301, 1001, 700)
    assert after.donors == 2
    book(place.services, second, FactKind.DISPUTE_LOST, "dp", 1001)
    lost = figures_of(place.database, grace)
    assert (lost.gross, lost.net, lost.disputed) == (2002, 700, 0)


def test_an_upper_level_sees_what_is_below_and_no_other(
    place: Workplace, tree: dict[str, int]
) -> None:
    with place.database.write() as session:
        for key, minor in (("grace", 100), ("hope", 10), ("other", 1)):
            plant_gifts(session, key, [{"donor": 1, "minor": minor}])
    sums = {key: figures_of(place.database, scope_id).gross for key, scope_id in tree.items()}
    assert sums == {"net": 110, "zone": 110, "grace": 100, "hope": 10, "other": 1}


def test_a_partner_that_moved_leaves_its_gifts_where_they_were(
    place: Workplace, tree: dict[str, int]
) -> None:
    with place.database.write() as session:
        plant_gifts(session, "grace", [{"donor": 1, "minor": 100}])
        grace = session.get_one(Scope, tree["grace"])
        change_scope(session, grace, name="Grace", parent=None, policy=None, active=True)
        plant_gifts(session, "grace", [{"donor": 1, "minor": 10}])
    sums = {key: figures_of(place.database, tree[key]).gross for key in ("net", "zone", "grace")}
    assert sums == {"net": 100, "zone": 100, "grace": 110}


def test_a_scope_whose_number_is_within_anothers_is_another(
    place: Workplace, tree: dict[str, int]
) -> None:
    with place.database.write() as session:
        plant_gifts(session, "grace", [{"donor": 1}])
        session.execute(sa.update(CodeUse).values(path=f"/1{tree['other']}/{tree['other']}1/"))
    assert figures_of(place.database, tree["other"]) == Figures()
    with place.database.read() as session:
        assert list_paths(session, tree["other"]) == ()
        assert list_paths(session, int(f"1{tree['other']}")) != ()


def twelve() -> list[dict[str, Any]]:
    """Gifts of twelve donors: seven of one fund, two of another, three of a third."""
    funds = ["missions"] * 7 + ["media"] * 2 + ["tithe"] * 3
    return [
        {
            "donor": at,
            "fund": fund,
            "minor": 1000 + at,
            "refunded": 100 if at == 1 else 0,
            "paid": 0 if at == 2 else 1000 + at,
        }
        for at, fund in enumerate(funds)
    ]


def test_the_list_of_a_figure_sums_to_it(place: Workplace, tree: dict[str, int]) -> None:
    with place.database.write() as session:
        plant_gifts(session, "grace", twelve())
    assert catch_up(place.database)
    with place.database.read() as session:
        paths = list_paths(session, tree["grace"])
        total = sum_currencies(session, tree["grace"])["CAD"]
        account = read_account(session, tree["grace"], "CAD", total)
        assert account.total is not None
        cells = [(None, "", account.total)] + [
            (dimension, cell.key, cell.figures)
            for dimension, table in account.breakdowns.items()
            for cell in table.cells
            if cell.figures
        ]
        assert len(cells) >= 5
        for by, key, figures in cells:
            for what in What:
                choice = Choice(
                    paths=paths,
                    currency="CAD",
                    what=what,
                    by=by,
                    of=key,
                    shown=account.shown,
                )
                rows = list_gifts(session, choice, 1)
                found = len(rows) if what is What.STARTED else sum(row.minor for row in rows)
                assert found == AMOUNTS[what](figures), (by, key, what)


def plant_years(chance: random.Random, many: int) -> list[dict[str, Any]]:
    """Gifts over two years in the order in which they were begun, of any standing."""
    found = []
    for begun in sorted(chance.randrange(700) for _ in range(many)):
        waited = chance.choice((0, 0, 1, 20, 60, 300))
        refunded = chance.choice((0, 0, 0, 30))
        one = {
            "donor": chance.randrange(30),
            "fund": chance.choice(("missions", "missions", "media")),
            "minor": chance.randrange(100, 999),
            "refunded": refunded,
            "day": date(2024, 11, 1) + timedelta(days=begun + waited),
            "waited": waited,
        }
        if not refunded and chance.randrange(4) == 0:
            one |= chance.choice(({"paid": 0}, {"status": Status.DISPUTED}))
        found.append(one)
    return found


def read_pages(session: Session, choice: Choice) -> list[Row]:
    """All that a list shows, page by page."""
    found: list[Row] = []
    for page in range(1, MOST_PAGES + 1):
        rows = list_gifts(session, choice, page)
        found += rows[:PAGE]
        if len(rows) <= PAGE:
            return found
    raise AssertionError("there are more")


def test_all_pages_of_any_figure_sum_to_it(place: Workplace, tree: dict[str, int]) -> None:
    chance = random.Random(20261128)
    with place.database.write() as session:
        for key in ("grace", "hope", "grace"):
            plant_gifts(session, key, plant_years(chance, 90))
    assert catch_up(place.database)
    with place.database.read() as session:
        for key in ("grace", "zone"):
            total = sum_currencies(session, tree[key])["CAD"]
            account = read_account(session, tree[key], "CAD", total)
            assert account.hidden[Dimension.MONTH]
            months = account.breakdowns[Dimension.MONTH].cells
            cells = [(None, "", account.total)]
            cells += [(Dimension.MONTH, *parts(one)) for one in months[5::8]]
            cells += [
                (Dimension.FUND, *parts(one)) for one in account.breakdowns[Dimension.FUND].cells
            ]
            assert sum(bool(figures) for *_, figures in cells) >= 4
            for by, of, figures in cells:
                for what in What if figures else ():
                    choice = Choice(
                        paths=list_paths(session, tree[key]),
                        currency="CAD",
                        what=what,
                        by=by,
                        of=of,
                        shown=account.shown,
                    )
                    rows = read_pages(session, choice)
                    found = len(rows) if what is What.STARTED else sum(one.minor for one in rows)
                    assert found == AMOUNTS[what](figures), (key, by, of, what)
                    if what in {What.STARTED, What.GROSS}:
                        known = replace(choice, number=count_gifts(figures, what))
                        assert read_pages(session, known) == rows


def parts(cell: Cell) -> tuple[str, Figures | None]:
    return cell.key, cell.figures


def test_a_list_tells_nothing_of_a_withheld_cell(place: Workplace, tree: dict[str, int]) -> None:
    with place.database.write() as session:
        plant_gifts(session, "grace", twelve())
    assert catch_up(place.database)
    with place.database.read() as session:
        paths = list_paths(session, tree["grace"])
        total = sum_currencies(session, tree["grace"])["CAD"]
        account = read_account(session, tree["grace"], "CAD", total)
        hidden = account.hidden[Dimension.FUND]
        assert hidden == {"media", "missions", "tithe"}
        choice = Choice(paths=paths, currency="CAD", what=What.GROSS, shown=account.shown)
        rows = list_gifts(session, choice, 1)
    assert len(rows) == 11
    assert {row.fund for row in rows} == {""}
    text = "".join(stream_list(place.database, choice))
    assert text.splitlines()[0].endswith("day,amount,currency,fund,mode,code,matched,state,donor")
    assert len(text.splitlines()) == 12
    assert "missions" not in text


def test_the_file_is_harmless_in_a_spreadsheet(place: Workplace, tree: dict[str, int]) -> None:
    gifts = [{"donor": at, "code": "=1+1", "minor": 1234} for at in range(6)]
    with place.database.write() as session:
        plant_gifts(session, "grace", gifts)
    with place.database.read() as session:
        paths = list_paths(session, tree["grace"])
    choice = Choice(
        paths=paths, currency="CAD", what=What.NET, shown={Dimension.CODE: frozenset({"=1+1"})}
    )
    lines = "".join(stream_list(place.database, choice)).splitlines()
    assert len(lines) == 7
    assert "12.34" in lines[1]
    assert "'=1+1" in lines[1]


def test_the_file_has_what_a_sponsor_added(place: Workplace, tree: dict[str, int]) -> None:
    with place.services.write() as act:
        pot = add_pot(act, "spring", "Grace Foundation", Money(5_000, "CAD"))
        plant_gifts(act.session, "grace", [{"donor": at, "minor": 1234} for at in range(6)])
        use = act.session.scalars(sa.select(CodeUse).limit(1)).one()
        held = dict.fromkeys(("full_minor", "most_minor", "wanted_minor", "held_minor"), 617)
        match = GiftMatch(pot_id=pot.id, gift_id=use.gift_id, code_id=use.code_id, **held)
        match.times, match.per, match.is_paid, match.at = 1, 2, True, act.now
        act.session.add(match)
    with place.database.read() as session:
        paths = list_paths(session, tree["grace"])
    choice = Choice(paths=paths, currency="CAD", what=What.GROSS, shown={})
    lines = "".join(stream_list(place.database, choice)).splitlines()
    assert sum(",6.17,paid," in line for line in lines) == 1
    assert sum(",0,paid," in line for line in lines) == 5


def test_who_gave_again_is_counted_and_a_monthly_gift_is_one(
    place: Workplace, tree: dict[str, int]
) -> None:
    gifts = [{"donor": at} for at in range(12)] + [{"donor": at} for at in range(5)]
    with place.database.write() as session:
        plant_gifts(session, "grace", gifts)
    assert catch_up(place.database)
    with place.database.read() as session:
        total = sum_currencies(session, tree["grace"])["CAD"]
        account = read_account(session, tree["grace"], "CAD", total)
    assert (total.donors, total.gifts) == (12, 17)
    assert (account.loyalty.new, account.loyalty.returning) == (7, 5)
    assert (account.monthly.running, account.monthly.failing) == (0, 0)


def test_a_page_of_a_figures_gifts_sorts_none_of_the_others(place: Workplace, tree: Any) -> None:
    """However many there are, the newest are read along an index."""
    with place.database.write() as session:
        if session.get_bind().dialect.name != "sqlite":
            pytest.skip("the planner of the other goes by how many there are")
        plant_gifts(session, "grace", [{"donor": one % 9} for one in range(200)])
    catch_up(place.database)
    plans: list[str] = []

    def explain(conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "own_gifts" in statement and not statement.startswith("EXPLAIN"):
            cursor = conn.connection.cursor()
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in cursor.fetchall())

    with place.database.read() as session:
        totals = sum_currencies(session, tree["grace"])
        account = read_account(session, tree["grace"], "CAD", totals["CAD"])
        paths = list_paths(session, tree["grace"])
        choice = Choice(paths=paths, currency="CAD", what=What.GROSS, shown=account.shown)
        sa.event.listen(session.get_bind(), "before_cursor_execute", explain)
        try:
            pages = [list_gifts(session, choice, page) for page in (1, 2, 4)]
        finally:
            sa.event.remove(session.get_bind(), "before_cursor_execute", explain)
    assert [len(rows) for rows in pages] == [51, 51, 50]
    walked, rest = plans[:2], plans[-1]
    assert any("ix_code_uses_path_gift_id" in step for step in walked), walked
    assert not any("TEMP B-TREE" in step for step in plans[:4]), plans
    assert rest
