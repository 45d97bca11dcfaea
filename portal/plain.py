"""Text from outside with nothing in it that can't be seen: no controls, no overrides, no tags.

A character that shows nothing can make a name of nobody, and U+202E turns the rest of a line around
in a PDF, a mail or a table. Dropped is what Unicode calls default ignorable
(DerivedCoreProperties, Default_Ignorable_Code_Point), the controls, private characters and those
that stand for nothing.
Joiners and variation selectors stay inside a word: Persian, Hindi and Japanese names need them.
"""

import re
import unicodedata

_PLANE_ENDS = "".join(
    chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)
)
_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # controls, but for those that are space
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"  # marks and overrides
    "\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # fillers, and Braille without a dot
    "\ufff0-\ufffc\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef"  # halves, private and none
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff\U000f0000-\U0010ffff"  # tags, private
    + _PLANE_ENDS
    + "]+"
)
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_JOINERS = re.compile(f"[\u034f\u200c\u200d{_SELECTORS}]+")
_SELECTOR = re.compile(f"[{_SELECTORS}]")
_HANGUL = re.compile("[\u1100-\u11ff\uac00-\ud7a3 ]+")
# With kana and Han; a name of both, or with a sign between its words, is a name of theirs too.
_FAMILY_FIRST = re.compile("[\u1100-\u11ff\uac00-\ud7a3\u3005-\u30ff\u3400-\u9fff\uff66-\uff9f ]+")
# What a joiner may stand between: letters, marks, figures and pictures.
_JOINED = frozenset("LMNS")
_SEEN = frozenset(("Lu", "Ll", "Lt", "Lo", "Nd", "Nl", "No"))


def drop_hidden(text: str) -> str:
    """`text` in composed letters without what can't be seen; spaces and line ends stay."""
    if text.isascii() and text.isprintable():
        return text
    seen = _HIDDEN.sub("", text)
    return unicodedata.normalize("NFC", _JOINERS.sub(_keep_inside, seen))


def _keep_inside(found: re.Match[str]) -> str:
    """A joiner between two characters of a word, or a selector behind one; else nothing."""
    text, run = found.string, found[0]
    if not _is_joined(text[found.start() - 1 : found.start()]):
        return ""
    if _is_joined(text[found.end() : found.end() + 1]):
        return run[:2]
    return run[0] if _SELECTOR.match(run) else ""


def _is_joined(character: str) -> bool:
    return bool(character) and unicodedata.category(character)[0] in _JOINED


def clean_line(text: str | None) -> str:
    """One line as typed: composed letters, single spaces, nothing that can't be seen."""
    return " ".join(drop_hidden(text or "").split())


def full_name(first: str, last: str) -> str:
    """A name as its bearer's people write it: 山田 太郎 and 홍길동 begin with the family's."""
    if first and last and _FAMILY_FIRST.fullmatch(first + last):
        return f"{last}{first}" if _HANGUL.fullmatch(first + last) else f"{last} {first}"
    return f"{first} {last}".strip()


def is_family_first(name: str) -> bool:
    """Whether a name is written in letters whose people begin with the family's."""
    return _FAMILY_FIRST.fullmatch(name) is not None


def is_joiner(character: str) -> bool:
    """Whether a character is drawn only by how its neighbours are."""
    return _JOINERS.fullmatch(character) is not None


def shows_letter(text: str) -> bool:
    """Whether a cleaned text has a letter or a digit that is drawn."""
    return any(unicodedata.category(character) in _SEEN for character in text)
