"""No two gifts have one reference, however many there are."""

from portal.commands.seed import BATCH, reference_of
from portal.gifts.operations import free_reference
from portal.gifts.references import clean_reference
from tests.workplace import Workplace


def test_a_reference_that_is_taken_is_drawn_again(place: Workplace) -> None:
    taken = place.gift(place.start().token).reference
    draws = iter([taken, taken, "2222-2222-J"])
    with place.database.read() as session:
        assert free_reference(session, lambda: next(draws)) == "2222-2222-J"


def test_made_up_gifts_have_valid_references_of_their_own() -> None:
    references = {reference_of(number) for number in range(3 * BATCH)}
    assert len(references) == 3 * BATCH
    assert all(clean_reference(reference) == reference for reference in references)
