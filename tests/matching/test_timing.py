"""Matching takes time and memory in proportion to the lines, however many gifts are open."""

import pytest

from tests.matching.timing import Timing, measure_matching

BYTES_A_LINE = 1000


def quickest(count: int) -> Timing:
    """The least of three runs: other work on the machine only ever adds time."""
    return min((measure_matching(count) for _ in range(3)), key=lambda timing: timing.seconds)


@pytest.mark.slow
def test_ten_times_the_lines_and_gifts_take_at_most_twelve_times_as_long() -> None:
    few, many = quickest(2_000), quickest(20_000)
    assert many.automatic > 0.6 * many.lines
    assert many.seconds <= 12 * few.seconds


def test_what_is_held_beside_gifts_and_lines_is_one_small_decision_a_line() -> None:
    timing = measure_matching(2_000, trace_memory=True)
    assert timing.peak_bytes <= BYTES_A_LINE * timing.lines
