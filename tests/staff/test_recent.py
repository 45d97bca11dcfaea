"""Figures that are kept for a while."""

import time
from datetime import timedelta

from portal.staff.recent import Recent
from tests.conftest import NOW


def test_what_was_cheap_is_computed_again_soon_and_what_was_dear_is_kept() -> None:
    calls: list[float] = []

    def compute() -> list[float]:
        calls.append(took)
        time.sleep(took)
        return list(calls)

    recent: Recent[list[float]] = Recent()
    took = 0.05
    first, at = recent.get("november", compute, NOW)
    later = NOW + timedelta(minutes=1)
    assert recent.get("november", compute, later) == (first, at) == ([0.05], NOW)
    took = 0.0
    assert recent.get("december", compute, later) == ([0.05, 0.0], later)
    time.sleep(0.05)
    assert len(recent.get("december", compute, later)[0]) == 3
