"""References are for people: forgiving in form, strict in content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.gifts.references import (
    ALPHABET,
    check_character,
    clean_reference,
    group,
    make_reference,
)

BODIES = st.text(st.sampled_from(ALPHABET), min_size=8, max_size=8)


def test_makes_references_that_are_valid() -> None:
    reference = make_reference()
    assert clean_reference(reference) == reference


@given(BODIES)
def test_ignores_case_spaces_and_hyphens(body: str) -> None:
    signs = body + check_character(body)
    typed = " ".join(signs.lower()[at : at + 2] for at in range(0, 9, 2))
    assert clean_reference(typed) == group(signs)


@given(BODIES, st.integers(0, 8), st.sampled_from(ALPHABET))
def test_notices_one_wrong_sign(body: str, at: int, other: str) -> None:
    signs = body + check_character(body)
    wrong = signs[:at] + other + signs[at + 1 :]
    assert (clean_reference(wrong) is None) == (wrong != signs)


@given(BODIES, st.integers(0, 7))
def test_notices_two_swapped_signs(body: str, at: int) -> None:
    signs = body + check_character(body)
    swapped = signs[:at] + signs[at + 1] + signs[at] + signs[at + 2 :]
    assert (clean_reference(swapped) is None) == (swapped != signs)


@pytest.mark.parametrize("typed", ["", "ABC", "0" * 9, "ABCD-EFGH-IJ", "l1o0-abcd-2"])
def test_refuses_what_is_no_reference(typed: str) -> None:
    assert clean_reference(typed) is None
