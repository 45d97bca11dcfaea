"""Figures that took long are kept for a while, and quick ones are not."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count

from portal.partners.keeping import LONG, MOST_KEPT, TIMES, Keeper

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Bench:
    """A keeper whose readings take as long as is said, by a clock of its own."""

    def __init__(self) -> None:
        self.time, self.read = 0.0, 0
        self.keeper: Keeper[int] = Keeper(lambda: self.time)

    def get(self, key: str, takes: float) -> int:
        def read() -> int:
            self.time += takes
            self.read += 1
            return self.read

        return self.keeper.get(key, read, NOW).value


def test_what_is_quick_is_read_each_time() -> None:
    bench = Bench()
    assert [bench.get("a", LONG / 2) for _ in range(3)] == [1, 2, 3]


def test_what_took_long_is_kept_in_proportion() -> None:
    bench = Bench()
    assert bench.get("a", 2) == 1
    bench.time += 2 * TIMES - 0.1
    assert (bench.get("a", 2), bench.get("b", 2), bench.get("b", 2)) == (1, 2, 2)
    bench.time += 0.2
    assert bench.get("a", 2) == 3


def test_of_many_at_once_one_reads() -> None:
    begun, ticks, reads = threading.Barrier(5), count(), count(1)
    # Each look at this clock is a second, so that whatever is read took long.
    keeper: Keeper[int] = Keeper(lambda: float(next(ticks)))

    def look(_: int) -> int:
        begun.wait(5)
        return keeper.get("a", lambda: next(reads), NOW).value

    with ThreadPoolExecutor(5) as threads:
        assert set(threads.map(look, range(5))) == {1}


def test_not_everything_is_kept_for_ever() -> None:
    bench = Bench()
    for number in range(MOST_KEPT + 50):
        bench.get(str(number), 1000)
    assert len(bench.keeper._kept) <= MOST_KEPT
