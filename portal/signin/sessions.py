"""Who is signed in: a signed cookie under /staff, checked against the account each time.

Not Flask-Login: its hooks look at the session on every request of the app, which puts
`Vary: Cookie` on donors' pages and takes them out of shared caches.
"""

from datetime import UTC, datetime, timedelta

from flask import session
from sqlalchemy.orm import Session

from portal.signin.models import StaffUser

LIFETIME = timedelta(hours=12)
IDLE = timedelta(minutes=60)
TOUCH_AFTER = timedelta(minutes=1)
KEPT = ("language",)


def begin_session(user: StaffUser, now: datetime) -> None:
    """Sign this browser in, under a new cookie and a new CSRF secret."""
    kept = {name: session[name] for name in KEPT if name in session}
    session.clear()
    session.update(
        kept,
        user=user.id,
        key=user.session_key,
        since=int(now.timestamp()),
        seen=int(now.timestamp()),
    )
    session.permanent = True


def end_session() -> None:
    """Forget this browser's cookie."""
    session.clear()


def find_signed_in(db: Session, now: datetime) -> StaffUser | None:
    """The account of this browser's session, while the session and the account hold."""
    if "user" not in session or not _holds(now):
        return None
    user = db.get(StaffUser, session["user"])
    if user is None or not user.active or user.session_key != session["key"]:
        return None
    if now - _moment("seen") >= TOUCH_AFTER:
        session["seen"] = int(now.timestamp())
    return user


def _holds(now: datetime) -> bool:
    return now - _moment("since") < LIFETIME and now - _moment("seen") < IDLE


def _moment(name: str) -> datetime:
    return datetime.fromtimestamp(session.get(name, 0), UTC)
