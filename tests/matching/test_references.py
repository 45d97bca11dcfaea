"""References in messages: found in any form, corrected only where one gift fits."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from portal.gifts.references import ALPHABET, clean_reference, group
from portal.payments.matching.identifiers import (
    Reading,
    ReferenceIndex,
    correct_reference,
    find_references,
)
from tests.matching.samples import OTHER, REFERENCE, misread, neighbour, reference_of

references = st.text(st.sampled_from(ALPHABET), min_size=8, max_size=8).map(reference_of)
separators = st.sampled_from(["", " ", "-", "–", "_", "/", ".", "\u00a0", "\n"])
chatter = st.text(max_size=40)


@st.composite
def spelt(draw: st.DrawFn, reference: str) -> str:
    """The same reference in another case and with other characters between its characters."""
    bare = reference.replace("-", "")
    pairs = [
        draw(st.sampled_from([character, character.lower()])) + draw(separators)
        for character in bare
    ]
    return "".join(pairs)


@given(st.data(), references, chatter, chatter)
def test_finds_a_reference_in_any_spelling_within_any_message(data, reference, before, after):
    text = f"{before} {data.draw(spelt(reference))} {after}"
    assert reference in find_references(text)
    assert ReferenceIndex([reference]).read(text).open == {reference: Reading.EXACT}


@given(references)
def test_finds_a_reference_glued_to_other_words(reference):
    bare = reference.replace("-", "").lower()
    assume(not bare.isdigit() and not bare.isalpha())
    assert reference in find_references(f"ref{bare}thanks")


@given(st.text())
def test_whatever_is_found_is_a_valid_reference(text):
    assert all(clean_reference(found) == found for found in find_references(text))


@given(references, st.integers(0, 8), st.sampled_from(ALPHABET + "01OILÉ#"))
def test_one_wrong_sign_is_corrected_to_the_only_open_gift(reference, at, character):
    bare = reference.replace("-", "")
    wrong = bare[:at] + character + bare[at + 1 :]
    assume(bare[at] not in {character, "E"} and character.isalnum())
    assert correct_reference(group(wrong), ReferenceIndex([reference])) == reference


@given(references, st.integers(0, 7))
def test_two_swapped_neighbours_are_corrected(reference, at):
    bare = reference.replace("-", "")
    wrong = bare[:at] + bare[at + 1] + bare[at] + bare[at + 2 :]
    assume(wrong != bare)
    assert correct_reference(group(wrong), ReferenceIndex([reference])) == reference


@given(references, references)
def test_a_valid_reference_is_never_corrected_to_another(typed, open_one):
    assume(typed != open_one)
    index = ReferenceIndex([open_one])
    assert correct_reference(typed, index) is None
    assert index.read(typed).open == {}


@given(references, st.integers(0, 7), st.sampled_from(ALPHABET))
def test_nothing_is_corrected_where_two_open_gifts_fit(reference, at, character):
    bare = reference.replace("-", "")
    assume(character != bare[at])
    wrong = misread(reference, at, character)
    other = neighbour(wrong, reference)
    index = ReferenceIndex([reference, other])
    assert correct_reference(wrong, index) is None
    assert index.read(wrong).open == dict.fromkeys((reference, other), Reading.DOUBTFUL)


@given(references, st.integers(0, 7), st.sampled_from(ALPHABET))
def test_nothing_is_corrected_where_a_settled_gift_fits_as_well(reference, at, character):
    bare = reference.replace("-", "")
    assume(character != bare[at])
    wrong = misread(reference, at, character)
    index = ReferenceIndex([reference], settled={neighbour(wrong, reference)})
    assert correct_reference(wrong, index) is None
    assert index.read(wrong).open == {reference: Reading.DOUBTFUL}


def test_two_wrong_signs_are_too_many():
    assert correct_reference(misread(misread(), 1, "W"), ReferenceIndex([REFERENCE])) is None


def test_a_misspelling_glued_to_a_word_stays_doubtful():
    wrong = misread().replace("-", "")
    index = ReferenceIndex([REFERENCE])
    assert index.read(f"REF{wrong}").open == {REFERENCE: Reading.DOUBTFUL}
    assert correct_reference(f"REF{wrong}", index) is None


def test_names_every_gift_a_message_quotes():
    index = ReferenceIndex([REFERENCE, OTHER], settled={"22222222"})
    assert index.read(f"{REFERENCE} and {OTHER.lower()}").open == {
        REFERENCE: Reading.EXACT,
        OTHER: Reading.EXACT,
    }


def test_reports_settled_gifts_apart():
    index = ReferenceIndex([REFERENCE], settled={OTHER})
    quotes = index.read(f"{REFERENCE}, not {OTHER}")
    assert quotes.open == {REFERENCE: Reading.EXACT}
    assert quotes.settled == (OTHER,)


def test_no_reference_bridges_two_fields():
    bare = REFERENCE.replace("-", "")
    assert ReferenceIndex([REFERENCE]).read(bare[:5], bare[5:]).open == {}


@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_reads_no_more_of_a_message_than_banks_carry(size):
    flood = f"{REFERENCE} " * (size // 12)
    assert ReferenceIndex([REFERENCE]).read(flood).open == {REFERENCE: Reading.EXACT}
