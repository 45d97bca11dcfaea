"""Spellings that nobody guesses, for secret codes.

A draw of 12 from 31 letters and figures is worth 59 bits; 11, which are 54 bits, are the fewest
that are taken, since 10 are less than 50. Letters that are read for others (0 and O; 1, I and L)
are in none.
"""

import secrets

from portal.codes.parsing import CodeError, check_spelling

UNAMBIGUOUS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
SECRET_LENGTH = 12
FEWEST_SECRET = 11
# One that has fewer different ones was thought up by somebody: AAAAAAAAAAAA.
FEWEST_DIFFERENT = 5
GROUP = 4


def make_secret() -> str:
    """A new spelling in groups, as it is printed: `7K3Q-XDLW-9MPA` kind."""
    drawn = ""
    while len({*drawn}) < FEWEST_DIFFERENT:
        drawn = "".join(secrets.choice(UNAMBIGUOUS) for _ in range(SECRET_LENGTH))
    return "-".join(drawn[at : at + GROUP] for at in range(0, SECRET_LENGTH, GROUP))


def check_secret(display: str) -> None:
    """Raise `CodeError` where a secret code could be guessed or misread."""
    code = check_spelling(display)
    is_clear = {*code} <= {*UNAMBIGUOUS}
    if not is_clear or len(code) < FEWEST_SECRET or len({*code}) < FEWEST_DIFFERENT:
        what = f"is at least {FEWEST_SECRET} letters and digits without 0, O, 1, I and L"
        raise CodeError(display, "code", what)
