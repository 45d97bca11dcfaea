"""A gift's public reference: short, unambiguous and checksummed, as in `LW7K-3QXD-9`.

Thirty-one signs without 0, 1, I, L and O; the last is the weighted sum of the others
modulo 31. As 31 is prime and the weights differ, every single wrong sign and every swap of
two signs is noticed.
"""

import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 9
_VALUE = {sign: value for value, sign in enumerate(ALPHABET)}
_IGNORED = str.maketrans("", "", " -–—_./\u00a0\u202f")


def make_reference() -> str:
    """A new random reference, in groups for people: `7K3Q-XDLW-9` kind."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
    return group(body + check_sign(body))


def check_sign(body: str) -> str:
    """The last sign for the eight before it."""
    total = sum(weight * _VALUE[sign] for weight, sign in enumerate(body, start=1))
    return ALPHABET[total % len(ALPHABET)]


def group(signs: str) -> str:
    return f"{signs[:4]}-{signs[4:8]}-{signs[8:]}"


def clean_reference(text: str) -> str | None:
    """The canonical form of what someone typed, or None where it is no valid reference."""
    signs = text.upper().translate(_IGNORED)
    if len(signs) != LENGTH or any(sign not in _VALUE for sign in signs):
        return None
    return group(signs) if check_sign(signs[:-1]) == signs[-1] else None
