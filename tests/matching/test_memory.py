"""Matching holds as much for many lines and gifts as for few: they wait on disk."""

import pytest

from portal.payments.matching.pool import REMEMBERED_KEYS, REMEMBERED_THINGS
from tests.matching.timing import measure_matching

pytestmark = pytest.mark.slow

# Enough to fill what is remembered.
LINES = max(REMEMBERED_KEYS, REMEMBERED_THINGS) * 5 // 4
BYTES_A_LINE = 300


def test_twice_the_lines_and_gifts_take_no_more_memory() -> None:
    few, many = (measure_matching(lines, trace_memory=True) for lines in (LINES, 2 * LINES))
    grown = many.peak_bytes - few.peak_bytes
    assert grown <= BYTES_A_LINE * LINES, f"{grown / LINES:.0f} bytes a line"
