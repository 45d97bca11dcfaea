"""Who is signed in: a signed cookie under /staff, checked against the account each time.

Not Flask-Login: its hooks look at the session on every request of the app, which puts
`Vary: Cookie` on donors' pages and takes them out of shared caches.
"""

from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.signin.accounts import StaffUser

# What Flask's session is: the values of one signed cookie.
Cookie = MutableMapping[str, Any]

LIFETIME = timedelta(hours=12)
IDLE = timedelta(minutes=60)
TOUCH_AFTER = timedelta(minutes=1)
KEPT = ("language",)


# Made once: it is asked on every page.
_BY_ID = sa.select(StaffUser).where(StaffUser.id == sa.bindparam("wanted"))


def begin_session(cookie: Cookie, user: StaffUser, now: datetime) -> None:
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


def find_signed_in(cookie: Cookie, db: Session, now: datetime) -> StaffUser | None:
    """The account of this browser's session, while the session and the account hold."""
    if "user" not in cookie or not _holds(cookie, now):
        return None
    user = db.scalar(_BY_ID, {"wanted": cookie["user"]})
    if user is None or not user.active or user.session_key != cookie["key"]:
        return None
    if now - _moment(cookie, "seen") >= TOUCH_AFTER:
        cookie["seen"] = int(now.timestamp())
    return user


def _holds(cookie: Cookie, now: datetime) -> bool:
    return now - _moment(cookie, "since") < LIFETIME and now - _moment(cookie, "seen") < IDLE


def _moment(cookie: Cookie, name: str) -> datetime:
    return datetime.fromtimestamp(cookie.get(name, 0), UTC)
