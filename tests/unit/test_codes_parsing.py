"""Reading a code's terms from its document."""

from datetime import UTC, datetime

import pytest

from portal.codes.parsing import CodeError, parse_code
from portal.codes.terms import Kind

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


def test_a_whole_document_becomes_a_code():
    code = parse_code(
        "lw-can",
        {
            "regions": ["ca"],
            "fund": "partnership",
            "currency": "CAD",
            "modes": ["interac", "card"],
            "presets": {"CAD": ["25", "75.50"], "JPY": ["3000"]},
            "amount": {"CAD": "75.50"},
            "minimum": {"CAD": "5"},
            "message": {"en": "Thank you.", "fr": "Merci."},
        },
        kind=Kind.PARTNER,
    )
    assert (code.code, code.display) == ("LWCAN", "lw-can")
    assert code.regions == {"ca"}
    assert code.presets_minor == {"CAD": (2500, 7550), "JPY": (3000,)}
    assert code.amount_minor == {"CAD": 7550}
    assert code.minimum_minor == {"CAD": 500}
    assert code.modes == ("interac", "card")


def test_an_empty_document_leaves_everything_to_the_region():
    code = parse_code("OPEN", {}, kind=Kind.CAMPAIGN)
    assert (code.regions, code.fund, code.currency, code.modes) == (frozenset(), None, None, None)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"modes": []}, "X: modes: has some of"),
        ({"modes": ["gold"]}, "X: modes: has some of"),
        ({"currency": "cad"}, "X: currency: is three capital letters"),
        ({"minimum": {"JPY": "1.5"}}, "X: minimum.JPY: is an amount that JPY can express"),
        ({"presets": {"CAD": [25]}}, "X: presets.CAD: is a list of texts"),
        ({"message": {"en": "Hi"}}, "X: message.fr: is missing"),
        ({"region": ["ca"]}, "X: region: is no field here"),
    ],
)
def test_a_wrong_field_is_named(document, complaint):
    with pytest.raises(CodeError) as caught:
        parse_code("X", document, kind=Kind.PARTNER)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("display", ["", "--", "A" * 33])
def test_a_code_has_one_to_thirty_two_signs(display):
    with pytest.raises(CodeError, match="has 1 to 32 characters"):
        parse_code(display, {}, kind=Kind.PARTNER)


def test_a_code_ends_after_it_starts():
    with pytest.raises(CodeError, match="ends_at: is after starts_at"):
        parse_code("X", {}, kind=Kind.CAMPAIGN, starts_at=MAY, ends_at=JANUARY)
