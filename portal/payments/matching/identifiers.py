"""What tells whose a payment is, in what a payer or a bank wrote: people's names, and references.

Names are compared as banks, mails and donors write them. Gifts' references are found, and
corrected where that is safe: a reference's last character is the weighted sum of the others
modulo 31, a prime. So a reading with one wrong character has exactly one repair at each of its
nine places, and each repair is looked up: no list of near misses is kept, and the work doesn't
grow with the open gifts.
"""

import re
import unicodedata
from collections.abc import Container, Iterator
from dataclasses import dataclass
from enum import StrEnum

from portal.gifts.references import ALPHABET, LENGTH, clean_reference, group

Words = tuple[str, ...]

# Below this two names are different people's; above the second they may be one person's.
UNLIKE = 0.5
ALIKE = 0.7

_LETTERS_ONLY = re.compile(r"[^\W\d_]+")
_APOSTROPHES = str.maketrans("", "", "'’‘ʼʻ′＇`´")
_TITLES = frozenset("mr mrs ms miss mx dr rev pastor mme mlle sir and et or ou".split())
_INITIAL = 0.7
_SHORTENED = 0.9
_MISSPELT = 0.85
_WORDS_LEFT_OVER = 0.95
_LONG_ENOUGH = 4


def fold_words(text: str) -> Words:
    """A name's words in lower-case ASCII: no accents, titles, digits or punctuation."""
    flat = text.translate(_APOSTROPHES)
    if not flat.isascii():
        flat = _in_ascii(flat)
    return tuple(word for word in _LETTERS_ONLY.findall(flat.casefold()) if word not in _TITLES)


def _in_ascii(text: str) -> str:
    marked = unicodedata.normalize("NFKD", text)
    plain = "".join(char for char in marked if not unicodedata.combining(char))
    if plain.isascii():
        return plain
    # Imported here: its tables are wanted only for other scripts.
    from anyascii import anyascii  # noqa: PLC0415

    return str(anyascii(plain))


def full_name(words: Words) -> str:
    """The same for `Anna Maria Roy` and `ROY, ANNA MARIA`."""
    return " ".join(sorted(words))


def likeness(payer: Words, donor: Words) -> float:
    """From 0 (nobody would think so) to 1 (the same words in any order).

    One shared surname alone stays at one half: it may be a spouse, or a stranger.
    """
    shorter, longer = sorted((payer, donor), key=len)
    if not shorter:
        return 0.0
    free = list(longer)
    rest = [word for word in shorter if not _take(free, word)]
    total = float(len(shorter) - len(rest))
    for word in rest:
        total += _take_nearest(free, word)
    scale = 1.0 if len(shorter) == len(longer) else _WORDS_LEFT_OVER
    return scale * total / max(len(shorter), 2)


def stands_in(donor: Words, text: Words) -> bool:
    """Whether all of a name of two words or more stands in a longer text."""
    return len(donor) > 1 and set(donor) <= set(text)


def _take(free: list[str], word: str) -> bool:
    if word not in free:
        return False
    free.remove(word)
    return True


def _take_nearest(free: list[str], word: str) -> float:
    best = max(free, key=lambda other: _nearness(word, other), default="")
    value = _nearness(word, best)
    if value:
        free.remove(best)
    return value


def _nearness(one: str, other: str) -> float:
    """An initial, a shortened form, or one slip of the pen."""
    short, long = sorted((one, other), key=len)
    if len(short) == 1:
        return _INITIAL if long.startswith(short) else 0.0
    if len(short) < _LONG_ENOUGH:
        return 0.0
    if long.startswith(short):
        return _SHORTENED
    return _MISSPELT if _one_slip(short, long) else 0.0


def _one_slip(short: str, long: str) -> bool:
    """One letter wrong, missing, too many, or swapped with its neighbour."""
    if len(long) - len(short) > 1:
        return False
    at = next((at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), -1)
    if at < 0:
        return True
    if len(long) > len(short):
        return short[at:] == long[at + 1 :]
    swapped = short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    return swapped or short[at + 1 :] == long[at + 1 :]


_PRIME = len(ALPHABET)
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
# The check character counts as minus one: the weighted sum of a valid reference is nought.
_WEIGHTS: tuple[int, ...] = (*range(1, LENGTH), _PRIME - 1)
_INVERSES: tuple[int, ...] = tuple(pow(weight, -1, _PRIME) for weight in _WEIGHTS)
_WORD = re.compile(r"[^\W_]+")
# Every run of nine characters that all may stand in a reference, wherever it begins.
_POSSIBLE = re.compile(rf"(?=([{ALPHABET}]{{{LENGTH}}}))")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
_GROUPS = (4, 4, 1)
# Banks carry 140 characters, a few formats several times that; the rest is not read.
_LONGEST = 2000


class Reading(StrEnum):
    """How surely a text names a gift."""

    EXACT = "exact"
    CORRECTED = "corrected"
    DOUBTFUL = "doubtful"

    @property
    def is_sure(self) -> bool:
        return self is not Reading.DOUBTFUL


@dataclass(frozen=True, slots=True)
class Window:
    """Nine characters in a row; `aligned` when they start and end where words do."""

    characters: str
    start: int
    aligned: bool
    looks_meant: bool


@dataclass(frozen=True, slots=True)
class Quotes:
    """The gifts a text names: open ones with how surely, and those already settled."""

    open: dict[str, Reading]
    settled: tuple[str, ...] = ()


class ReferenceIndex:
    """A way to ask for the references of open gifts, and of settled ones.

    Both are any container of canonical references: a set, or one that looks into a database.
    """

    def __init__(self, is_open: Container[str], settled: Container[str] = frozenset()) -> None:
        self._open = is_open
        self._settled = settled

    def read(self, *texts: str) -> Quotes:
        """Every gift these texts name; each text stands alone, no reference bridges two."""
        exact: dict[str, Reading] = {}
        repaired: dict[str, Reading] = {}
        settled: list[str] = []
        for text in texts:
            for window in self._exact(text, exact):
                if _is_valid(window.characters):
                    settled += self._as_settled(window.characters)
                elif window.looks_meant:
                    self._repair(window, repaired)
        if len(repaired) > 1:  # within one window or between two: no repair is the only one
            repaired = dict.fromkeys(repaired, Reading.DOUBTFUL)
        return Quotes(repaired | exact, tuple(dict.fromkeys(settled)))

    def _exact(self, text: str, found: dict[str, Reading]) -> list[Window]:
        """Note open references that stand in the text as they are; the windows clear of them."""
        words = _words(text)
        stream = "".join(words)
        taken = []
        for window in _POSSIBLE.finditer(stream):
            canonical = group(window[1])
            if _excess(window[1]) == 0 and canonical in self._open:
                found[canonical] = Reading.EXACT
                taken.append(window.start())
        return [
            window
            for window in _edge_windows(words, stream)
            if all(abs(window.start - at) >= LENGTH for at in taken)
        ]

    def _as_settled(self, characters: str) -> list[str]:
        canonical = group(characters)
        return [canonical] if canonical in self._settled else []

    def _repair(self, window: Window, found: dict[str, Reading]) -> None:
        """Note the open references one wrong or swapped character away."""
        repairs = set(_repairs(window.characters))
        fits = [canonical for canonical in map(group, repairs) if canonical in self._open]
        if not fits:
            return
        alone = not any(self._as_settled(characters) for characters in repairs)
        reading = Reading.CORRECTED if alone and window.aligned else Reading.DOUBTFUL
        for canonical in fits:
            if found.get(canonical) is not Reading.CORRECTED:
                found[canonical] = reading


def find_references(text: str) -> list[str]:
    """Canonical references inside a longer message, those that stand as words of their own first.

    Forgives case, spaces, hyphens and words glued on. By chance one in 31 other runs of nine
    characters is valid too, so what is found still has to be looked up.
    """
    words = _words(text)
    stream = "".join(words)
    edges = [window.characters for window in _edge_windows(words, stream) if window.aligned]
    inner = (stream[at : at + LENGTH] for at in range(len(stream) - LENGTH + 1))
    glued = [characters for characters in inner if _is_mixed(characters)]
    found = (clean_reference(characters) for characters in (*edges, *glued))
    return list(dict.fromkeys(reference for reference in found if reference))


def correct_reference(text: str, open_references: ReferenceIndex) -> str | None:
    """The one open reference that one wrong or two swapped characters turned into `text`.

    None where none or several fit, and where a settled gift's fits as well.
    """
    quotes = open_references.read(text).open
    corrected = [found for found, reading in quotes.items() if reading is Reading.CORRECTED]
    return corrected[0] if len(corrected) == 1 == len(quotes) else None


def _words(text: str) -> list[str]:
    """Upper-case runs of letters and digits, without accents."""
    text = text[:_LONGEST]
    if not text.isascii():
        flat = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in flat if not unicodedata.combining(char))
    return _WORD.findall(text.upper())


def _edge_windows(words: list[str], stream: str) -> Iterator[Window]:
    """Windows that start where a word starts, or end where one ends."""
    ends: list[int] = []
    for word in words:
        ends.append((ends[-1] if ends else 0) + len(word))
    starts = [end - len(word) for end, word in zip(ends, words, strict=True)]
    at_start, at_end = set(starts), {end - LENGTH for end in ends}
    for at in sorted(at_start | at_end):
        if not 0 <= at <= len(stream) - LENGTH:
            continue
        characters = stream[at : at + LENGTH]
        aligned = at in at_start and at in at_end
        grouped = aligned and _lengths(starts, ends, at) == _GROUPS
        yield Window(characters, at, aligned, grouped or _is_mixed(characters))


def _lengths(starts: list[int], ends: list[int], at: int) -> tuple[int, ...]:
    """How long the words are that an aligned window is made of."""
    inside = (pair for pair in zip(starts, ends, strict=True) if at <= pair[0] < at + LENGTH)
    return tuple(end - start for start, end in inside)


def _is_mixed(characters: str) -> bool:
    """Whether letters and digits stand together, as in no word and no account number."""
    return bool(_DIGIT.search(characters) and _LETTER.search(characters))


def _is_valid(characters: str) -> bool:
    return all(character in _VALUE for character in characters) and _excess(characters) == 0


def _excess(characters: str) -> int:
    """How far the weighted sum is from nought; characters outside the alphabet count nothing."""
    pairs = zip(_WEIGHTS, characters, strict=True)
    return sum(weight * _VALUE.get(character, 0) for weight, character in pairs) % _PRIME


def _repairs(characters: str) -> Iterator[str]:
    """The valid references one changed character, or one swap of neighbours, away."""
    foreign = [at for at, character in enumerate(characters) if character not in _VALUE]
    if len(foreign) > 1:
        return
    excess = _excess(characters)
    for at in foreign or range(LENGTH):
        value = (_VALUE.get(characters[at], 0) - excess * _INVERSES[at]) % _PRIME
        yield characters[:at] + ALPHABET[value] + characters[at + 1 :]
    for at in range(0 if foreign else LENGTH - 1):
        swapped = characters[:at] + characters[at + 1] + characters[at] + characters[at + 2 :]
        if _excess(swapped) == 0:
            yield swapped
