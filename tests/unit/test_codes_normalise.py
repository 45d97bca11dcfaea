"""One spelling of a code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.codes.parsing import LONGEST_CODE, LONGEST_INPUT, normalise_code

SPELLINGS = [
    "LWCAN",
    "lwcan",
    " lw can ",
    "LW-CAN",
    "lw–can",
    "lw\u2011can",
    "l.w.c.a.n.",
    "ＬＷＣＡＮ",
    "LW\u00a0CAN",
    "LW\u200bCAN",
    "lw\tcan\n",
    "\x00lwcan",
    "lw\udc80can",
]


@pytest.mark.parametrize("typed", SPELLINGS)
def test_case_spaces_hyphens_and_dots_do_not_matter(typed):
    assert normalise_code(typed) == "LWCAN"


@pytest.mark.parametrize("typed", ["LWCAN2", "LWCA", "LW_CAN", "LWCAŃ"])
def test_other_signs_do_matter(typed):
    assert normalise_code(typed) != "LWCAN"


@given(st.text(max_size=200))
def test_any_text_has_a_short_spelling_that_stays(text):
    spelling = normalise_code(text)
    assert len(spelling) <= LONGEST_INPUT
    assert normalise_code(spelling) == spelling
    assert not any(sign.isspace() or sign in "-–.\x00" for sign in spelling)


@given(st.text(alphabet="ABCDEFGHJKMNPQRSTUVWXYZ23456789", min_size=1, max_size=LONGEST_CODE))
def test_every_way_to_write_a_code_is_the_same_code(code):
    assert normalise_code("-".join(code.lower())) == code
    assert normalise_code(f" {code[:3]} {code[3:]}. ") == code


def test_a_text_that_is_too_long_never_becomes_a_real_code():
    assert len(normalise_code("A" * 100)) > LONGEST_CODE


def test_silence_is_no_code():
    assert normalise_code(" - . ") == ""
