"""Matching holds little beside the gifts and the lines."""

from tests.matching.timing import measure_matching

BYTES_A_LINE = 1000


def test_what_is_held_beside_gifts_and_lines_is_one_small_decision_a_line() -> None:
    timing = measure_matching(2_000, trace_memory=True)
    assert timing.peak_bytes <= BYTES_A_LINE * timing.lines
