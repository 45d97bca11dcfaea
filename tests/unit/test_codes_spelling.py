"""Spellings of secret codes: nobody guesses or misreads them."""

import math

import pytest

from portal.codes.parsing import (
    FEWEST_SECRET,
    SECRET_LENGTH,
    UNAMBIGUOUS,
    CodeError,
    check_secret,
    make_secret,
    normalise_code,
)


def test_a_spelling_is_worth_fifty_bits_of_letters_that_are_not_misread() -> None:
    assert FEWEST_SECRET * math.log2(len(UNAMBIGUOUS)) >= 50
    assert not {*UNAMBIGUOUS} & {*"01OIL"}
    drawn = {make_secret() for _ in range(1_000)}
    assert len(drawn) == 1_000
    for display in drawn:
        assert len(normalise_code(display)) == SECRET_LENGTH
        check_secret(display)


@pytest.mark.parametrize(
    "display",
    ["SPRING", "7K3Q-XDLW", "AAAA-AAAA-AAAA", "7K3Q-XDOW-9MPA", "7K3Q-XD1W-9MPA", "éK3QXDMW9MPA"],
)
def test_what_could_be_guessed_or_misread_is_refused(display: str) -> None:
    with pytest.raises(CodeError, match="is at least 11 letters"):
        check_secret(display)


def test_what_has_no_spelling_at_all_is_refused_as_for_every_code() -> None:
    with pytest.raises(CodeError, match="has 1 to 32 characters"):
        check_secret(" - ")
