"""How alike two people's names are, as banks, mails and donors write them."""

import re
import unicodedata

Words = tuple[str, ...]

# Below this two names are different people's; above the second they may be one person's.
UNLIKE = 0.5
ALIKE = 0.7

_WORD = re.compile(r"[^\W\d_]+")
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
    return tuple(word for word in _WORD.findall(flat.casefold()) if word not in _TITLES)


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
