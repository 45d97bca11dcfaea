"""One spelling of a code, whatever way it was typed, read out or copied."""

import unicodedata

LONGEST_INPUT = 40
LONGEST_CODE = 32

# Dashes, spaces and controls, by Unicode category; dots and middle dots by name.
_SILENT_CATEGORIES = frozenset("Pd Zs Zl Zp Cc Cf Cs Co Cn".split())
_SILENT_SIGNS = frozenset(".·•")


def normalise_code(text: str) -> str:
    """`text` in capitals without spaces, hyphens and dots, at most 40 signs.

    Real codes have at most 32, so that a cut text never equals one.
    """
    spelling = text
    while (folded := _fold(spelling)) != spelling:
        spelling = folded
    return spelling[:LONGEST_INPUT]


def _fold(text: str) -> str:
    """One round: taking a sign out can join its neighbours, so that rounds are repeated."""
    return _without_silent(unicodedata.normalize("NFKC", text).upper())


def _without_silent(text: str) -> str:
    return "".join(sign for sign in text if not _is_silent(sign))


def _is_silent(sign: str) -> bool:
    return sign in _SILENT_SIGNS or unicodedata.category(sign) in _SILENT_CATEGORIES
