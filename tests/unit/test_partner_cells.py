"""What a partner is not told: cells of a few donors, and what a subtraction would tell of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.records.partners import (
    FEWEST_DONORS,
    Breakdown,
    Cell,
    Dimension,
    Figures,
    break_down,
    count_loyalty,
    count_monthly,
    is_small,
    list_months,
    show_total,
    withhold,
)

CELLS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2),
    st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda pair: (max(pair), min(pair))),
    max_size=8,
)


@pytest.mark.parametrize(
    ("cells", "hidden"),
    [
        ({}, ""),
        ({"a": (9, 9), "b": (7, 7)}, ""),
        ({"a": (9, 9), "b": (4, 4)}, "ab"),
        ({"a": (9, 9), "b": (4, 4), "c": (6, 6)}, "bc"),
        ({"a": (9, 9), "b": (4, 4), "c": (6, 6), "d": (0, 0)}, "bc"),
        # Two of a few may be the same few.
        ({"a": (9, 9), "b": (4, 4), "c": (3, 3)}, "abc"),
        # Many began and a few paid: what those paid would be told, so another's paid goes too.
        ({"a": (9, 9), "b": (20, 2), "c": (6, 0), "d": (8, 7)}, "bd"),
        # Only a few began: nobody who did would be made out by one in which nobody did.
        ({"a": (9, 9), "b": (3, 0), "c": (0, 0), "d": (6, 6)}, "bd"),
        ({"a": (2, 2), "b": (4, 4)}, "ab"),
        ({"a": (5, 5), "b": (5, 5)}, ""),
    ],
)
def test_which_cells_are_withheld(cells: dict[str, tuple[int, int]], hidden: str) -> None:
    assert withhold(cells) == set(hidden)


@given(CELLS)
def test_no_cell_of_a_few_is_shown(cells: dict[str, tuple[int, int]]) -> None:
    hidden = withhold(cells)
    assert hidden <= cells.keys()
    assert not [key for key, counts in cells.items() if is_small(counts) and key not in hidden]


@given(CELLS)
def test_what_is_left_of_a_total_is_of_enough_donors(cells: dict[str, tuple[int, int]]) -> None:
    """Whoever subtracts the shown from the total has a sum that five or more stand behind.

    Unless all who stand behind the total are in what is withheld: then its donors are the total's,
    which is itself withheld where they are few.
    """
    hidden = withhold(cells)
    for at in range(2):
        behind = [cells[key][at] for key in hidden]
        shown = [counts[at] for key, counts in cells.items() if key not in hidden]
        if any(0 < count < FEWEST_DONORS for count in behind):
            assert max(behind) >= FEWEST_DONORS or not any(shown)


@given(CELLS)
def test_no_more_is_withheld_than_needed(cells: dict[str, tuple[int, int]]) -> None:
    small = {key for key, counts in cells.items() if is_small(counts)}
    assert len(withhold(cells) - small) <= (2 if small else 0)


@given(CELLS, st.randoms(use_true_random=False))
def test_the_order_of_the_cells_says_nothing(cells: dict[str, tuple[int, int]], dice) -> None:
    keys = list(cells)
    dice.shuffle(keys)
    assert withhold({key: cells[key] for key in keys}) == withhold(cells)


def of(donors: int, gross: int, **more: int) -> Figures:
    return Figures(
        started=donors, gifts=donors, starters=donors, donors=donors, gross=gross, **more
    )


def test_what_is_withheld_stands_behind_and_in_no_order_of_sums() -> None:
    found = {"b": of(9, 10), "d": of(4, 999), "a": of(7, 5), "c": of(30, 20)}
    table = break_down(Dimension.FUND, found)
    assert [cell.key for cell in table.cells] == ["c", "b", "a", "d"]
    assert [cell.figures is None for cell in table.cells] == [False, False, True, True]
    assert table.hidden == {"a", "d"}
    assert table.find("d") is None
    assert table.find("unknown") is None
    assert table.find("b") == found["b"]


def test_months_stand_in_their_order_with_those_between() -> None:
    found = {"2026-02": of(9, 3), "2025-11": of(2, 1), "2025-12": of(8, 1)}
    table = break_down(Dimension.MONTH, found)
    assert [cell.key for cell in table.cells] == ["2025-11", "2025-12", "2026-02"]
    row = list_months(table, 24)
    assert [cell.key for cell in row] == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert row[2].figures == Figures()
    assert [cell.key for cell in list_months(table, 2)] == ["2026-01", "2026-02"]
    assert list_months(Breakdown(Dimension.MONTH, ()), 24) == ()


def test_figures_make_each_other() -> None:
    figures = of(7, 1000, refunded=333, disputed=100, promised=50)
    assert (figures.net, figures.received) == (667, 567)
    assert figures.received + figures.refunded + figures.disputed == figures.gross
    assert figures.average == 143
    assert Figures().average == 0


def test_a_total_of_a_few_is_withheld() -> None:
    assert show_total(of(4, 100)) is None
    assert show_total(Figures(starters=20, donors=3)) is None
    assert show_total(of(5, 100)) == of(5, 100)
    assert show_total(Figures()) == Figures()


@pytest.mark.parametrize(
    ("once", "again", "shown"),
    [(9, 6, (9, 6)), (9, 4, (None, None)), (9, 0, (9, 0)), (3, 0, (None, 0)), (2, 3, (None, None))],
)
def test_donors_who_gave_again(once: int, again: int, shown: tuple[int | None, ...]) -> None:
    loyalty = count_loyalty(once, again)
    assert (loyalty.new, loyalty.returning) == shown


def test_monthly_gifts_of_a_few_are_withheld() -> None:
    monthly = count_monthly({"running": (12, 11), "failing": (6, 4)})
    assert (monthly.running, monthly.failing) == (12, None)
    assert count_monthly({}).running == 0


def test_a_cell_is_found_by_its_key() -> None:
    assert Breakdown(Dimension.CODE, (Cell("A", of(6, 1)),)).find("A") == of(6, 1)
