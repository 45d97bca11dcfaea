"""Reading a code's terms from its document."""

from datetime import UTC, date, datetime

import pytest

from portal.codes.operations import Draft, make_draft
from portal.codes.parsing import CodeError, check_spelling, read_terms

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


def test_a_whole_document_becomes_terms():
    terms = read_terms(
        "lw-can",
        {
            "regions": ["ca"],
            "funds": ["partnership"],
            "currencies": ["CAD"],
            "modes": ["interac", "card"],
            "presets": {"CAD": ["25", "75.50"], "JPY": ["3000"]},
            "amount": {"CAD": "75.50"},
            "minimum": {"CAD": "5"},
            "message": {"en": "Thank you.", "fr": "Merci."},
            "max_uses": 3,
            "hosts": ["example.org", "*.partner.example"],
        },
    )
    assert terms["regions"] == ("ca",)
    assert terms["presets_minor"] == {"CAD": (2500, 7550), "JPY": (3000,)}
    assert terms["amount_minor"] == {"CAD": 7550}
    assert terms["minimum_minor"] == {"CAD": 500}
    assert terms["modes"] == ("interac", "card")
    assert (terms["max_uses"], terms["hosts"]) == (3, ("example.org", "*.partner.example"))


def test_an_empty_document_leaves_everything_to_the_levels_above():
    assert read_terms("OPEN", {}) == {}


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"modes": []}, "X: modes: has some of"),
        ({"modes": ["gold"]}, "X: modes: has some of"),
        ({"currencies": ["cad"]}, "X: currencies[0]: is three capital letters"),
        ({"regions": []}, "X: regions: has at least one"),
        ({"max_uses": 0}, "X: max_uses: is a number from 1"),
        ({"hosts": ["https://example.org"]}, "X: hosts: has hosts such as"),
        ({"landing": "javascript:alert(1)"}, "X: landing: is an address such as"),
        ({"landing": 'https://example.org/"onload='}, "X: landing: is an address such as"),
        ({"zone": "Mars/Base"}, "X: zone: is a time zone"),
        ({"minimum": {"JPY": "1.5"}}, "X: minimum.JPY: is an amount that JPY can express"),
        ({"presets": {"CAD": [25]}}, "X: presets.CAD: is a list of texts"),
        ({"message": {"en": "Hi"}}, "X: message.fr: is missing"),
        ({"region": ["ca"]}, "X: region: is no field here"),
    ],
)
def test_a_wrong_field_is_named(document, complaint):
    with pytest.raises(CodeError) as caught:
        read_terms("X", document)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("display", ["", "--", "A" * 33])
def test_a_code_has_one_to_thirty_two_signs(display):
    with pytest.raises(CodeError, match="has 1 to 32 characters"):
        check_spelling(display)


def test_a_code_ends_after_it_starts():
    with pytest.raises(CodeError, match="ends_at: is after starts_at"):
        Draft(starts_at=MAY, ends_at=JANUARY).check("X")


@pytest.mark.parametrize(
    ("zone", "first", "last", "starts", "ends"),
    [
        ("America/Toronto", (2026, 3, 1), (2026, 3, 31), "2026-03-01T05:00", "2026-04-01T04:00"),
        ("America/Toronto", (2026, 11, 1), (2026, 11, 1), "2026-11-01T04:00", "2026-11-02T05:00"),
        # Clocks that leap over midnight, and that strike it twice.
        ("Africa/Cairo", (2026, 4, 24), (2026, 4, 24), "2026-04-23T22:00", "2026-04-24T21:00"),
        ("America/Havana", (2026, 3, 8), (2026, 3, 8), "2026-03-08T05:00", "2026-03-09T04:00"),
        ("America/Havana", (2026, 11, 1), (2026, 11, 1), "2026-11-01T04:00", "2026-11-02T05:00"),
    ],
)
def test_days_are_those_of_their_zone_and_the_last_is_whole(zone, first, last, starts, ends):
    draft = make_draft({"zone": zone}, date(*first), date(*last))
    for at, written in ((draft.starts_at, starts), (draft.ends_at, ends)):
        assert at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") == written
