"""Checking who wants to sign in, with a limit on tries by account and by network."""

from dataclasses import dataclass

from portal.limits import anonymise, hit
from portal.services import Services
from portal.signin.accounts import actor_of, clean_email, find_user, note_sign_in
from portal.signin.models import StaffUser
from portal.signin.passwords import is_right

WINDOW_MINUTES = 15
TRIES_BY_ACCOUNT = 10
TRIES_BY_NETWORK = 30


class TooManyTries(Exception):
    """The limit is reached; the password was not looked at."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An address and a password, from a network (a keyed hash)."""

    email: str
    password: str
    network: str


def let_in(services: Services, attempt: Attempt) -> StaffUser | None:
    """The account that the attempt signs in to, or None; or `TooManyTries`."""
    user = check_password(services, attempt)
    if user is None:
        return None
    with services.write(actor_of(user)) as act:
        found = act.session.get_one(StaffUser, user.id)
        note_sign_in(act, found, attempt.password)
        return found


def check_password(services: Services, attempt: Attempt) -> StaffUser | None:
    """The active account that the password belongs to, or None; or `TooManyTries`.

    An unknown address takes as long as a wrong password, and both are on record.
    """
    email = clean_email(attempt.email)
    secret = services.settings.secret_key.get_secret_value()
    _count(services, anonymise(secret, email), attempt.network)
    with services.database.read() as session:
        user = find_user(session, email)
    is_fitting = is_right(attempt.password, user.password_hash if user else None)
    if user is not None and is_fitting and user.active:
        return user
    with services.write() as act:
        subject = actor_of(user) if user else "staff:unknown"
        act.note("sign_in_failed", subject, {})
    return None


def _count(services: Services, account: str, network: str) -> None:
    seconds = WINDOW_MINUTES * 60
    now = services.now()
    with services.database.write() as session:
        is_allowed = [
            hit(
                session,
                "sign_in_account",
                account,
                limit=TRIES_BY_ACCOUNT,
                seconds=seconds,
                now=now,
            ),
            hit(
                session,
                "sign_in_network",
                network,
                limit=TRIES_BY_NETWORK,
                seconds=seconds,
                now=now,
            ),
        ]
    if not all(is_allowed):
        raise TooManyTries
