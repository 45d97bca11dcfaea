"""What staff do, each act with its line in the audit log."""

import secrets

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.i18n import gettext
from portal.services import Act
from portal.signin.models import Role, StaffUser
from portal.signin.passwords import hash_password, is_outdated, rehash


class UserExists(ValueError):
    """There is an account with this e-mail address."""

    def __init__(self) -> None:
        super().__init__(gettext("There is an account with this e-mail address already."))


class LastAdmin(Exception):
    """Without this administrator nobody could add or change accounts."""


def actor_of(user: StaffUser) -> str:
    return f"staff:{user.id}"


def clean_email(text: str) -> str:
    return text.strip().lower()


def find_user(session: Session, email: str) -> StaffUser | None:
    return session.scalar(sa.select(StaffUser).where(StaffUser.email == email))


def add_user(act: Act, email: str, name: str, role: Role, password: str) -> StaffUser:
    """A new account; `UserExists` or `WeakPassword` where it can't be."""
    address = clean_email(email)
    if act.session.scalar(sa.select(StaffUser.id).where(StaffUser.email == address)) is not None:
        raise UserExists
    user = StaffUser(
        email=address,
        name=name.strip(),
        role=role,
        password_hash=hash_password(password, own=f"{name} {address}"),
        session_key=_new_key(),
        active=True,
        created_at=act.now,
        signed_in_at=None,
    )
    act.session.add(user)
    act.session.flush()
    act.note("user_add", f"staff:{user.id}", {"role": role.value})
    return user


def change_role(act: Act, user: StaffUser, role: Role) -> None:
    """Give an account another role; `LastAdmin` where no administrator would be left."""
    if user.role is role:
        return
    if user.role is Role.ADMIN:
        _keep_an_admin(act.session, user)
    act.note("user_role", actor_of(user), {"from": user.role, "to": role.value})
    user.role = role


def deactivate_user(act: Act, user: StaffUser) -> None:
    """Close an account and end its sessions; `LastAdmin` where no administrator would be left."""
    if not user.active:
        return
    if user.role is Role.ADMIN:
        _keep_an_admin(act.session, user)
    user.active, user.session_key = False, _new_key()
    act.note("user_deactivate", actor_of(user), {})


def activate_user(act: Act, user: StaffUser) -> None:
    """Open a closed account again."""
    if not user.active:
        user.active = True
        act.note("user_activate", actor_of(user), {})


def change_password(act: Act, user: StaffUser, password: str) -> None:
    """Set a new password, which ends all sessions of the account; or `WeakPassword`."""
    own = f"{user.name} {user.email}"
    user.password_hash, user.session_key = hash_password(password, own=own), _new_key()
    act.note("password_change", actor_of(user), {})


def note_sign_in(act: Act, user: StaffUser, password: str) -> None:
    """Record a sign-in, and refresh a hash of older parameters while the password is known."""
    user.signed_in_at = act.now
    if is_outdated(user.password_hash):
        user.password_hash = rehash(password)
    act.note("sign_in", actor_of(user), {}, actor=actor_of(user))


def end_all_sessions(act: Act, user: StaffUser) -> None:
    """Sign an account out of every browser: a copied cookie is worth nothing then."""
    user.session_key = _new_key()
    act.note("sign_out", actor_of(user), {}, actor=actor_of(user))


def _new_key() -> str:
    return secrets.token_hex(16)


def _keep_an_admin(session: Session, leaving: StaffUser) -> None:
    others = sa.select(StaffUser.id).where(
        StaffUser.role == Role.ADMIN, StaffUser.active, StaffUser.id != leaving.id
    )
    if session.scalars(others.limit(1).with_for_update()).first() is None:
        raise LastAdmin
