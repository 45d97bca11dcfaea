"""Passwords: argon2id hashes, and what may be one.

Parameters are OWASP's second choice (19 MiB, 2 passes), which keeps sign-in near 30 ms
and a worker's memory small.
"""

import threading
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.i18n import gettext

SHORTEST = 12
LONGEST = 256
FEWEST_SIGNS = 5

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# A rush of tries must not take all the worker's memory and cores.
_turn = threading.BoundedSemaphore(2)


class WeakPassword(ValueError):
    """The password can't be taken; the text says why."""


def hash_password(password: str) -> str:
    """The argon2id hash of a password; `WeakPassword` where it is too easy."""
    normal = _normalise(password)
    if len(normal) < SHORTEST:
        raise WeakPassword(gettext("Use at least %(number)s characters.", number=SHORTEST))
    if len(normal) > LONGEST:
        raise WeakPassword(gettext("Use at most %(number)s characters.", number=LONGEST))
    if len(set(normal)) < FEWEST_SIGNS:
        raise WeakPassword(gettext("Use more different characters."))
    return rehash(password)


def rehash(password: str) -> str:
    """The hash of a password that was accepted before."""
    with _turn:
        return _hasher.hash(_normalise(password))


def is_right(password: str, password_hash: str | None) -> bool:
    """Whether the password fits; without a hash it takes as long and says no."""
    with _turn:
        try:
            fits = _hasher.verify(password_hash or _nobodys_hash(), _normalise(password))
        except (VerificationError, InvalidHashError):
            return False
    return fits and password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("a password that nobody has")


def _normalise(password: str) -> str:
    # The same accented letter can be typed as one sign or as two.
    return unicodedata.normalize("NFKC", password)[: LONGEST + 1]
