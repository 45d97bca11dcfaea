"""Names: as alike as a careful clerk would say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.payments.matching.identifiers import ALIKE, UNLIKE, fold_words, likeness, stands_in

words = st.text(max_size=60).map(fold_words)


def compare(payer: str, donor: str) -> float:
    return likeness(fold_words(payer), fold_words(donor))


@pytest.mark.parametrize(
    ("payer", "donor"),
    [
        ("ROY, ANNA", "Anna Roy"),
        ("MR ANDRE COTE", "André Côté"),
        ("J SMITH", "John Smith"),
        ("JHON SMITH", "John Smith"),
        ("JOHN SMIT", "John Smith"),
        ("JOHN SMITHH", "John Smith"),
        ("OBRIEN MARY", "Mary O'Brien"),
        ("OBRIEN MARY", "Mary O′Brien"),
        ("JEAN PIERRE LUC", "Jean-Pierre Luc"),
        ("JOHN AND MARY SMITH", "Mary Smith"),
        ("STRASSE OMAR", "Omar Straße"),
        ("LUKASIK ZOE", "Zoë Łukasik"),
        ("CHRISTOPHER GAUTHIER", "Christoph Gauthier"),
    ],
)
def test_one_person_written_in_two_ways(payer: str, donor: str) -> None:
    assert compare(payer, donor) >= ALIKE


@pytest.mark.parametrize(
    ("payer", "donor"),
    [
        ("MARY SMITH", "John Smith"),
        ("SMITH", "John Smith"),
        ("JOHN", "John Smith"),
        ("LEE WONG", "Lea Wang"),
    ],
)
def test_a_shared_word_is_not_enough(payer: str, donor: str) -> None:
    assert compare(payer, donor) < ALIKE


@pytest.mark.parametrize(
    ("payer", "donor"), [("ACME LTD", "John Smith"), ("J DOE", "Jane Roy"), ("", "John Smith")]
)
def test_strangers(payer: str, donor: str) -> None:
    assert compare(payer, donor) < UNLIKE


@given(words, words)
def test_likeness_is_a_share_and_the_same_both_ways(payer, donor):
    value = likeness(payer, donor)
    assert 0.0 <= value <= 1.0
    assert value == pytest.approx(likeness(donor, payer))


@given(words)
def test_a_name_is_like_itself_in_any_order(name):
    if len(name) > 1:
        assert likeness(name, name[::-1]) == 1.0


def test_finds_a_whole_name_in_a_text_and_never_a_single_word() -> None:
    text = fold_words("E-TRANSFER - AUTODEPOSIT ANNA ROY 5521")
    assert stands_in(fold_words("Anna Roy"), text)
    assert not stands_in(fold_words("Anna"), text)
    assert not stands_in((), text)
