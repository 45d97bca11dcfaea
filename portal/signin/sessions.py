"""Who is signed in to an area, and the passwords of those who have one.

A signed cookie of the area's own is checked against the account each time. Not Flask-Login: its
hooks look at the session on every request of the app, which puts `Vary: Cookie` on donors' pages
and takes them out of shared caches.
"""

import re
import secrets
import threading
import unicodedata
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.gifts.references import fold_word
from portal.i18n import gettext

# What Flask's session is: the values of one signed cookie.
Cookie = MutableMapping[str, Any]

LIFETIME = timedelta(hours=12)
IDLE = timedelta(minutes=60)
TOUCH_AFTER = timedelta(minutes=1)
KEPT = ("language",)


class Holder(Protocol):
    """An account: one that changes its `session_key` ends all its sessions."""

    id: Any
    session_key: Any


@dataclass(frozen=True, slots=True)
class Held:
    """Whose session a cookie says it is; true while the account's key is the same."""

    user_id: int
    key: str


def make_session_key() -> str:
    return secrets.token_hex(16)


def begin_session(cookie: Cookie, user: Holder, now: datetime) -> None:
    """Sign this browser in, under a new cookie and a new CSRF secret."""
    kept = {name: cookie[name] for name in KEPT if name in cookie}
    cookie.clear()
    cookie.update(
        kept,
        user=user.id,
        key=user.session_key,
        since=int(now.timestamp()),
        seen=int(now.timestamp()),
    )


def end_session(cookie: Cookie) -> None:
    """Forget this browser's cookie."""
    cookie.clear()


def read_session(
    cookie: Cookie, now: datetime, *, lifetime: timedelta = LIFETIME, idle: timedelta = IDLE
) -> Held | None:
    """The session in a cookie, unless it is too old or was idle for too long."""
    if "user" not in cookie or not _holds(cookie, now, lifetime, idle):
        return None
    return Held(cookie["user"], cookie["key"])


def touch_session(cookie: Cookie, now: datetime) -> None:
    """Note that a session was used; at most once a minute, so that few answers set a cookie."""
    if now - _moment(cookie, "seen") >= TOUCH_AFTER:
        cookie["seen"] = int(now.timestamp())


def _holds(cookie: Cookie, now: datetime, lifetime: timedelta, idle: timedelta) -> bool:
    return now - _moment(cookie, "since") < lifetime and now - _moment(cookie, "seen") < idle


def _moment(cookie: Cookie, name: str) -> datetime:
    return datetime.fromtimestamp(cookie.get(name, 0), UTC)


SHORTEST = 12
LONGEST = 256
FEWEST_SIGNS = 5
LONG_WORD = 4
# Of zxcvbn's marks, 0 to 4, and as much of a password as it takes in reasonable time.
HARD_TO_GUESS = 3
MOST_JUDGED = 72
# The same of what is between the few figures and signs at the ends, which many choose by rote: a
# year and an exclamation mark. Its second mark stands for a million guesses.
HARD_ENOUGH = 2
MOST_BY_ROTE = 8
# The lists are of English; these are what people of this trade, and in French, think of first.
COMMON = (
    "bienvenue bonjour bonsoir motdepasse azerty soleil famille maison amour bisous merci eglise"
    " jesus dieu paroisse janvier fevrier mars avril mai juin juillet aout septembre octobre"
    " novembre decembre lundi mardi mercredi jeudi vendredi samedi dimanche printemps automne"
    " hiver noel paques montreal quebec tresorier benevole comptable secretaire don dons"
    " donation donations giving church ministry charity offering tithe treasurer portal"
).split()
_WORD = re.compile(r"[^\W_]+")

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# A rush of tries must not take all the worker's memory and cores.
_turn = threading.BoundedSemaphore(2)


class WeakPassword(ValueError):
    """The password can't be taken; the text says why."""


def hash_password(password: str, *, own: str = "") -> str:
    """The argon2id hash of a password; `WeakPassword` where it is too easy.

    `own` is what everybody knows of its owner: name and e-mail address.
    """
    normal = _normalise(password)
    if len(normal) < SHORTEST:
        raise WeakPassword(gettext("Use at least %(number)s characters.", number=SHORTEST))
    if len(normal) > LONGEST:
        raise WeakPassword(gettext("Use at most %(number)s characters.", number=LONGEST))
    if len(set(normal)) < FEWEST_SIGNS:
        raise WeakPassword(gettext("Use more different characters."))
    _refuse_known(normal.casefold(), _own_words(own))
    return rehash(password)


def _own_words(own: str) -> set[str]:
    """What everybody knows, as it is written and in Latin letters: Müller, muller and mueller."""
    words = set(_WORD.findall(_normalise(own).casefold()))
    return words.union(*(fold_word(word) for word in own.split()), *map(fold_word, words))


def _refuse_known(password: str, own: set[str]) -> None:
    """No password that others try first: their owner's words, or one that many people use.

    The lists of common passwords and names are zxcvbn's and a few words of ours; its third of four
    marks stands for more than a hundred million guesses. Accents make nothing harder to guess.
    """
    # Imported here: its lists take a third of a second that only new passwords need.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    # Not from the cache: no password stays in memory.
    written = (password, *fold_word.__wrapped__(password))
    if any(len(word) >= LONG_WORD and word in text for word in own for text in written):
        raise WeakPassword(gettext("Leave your name and e-mail address out of your password."))
    known, plain = sorted(own.union(COMMON)), _without_accents(password)
    found = zxcvbn(plain[:MOST_JUDGED], user_inputs=known)
    core = zxcvbn(_cut_ends(plain)[:MOST_JUDGED], user_inputs=known)
    if found["score"] < HARD_TO_GUESS or core["score"] < HARD_ENOUGH:
        raise WeakPassword(
            gettext("Many people use this password, or one much like it. Use a phrase of your own.")
        )


def _without_accents(password: str) -> str:
    marked = unicodedata.normalize("NFD", password)
    return "".join(sign for sign in marked if not unicodedata.combining(sign))


def _cut_ends(password: str) -> str:
    """It without what stands before its first and behind its last letter, if that is little."""
    letters = [at for at, sign in enumerate(password) if sign.isalpha()]
    core = password[letters[0] : letters[-1] + 1] if letters else ""
    return core if len(password) - len(core) <= MOST_BY_ROTE else password


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
    # The same accented letter can be typed as one character or as two.
    return unicodedata.normalize("NFKC", password)[: LONGEST + 1]
