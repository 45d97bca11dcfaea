"""A gift's public reference: short, unambiguous and checksummed, as in `LW7K-3QXD-9`.

Thirty-one characters without 0, 1, I, L and O; the last is the weighted sum of the others
modulo 31. As 31 is prime and the weights differ, every single wrong character and every swap of
two characters is noticed.
"""

import re
import secrets
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from anyascii import anyascii

from portal.plain import clean_line

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 9
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_IGNORED = str.maketrans("", "", " -–—_./\u00a0\u202f")


def make_reference() -> str:
    """A new random reference, in groups for people: `7K3Q-XDLW-9` kind."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
    return group(body + check_character(body))


def check_character(body: str) -> str:
    """The last character for the eight before it."""
    total = sum(weight * _VALUE[character] for weight, character in enumerate(body, start=1))
    return ALPHABET[total % len(ALPHABET)]


def group(characters: str) -> str:
    return f"{characters[:4]}-{characters[4:8]}-{characters[8:]}"


def clean_reference(text: str) -> str | None:
    """The canonical form of what someone typed, or None where it is no valid reference."""
    characters = text.upper().translate(_IGNORED)
    if len(characters) != LENGTH or any(character not in _VALUE for character in characters):
        return None
    return group(characters) if check_character(characters[:-1]) == characters[-1] else None


LONGEST_WORD = 60
MOST_WORDS = 40
MOST_ASKED = 4
_BREAKS = re.compile(r"[\s,;/()\"]+")
_INNER = re.compile(r"[-‐‑‒–—―−－'’ʼ‘ʻ′＇`´.]+")
_HYPHENS = re.compile(r"[-‐‑‒–—―−－]+")
_CAPITALS = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-ZÀ-ÖØ-Þ])")
_SIGNS = re.compile(r"[^a-z0-9]+")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_GREEK = (("ου", "ou"), ("αυ", "av"), ("ευ", "ev"), ("γγ", "ng"))
_SPELT = re.compile(r"([aou])e")


@lru_cache(maxsize=4096)
def fold_word(text: str) -> frozenset[str]:
    """How one word may be spelt: `Müller` as muller and mueller, `O'Brien` as obrien."""
    lower = unicodedata.normalize("NFKC", clean_line(text)).casefold()
    spellings = (lower, lower.translate(_UMLAUTS), _write_greek(lower))
    folded = {_SIGNS.sub("", anyascii(spelling).casefold()) for spelling in spellings}
    return frozenset(word[:LONGEST_WORD] for word in folded if word)


def _write_greek(lower: str) -> str:
    """Παπαδοπούλου as papadopoulou, where letter by letter it is papadopoyloy."""
    if not any("α" <= character <= "ώ" for character in lower):
        return lower
    marked = unicodedata.normalize("NFD", lower)
    plain = "".join(character for character in marked if not unicodedata.combining(character))
    for pair, written in _GREEK:
        plain = plain.replace(pair, written)
    return plain


def list_words(first_name: str, last_name: str, email: str) -> list[str]:
    """Every word that finds a donor, sorted; at most some dozens."""
    found: set[str] = {word for part in _parts(first_name, last_name) for word in fold_word(part)}
    found |= {_SPELT.sub(r"\1", word) for word in found}
    found |= {part[:LONGEST_WORD] for part in _email_parts(email)}
    return sorted(found)[:MOST_WORDS]


def _parts(first_name: str, last_name: str) -> Iterator[str]:
    """Each word, what it is made of, and names written without a space."""
    for name in (first_name, last_name, f"{last_name} {first_name}", f"{first_name} {last_name}"):
        yield "".join(_BREAKS.split(name))
    for word in _BREAKS.split(f"{first_name} {last_name}"):
        yield word
        for breaks in (_INNER, _HYPHENS, _CAPITALS):
            yield from (part for part in breaks.split(word) if len(part) > 1)


def _email_parts(email: str) -> Iterator[str]:
    local, _, domain = email.lower().rpartition("@")
    if local:
        labels = domain.split(".")
        yield local
        yield from (".".join(labels[at:]) for at in range(max(len(labels) - 1, 1)))
        yield from (part for part in re.split(r"[.+_-]", f"{local}.{domain}") if len(part) > 1)


def ask_words(text: str) -> tuple[frozenset[str], ...]:
    """What was typed as words to look for, each in its spellings; all of them have to fit.

    One word alone may be a part of an e-mail address as well.
    """
    words = [word for word in _BREAKS.split(text) if word][:MOST_ASKED]
    if len(words) == 1:
        part = words[0].strip("@").lower()[:LONGEST_WORD]
        return (frozenset({part, *fold_word(words[0])} - {""}),)
    return tuple(found for word in words if (found := fold_word(word)))
