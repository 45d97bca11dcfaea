"""Who is signed in to an area: a signed cookie of its own, checked against the account each time.

Not Flask-Login: its hooks look at the session on every request of the app, which puts
`Vary: Cookie` on donors' pages and takes them out of shared caches.
"""

import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

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


def read_session(cookie: Cookie, now: datetime) -> Held | None:
    """The session in a cookie, unless it is too old or was idle for too long."""
    if "user" not in cookie or not _holds(cookie, now):
        return None
    return Held(cookie["user"], cookie["key"])


def touch_session(cookie: Cookie, now: datetime) -> None:
    """Note that a session was used; at most once a minute, so that few answers set a cookie."""
    if now - _moment(cookie, "seen") >= TOUCH_AFTER:
        cookie["seen"] = int(now.timestamp())


def _holds(cookie: Cookie, now: datetime) -> bool:
    return now - _moment(cookie, "since") < LIFETIME and now - _moment(cookie, "seen") < IDLE


def _moment(cookie: Cookie, name: str) -> datetime:
    return datetime.fromtimestamp(cookie.get(name, 0), UTC)
