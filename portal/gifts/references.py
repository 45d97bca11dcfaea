"""A gift's public reference: short, unambiguous and checksummed, as in `LW7K-3QXD-9`.

Thirty-one characters without 0, 1, I, L and O; the last is the weighted sum of the others
modulo 31. As 31 is prime and the weights differ, every single wrong character and every swap of
two characters is noticed.
"""

import secrets

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
