"""Which region a visitor is shown first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.regions.catalogue import Catalogue
from portal.regions.queries import choose_region
from tests.unit.samples import CATALOGUE

EURO = ("ie", "de", "fr")

CHOICES = [
    ({"slug": "gb", "code_regions": ("ca",), "country": "US"}, "gb", "address"),
    ({"slug": "GB"}, "gb", "address"),
    ({"slug": "nowhere", "country": "US"}, None, "nothing"),
    ({"code_regions": ("ca",), "country": "GB", "languages": ["en-US"]}, "ca", "code"),
    ({"code_regions": ("gone",), "country": "GB"}, "gb", "country"),
    ({"code_regions": EURO, "country": "FR"}, "fr", "code"),
    ({"code_regions": EURO, "languages": ["en-US", "de-DE"]}, "de", "code"),
    ({"code_regions": EURO, "country": "GB", "languages": ["fr-FR"]}, "fr", "code"),
    ({"code_regions": EURO, "country": "GB"}, "gb", "country"),
    ({"code_regions": EURO}, None, "nothing"),
    ({"country": "gb", "languages": ["fr-CA"]}, "gb", "country"),
    ({"country": "MX"}, "world", "country"),
    ({"country": "XX", "languages": ["fr-CA"]}, "ca", "language"),
    ({"country": "T1"}, None, "nothing"),
    ({"country": ""}, None, "nothing"),
    ({"country": "Canada"}, None, "nothing"),
    ({"languages": ["fr-CA", "fr", "en"]}, "ca", "language"),
    ({"languages": ["fr", "fr-CA"]}, "ca", "language"),
    ({"languages": ["en_GB"]}, "gb", "language"),
    ({"languages": ["fr"]}, None, "nothing"),
    ({"languages": ["es-MX", "en"]}, None, "nothing"),
    ({"languages": ["ja-Jpan-JP"]}, "jp", "language"),
    ({}, None, "nothing"),
]


@pytest.mark.parametrize(("known", "slug", "why"), CHOICES)
def test_address_then_code_then_country_then_language(known, slug, why):
    choice = choose_region(CATALOGUE, **known)
    assert (choice.region.slug if choice.region else None, choice.why) == (slug, why)


words = st.text(max_size=12)


@given(words | st.none(), st.lists(words), words | st.none(), st.lists(words))
def test_nothing_a_visitor_sends_raises(slug, codes, country, languages):
    choice = choose_region(
        CATALOGUE, slug=slug, code_regions=codes, country=country, languages=languages
    )
    assert (choice.region is None) == (choice.why == "nothing")


def test_an_empty_catalogue_leads_to_the_chooser():
    choice = choose_region(Catalogue(regions={}, version=0), country="MX", languages=["fr-CA"])
    assert choice.region is None
