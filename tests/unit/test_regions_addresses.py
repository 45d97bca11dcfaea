"""Postal codes as people type them and as they are kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.samples import CATALOGUE, region

REGIONS = list(CATALOGUE.regions.values())

TYPED = [
    ("ca", "k1a0b1", "K1A 0B1"),
    ("ca", " K1A-0B1 ", "K1A 0B1"),
    ("ca", "k 1 a 0 b 1", "K1A 0B1"),
    ("ca", "Ｋ１Ａ ０Ｂ１", "K1A 0B1"),
    ("ca", "D1A 0B1", None),
    ("ca", "K1A 0B", None),
    ("ca", "K1A 0B1 X", None),
    ("ca", "K١A 0B1", None),
    ("us", "12345", "12345"),
    ("us", "12345 6789", "12345-6789"),
    ("us", "123456789", "12345-6789"),
    ("us", "1234", None),
    ("us", "12345-67", None),
    ("gb", "sw1a1aa", "SW1A 1AA"),
    ("gb", "m1 1ae", "M1 1AE"),
    ("gb", "gir0aa", "GIR 0AA"),
    ("gb", "gir1aa", None),
    ("gb", "12345", None),
    ("ie", "d6wxy12", "D6W XY12"),
    ("jp", "〒100-0001", "100-0001"),
    ("jp", "１０００００１", "100-0001"),
    ("gh", "ga1838164", "GA-183-8164"),
    ("gh", "GA 0183 8164", "GA-0183-8164"),
    ("in", "012345", None),
    ("de", "10115", "10115"),
    ("world", "  ab  12 ", "AB 12"),
    ("world", "", None),
    ("ca", "", None),
    ("world", "x" * 21, None),
]


@pytest.mark.parametrize(("slug", "typed", "kept"), TYPED)
def test_postal_codes_are_read_as_people_write_them(slug, typed, kept):
    assert region(slug).address.clean_postal_code(typed) == kept


@pytest.mark.parametrize("here", REGIONS, ids=lambda here: here.slug)
def test_a_regions_example_is_its_own_canonical_code(here):
    if here.address.postal_pattern:
        example = here.address.postal_example
        assert here.address.clean_postal_code(example) == example


@given(st.sampled_from(REGIONS), st.text(max_size=30))
def test_any_text_is_refused_or_kept_in_a_form_that_stays(here, text):
    kept = here.address.clean_postal_code(text)
    if kept is not None:
        assert 0 < len(kept) <= 20
        assert here.address.clean_postal_code(kept) == kept


@pytest.mark.parametrize("typed", ["QC", "qc", "Quebec", "québec", " QUÉBEC "])
def test_a_province_is_known_by_code_and_by_name_in_both_languages(typed):
    assert region("ca").address.province(typed).code == "QC"


def test_an_unknown_province_is_none():
    assert region("ca").address.province("Bavaria") is None


@pytest.mark.parametrize("here", REGIONS, ids=lambda here: here.slug)
def test_what_is_required_is_asked_and_called_so(here):
    assert {*here.address.required} <= {*here.address.labels}
    for name, label in here.address.labels.items():
        is_optional = "(optional)" in label["en"]
        assert is_optional == ("facultatif" in label["fr"])
        assert not (is_optional and name in here.address.required)


def test_canada_has_thirteen_provinces_and_territories_and_america_its_states():
    assert len(region("ca").address.provinces) == 13
    assert len(region("us").address.provinces) == 52
