"""Every language of donors is whole: pages, letters, receipts, errors, the samples' texts."""

import re
import tomllib
from collections import Counter

import pytest
from babel.core import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from portal import PACKAGE
from portal.i18n import LANGUAGES, TRANSLATIONS, language, pick, reviewer
from portal.plain import full_name
from portal.regions import catalogue as catalogue_module
from portal.regions.accounts import FIELDS
from tests.unit.texts import FOR_STAFF, VALUE, english_of, table_texts, written_texts

OTHERS = [lang for lang in LANGUAGES if lang not in {"en", "fr"}]
BRACED = re.compile(r"{\w+}")
BY_SLUG = {path.stem: path for path in (PACKAGE / "regions" / "data").glob("*.toml")}
BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def read(lang: str) -> Catalog:
    with (TRANSLATIONS / lang / "LC_MESSAGES" / "messages.po").open("rb") as source:
        return read_po(source, locale=lang)


@pytest.fixture(scope="module", params=OTHERS)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    return read(request.param)


@pytest.fixture(scope="module")
def wanted() -> set[str]:
    return {*written_texts(FOR_STAFF), *table_texts()}


def test_the_languages_of_the_sample_regions_are_there() -> None:
    spoken = {language(one) for path in BY_SLUG.values() for one in locales_of(path.stem)}
    assert spoken <= {*LANGUAGES}
    assert {"ar", "de", "es", "ja", "ko"} <= spoken


def locales_of(slug: str) -> list[str]:
    found: list[str] = tomllib.loads(BY_SLUG[slug].read_text()).get("locales", [])
    return found


def test_every_text_for_donors_is_translated(catalogue: Catalog, wanted: set[str]) -> None:
    assert len(wanted) > 300
    assert sorted(text for text in wanted if not said(catalogue, text)) == []


def said(catalogue: Catalog, text: str) -> str:
    message = catalogue.get(text)
    return str(message.string) if message else ""


def test_nothing_is_left_over(catalogue: Catalog, wanted: set[str]) -> None:
    """A text that nobody shows any more would be read by the next translator for nothing."""
    known = wanted | {text for path in BY_SLUG.values() for text in own_texts(path.stem)}
    known |= particulars()
    assert sorted(str(one.id) for one in catalogue if one.id and one.id not in known) == []


def particulars() -> set[str]:
    """What stands before what an instructed mode says: account numbers, a question."""
    ours = [text for name, text in vars(catalogue_module).items() if name.isupper()]
    labels = [field.label for field in FIELDS.values()]
    return {text["en"] for text in (*ours, *labels) if isinstance(text, dict) and "en" in text}


def test_the_particulars_of_a_mode_are_translated(catalogue: Catalog) -> None:
    assert sorted(text for text in particulars() if not said(catalogue, text)) == []


def test_a_translation_has_the_values_of_its_source(catalogue: Catalog) -> None:
    for message in filter(lambda one: one.id, catalogue):
        for kind in (VALUE, BRACED):
            found = Counter(kind.findall(str(message.string)))
            assert found == Counter(kind.findall(str(message.id))), message.id
        assert not message.fuzzy
        assert not BIDI.search(str(message.string)), message.id
        assert str(message.string) == str(message.string).strip() or str(message.id)[0] in ";,("


def own_texts(slug: str, without: str = "") -> set[str]:
    return {*english_of(tomllib.loads(BY_SLUG[slug].read_text()), without)}


@pytest.mark.parametrize("slug", sorted(BY_SLUG))
def test_a_sample_region_speaks_its_languages(slug: str) -> None:
    for lang in {language(one) for one in locales_of(slug)} - {"en", "fr"}:
        texts = own_texts(slug, lang) | own_texts("common", lang)
        found = read(lang)
        assert sorted(text for text in texts if not said(found, text)) == []


def test_the_choice_of_regions_is_in_every_language(catalogue: Catalog) -> None:
    documents = [tomllib.loads(path.read_text()) for path in BY_SLUG.values()]
    names = {one["names"]["en"] for one in documents if "locales" in one}
    assert sorted(name for name in names if not said(catalogue, name)) == []


def test_an_operators_own_text_comes_before_the_products() -> None:
    assert pick({"en": "Tithe"}, "de_DE") == "Zehnter"
    assert pick({"en": "Tithe", "de": "Der Zehnte"}, "de_DE") == "Der Zehnte"
    assert pick({"en": "Water for Adum"}, "de_DE") == "Water for Adum"
    assert pick({"en": ""}, "de_DE") == ""


def test_a_catalogue_is_for_its_language_and_says_who_reviewed_it(catalogue: Catalog) -> None:
    lang = str(catalogue.locale)
    text = (TRANSLATIONS / lang / "LC_MESSAGES" / "messages.po").read_text()
    assert "X-Reviewed-By:" in text
    assert reviewer(lang) == ""
    rules = re.search(r"nplurals=(\d)", text)
    assert rules
    assert int(rules[1]) == len(Locale.parse(lang).plural_form.tags | {"other"})


@pytest.mark.parametrize(
    ("first", "last", "whole"),
    [
        ("太郎", "山田", "山田 太郎"),
        ("はな子", "佐々木", "佐々木 はな子"),
        ("길동", "홍", "홍길동"),
        ("Ada", "Lovelace", "Ada Lovelace"),
        ("Taro", "山田", "Taro 山田"),
        ("", "山田", "山田"),
        ("Zoë", "", "Zoë"),
    ],
)
def test_a_name_stands_in_the_order_of_its_people(first: str, last: str, whole: str) -> None:
    assert full_name(first, last) == whole
