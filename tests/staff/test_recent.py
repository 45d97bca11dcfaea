"""Figures that are kept for a while, by a clock that only moves when the test says so."""

from dataclasses import dataclass
from datetime import timedelta

from portal.staff.dashboard import Recent
from tests.conftest import NOW

LATER = NOW + timedelta(minutes=1)


@dataclass
class Work:
    """Counts how often it was done; each time takes `takes` seconds of its own clock."""

    takes: float
    clock: float = 1000.0
    done: int = 0

    def seconds(self) -> float:
        return self.clock

    def do(self) -> int:
        self.clock += self.takes
        self.done += 1
        return self.done


def test_dear_figures_are_kept_a_hundred_times_as_long_as_they_took() -> None:
    work = Work(takes=0.5)
    recent: Recent[int] = Recent(work.seconds)
    assert recent.get("november", work.do, NOW) == (1, NOW)
    work.clock += 49
    assert recent.get("november", work.do, LATER) == (1, NOW)
    work.clock += 2
    assert recent.get("november", work.do, LATER) == (2, LATER)


def test_cheap_figures_are_soon_computed_again() -> None:
    work = Work(takes=0.001)
    recent: Recent[int] = Recent(work.seconds)
    recent.get("november", work.do, NOW)
    work.clock += 0.2
    assert recent.get("november", work.do, LATER) == (2, LATER)


def test_other_figures_are_not_taken_for_these() -> None:
    work = Work(takes=10)
    recent: Recent[int] = Recent(work.seconds)
    recent.get("november", work.do, NOW)
    assert recent.get("december", work.do, LATER) == (2, LATER)
