"""The words by which a gift's donor is found: of their name, and of their e-mail address.

Every script is written in Latin letters (anyascii), so that Łukasz is found as Lukasz; German
umlauts and the Greek pairs that passports write otherwise (ELOT 743) have both of their
spellings; apostrophes and hyphens are dropped, and capitals inside a word begin one. The
migration that filled the table had the rules of its day: rows of before are found by those.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from anyascii import anyascii

from portal.plain import clean_line

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
