"""What can't be seen is dropped from text that comes from outside."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.plain import clean_line, drop_hidden, is_joiner, shows_letter

# Signs that stand before Arabic and Kaithi numbers are format signs, and are drawn.
DRAWN_FORMATS = set(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)


def test_nothing_hidden_is_left_of_all_that_there_is() -> None:
    """Every control, format, private and half sign of Unicode goes, between letters, too."""
    left = [
        hex(at)
        for at in range(sys.maxunicode + 1)
        if unicodedata.category(chr(at)) in {"Cc", "Cf", "Co", "Cs"}
        and not chr(at).isspace()
        and not is_joiner(chr(at))
        and chr(at) not in DRAWN_FORMATS
        and clean_line(f"a{chr(at)}b") != "ab"
    ]
    assert left == []


@pytest.mark.parametrize(
    "sign",
    [
        "\u202e",
        "\u2066",
        "\u200b",
        "\u3164",
        "\uffa0",
        "\u2800",
        "\U000e0041",
        "\ud800",
        "\x1b",
        "\u00ad",
    ],
)
def test_a_hidden_sign_makes_no_name(sign: str) -> None:
    assert clean_line(f" {sign}{sign} ") == ""
    assert clean_line(f"Ada{sign} Okafor") == "Ada Okafor"


@pytest.mark.parametrize(
    "name", ["سارا\u200cجان", "क्\u200dष", "葛\U000e0100城", "👨\u200d👩\u200d👧", "❤\ufe0f\u200d🔥"]
)
def test_a_joiner_inside_a_word_stays(name: str) -> None:
    assert clean_line(name) == name


@pytest.mark.parametrize("text", ["\u200dAda", "Ada\u200c", "Ada\u200d \u200cOkafor", "\ufe0fAda"])
def test_a_joiner_that_joins_nothing_goes(text: str) -> None:
    assert clean_line(text) in {"Ada", "Ada Okafor"}


@given(st.text())
def test_text_stays_as_it_is_once_it_was_cleaned(text: str) -> None:
    assert drop_hidden(drop_hidden(text)) == drop_hidden(text)


def test_letters_and_figures_of_every_script_are_seen() -> None:
    assert all(map(shows_letter, ("A", "é", "山", "김", "م", "ก", "7", "٧")))
    assert not any(map(shows_letter, ("", "🎉", "-", "\u0301", "ʼ")))
