"""French is whole: every text a donor can meet has one, with the same values in it."""

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from portal.i18n import TRANSLATIONS, use_locale
from portal.regions.catalogue import Frequency
from tests.unit.texts import VALUE, staff_texts, table_texts, written_texts
from tests.unit.typography import wrong_signs


@pytest.fixture(scope="module")
def french() -> dict[str, Message]:
    with (TRANSLATIONS / "fr" / "LC_MESSAGES" / "messages.po").open("rb") as source:
        return {str(message.id): message for message in read_po(source, locale="fr")}


def test_every_text_for_donors_has_french(french: dict[str, Message]) -> None:
    wanted = {*written_texts(), *table_texts(), *staff_texts()}
    assert len(wanted) > 150
    missing = sorted(text for text in wanted if text not in french or not french[text].string)
    assert not missing


def test_a_translation_has_the_values_of_its_source(french: dict[str, Message]) -> None:
    for text, message in french.items():
        if text:
            assert set(VALUE.findall(text)) == set(VALUE.findall(str(message.string))), text


def test_french_signs_stand_behind_the_space_that_is_theirs(french: dict[str, Message]) -> None:
    sentences = [said for text in filter(None, french) for said in _all(french[text])]
    assert not [wrong for said in sentences if (wrong := wrong_signs(said))]


def _all(message: Message) -> list[str]:
    """The forms of a text: one, or one for each number."""
    return [message.string] if isinstance(message.string, str) else list(message.string)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Où\u202f? Ici\u00a0: «\u202fà 12:00\u202f», champ :20:, https://x.org?a", 0),
        ("Où?", 1),
        ("Où ?", 1),
        ("Fait\u00a0; rien", 1),
        ("Ici\u202f: là", 1),
        ("« Oui »", 2),
    ],
)
def test_a_sign_is_wrong_without_its_own_space(text: str, count: int) -> None:
    assert len(wrong_signs(text)) == count


def test_nothing_is_fuzzy(french: dict[str, Message]) -> None:
    assert not [message.id for message in french.values() if message.fuzzy]


def test_frequencies_speak_french() -> None:
    with use_locale("fr_CA"):
        assert [frequency.label for frequency in Frequency] == ["Une fois", "Chaque mois"]
