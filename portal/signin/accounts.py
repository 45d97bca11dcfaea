"""What staff do, each act with its line in the audit log."""

import secrets
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Document
from portal.i18n import gettext
from portal.signin.models import AuditEntry, Role, StaffUser
from portal.signin.passwords import hash_password, is_outdated, rehash


class UserExists(ValueError):
    """There is an account with this e-mail address."""

    def __init__(self) -> None:
        super().__init__(gettext("There is an account with this e-mail address already."))


class LastAdmin(Exception):
    """Without this administrator nobody could add or change accounts."""


def audit(
    session: Session, actor: str, act: str, subject: str, detail: Document, *, now: datetime
) -> None:
    """Add a line: `actor` (`staff:7`) did `act` to `subject` (`gift:12`)."""
    session.execute(
        sa.insert(AuditEntry).values(at=now, actor=actor, act=act, subject=subject, detail=detail)
    )


def actor_of(user: StaffUser) -> str:
    return f"staff:{user.id}"


def clean_email(text: str) -> str:
    return text.strip().lower()


def find_user(session: Session, email: str) -> StaffUser | None:
    return session.scalar(sa.select(StaffUser).where(StaffUser.email == email))


def add_user(
    session: Session,
    email: str,
    name: str,
    role: Role,
    password: str,
    *,
    now: datetime,
    actor: str = "system",
) -> StaffUser:
    """A new account; `UserExists` or `WeakPassword` where it can't be."""
    address = clean_email(email)
    if session.scalar(sa.select(StaffUser.id).where(StaffUser.email == address)) is not None:
        raise UserExists
    user = StaffUser(
        email=address,
        name=name.strip(),
        role=role.value,
        password_hash=hash_password(password, own=f"{name} {address}"),
        session_key=_new_key(),
        active=True,
        created_at=now,
        signed_in_at=None,
    )
    session.add(user)
    session.flush()
    audit(session, actor, "user_add", f"staff:{user.id}", {"role": role.value}, now=now)
    return user


def change_role(session: Session, user: StaffUser, role: Role, actor: str, now: datetime) -> None:
    """Give an account another role; `LastAdmin` where no administrator would be left."""
    if Role(user.role) is role:
        return
    if user.role == Role.ADMIN:
        _keep_an_admin(session, user)
    audit(
        session, actor, "user_role", actor_of(user), {"from": user.role, "to": role.value}, now=now
    )
    user.role = role.value


def deactivate_user(session: Session, user: StaffUser, actor: str, now: datetime) -> None:
    """Close an account and end its sessions; `LastAdmin` where no administrator would be left."""
    if not user.active:
        return
    if user.role == Role.ADMIN:
        _keep_an_admin(session, user)
    user.active, user.session_key = False, _new_key()
    audit(session, actor, "user_deactivate", actor_of(user), {}, now=now)


def activate_user(session: Session, user: StaffUser, actor: str, now: datetime) -> None:
    """Open a closed account again."""
    if not user.active:
        user.active = True
        audit(session, actor, "user_activate", actor_of(user), {}, now=now)


def change_password(
    session: Session, user: StaffUser, password: str, actor: str, now: datetime
) -> None:
    """Set a new password, which ends all sessions of the account; or `WeakPassword`."""
    own = f"{user.name} {user.email}"
    user.password_hash, user.session_key = hash_password(password, own=own), _new_key()
    audit(session, actor, "password_change", actor_of(user), {}, now=now)


def note_sign_in(session: Session, user: StaffUser, password: str, now: datetime) -> None:
    """Record a sign-in, and refresh a hash of older parameters while the password is known."""
    user.signed_in_at = now
    if is_outdated(user.password_hash):
        user.password_hash = rehash(password)
    audit(session, actor_of(user), "sign_in", actor_of(user), {}, now=now)


def end_all_sessions(session: Session, user: StaffUser, now: datetime) -> None:
    """Sign an account out of every browser: a copied cookie is worth nothing then."""
    user.session_key = _new_key()
    audit(session, actor_of(user), "sign_out", actor_of(user), {}, now=now)


def was_asked(session: Session, act: str, subject: str, once: str) -> bool:
    """Whether the form that carries `once` has been acted on before."""
    details = session.scalars(
        sa.select(AuditEntry.detail)
        .where(AuditEntry.subject == subject, AuditEntry.act == act)
        .order_by(AuditEntry.id.desc())
        .limit(100)
    )
    return any(detail.get("once") == once for detail in details)


def _new_key() -> str:
    return secrets.token_hex(16)


def _keep_an_admin(session: Session, leaving: StaffUser) -> None:
    others = sa.select(StaffUser.id).where(
        StaffUser.role == Role.ADMIN.value, StaffUser.active, StaffUser.id != leaving.id
    )
    if session.scalars(others.limit(1).with_for_update()).first() is None:
        raise LastAdmin
