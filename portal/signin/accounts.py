"""Accounts of staff and of partners' people, each act with its line in the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.codes.models import Scope
from portal.database import Base, BigId, enum_column, table_of
from portal.driver import ask, hold
from portal.i18n import Labelled, gettext
from portal.limits import anonymise, hit
from portal.services import Act, Services
from portal.signin.sessions import (
    Cookie,
    hash_password,
    is_outdated,
    is_right,
    make_session_key,
    read_session,
    rehash,
    touch_session,
)


class Role(Labelled):
    """What a staff member may do; each role may all that the ones after it may."""

    ADMIN = "admin", "Administrator"
    FINANCE = "finance", "Finance"
    VIEWER = "viewer", "Viewer"

    def may(self, needed: "Role") -> bool:
        """Whether this role reaches `needed`."""
        order = list(Role)
        return order.index(self) <= order.index(needed)


class StaffUser(Base):
    """Someone who may sign in. `session_key` changes to end every session at once."""

    __tablename__ = "staff_users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    role: Mapped[Role] = enum_column(Role, 20)
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    session_key: Mapped[str] = mapped_column(sa.String(32))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]


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
        session_key=make_session_key(),
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
    user.active, user.session_key = False, make_session_key()
    act.note("user_deactivate", actor_of(user), {})


def activate_user(act: Act, user: StaffUser) -> None:
    """Open a closed account again."""
    if not user.active:
        user.active = True
        act.note("user_activate", actor_of(user), {})


def change_password(act: Act, user: StaffUser, password: str) -> None:
    """Set a new password, which ends all sessions of the account; or `WeakPassword`."""
    own = f"{user.name} {user.email}"
    user.password_hash, user.session_key = hash_password(password, own=own), make_session_key()
    act.note("password_change", actor_of(user), {})


def note_sign_in(act: Act, user: StaffUser, password: str) -> None:
    """Record a sign-in, and refresh a hash of older parameters while the password is known."""
    user.signed_in_at = act.now
    if is_outdated(user.password_hash):
        user.password_hash = rehash(password)
    act.note("sign_in", actor_of(user), {}, actor=actor_of(user))


def end_all_sessions(act: Act, user: StaffUser) -> None:
    """Sign an account out of every browser: a copied cookie is worth nothing then."""
    user.session_key = make_session_key()
    act.note("sign_out", actor_of(user), {}, actor=actor_of(user))


def _keep_an_admin(session: Session, leaving: StaffUser) -> None:
    others = sa.select(StaffUser.id).where(
        StaffUser.role == Role.ADMIN, StaffUser.active, StaffUser.id != leaving.id
    )
    if session.scalars(others.limit(1).with_for_update()).first() is None:
        raise LastAdmin


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
    counters = (
        ("sign_in_account", account, TRIES_BY_ACCOUNT),
        ("sign_in_network", network, TRIES_BY_NETWORK),
    )
    with services.database.write() as session:
        is_allowed = [
            hit(session, counter, key, limit=limit, seconds=seconds, now=now)
            for counter, key, limit in counters
        ]
    if not all(is_allowed):
        raise TooManyTries


# Made once, and run by the driver: it is asked on every page.
_ACCOUNTS = table_of(StaffUser)
_BY_ID = sa.select(_ACCOUNTS).where(_ACCOUNTS.c.id == sa.bindparam("wanted"))


def find_signed_in(cookie: Cookie, db: Session, now: datetime) -> StaffUser | None:
    """The account of this browser's session, while the session and the account hold."""
    held = read_session(cookie, now)
    if held is None:
        return None
    row = ask(db, _BY_ID, {"wanted": held.user_id}).first()
    user = hold(db, StaffUser, row) if row else None
    if user is None or not user.active or user.session_key != held.key:
        return None
    touch_session(cookie, now)
    return user


class PartnerRole(StrEnum):
    """Everybody sees the figures; owners also say who else does."""

    OWNER = "owner"
    VIEWER = "viewer"


class PartnerUser(Base):
    """Someone who may see what a scope, and all below it, brought.

    One who was removed keeps the row, and comes back with it; `session_key` changes to end every
    session at once. `mailed_month` (`2026-10`) is the last that their monthly letter was about.
    """

    __tablename__ = "partner_users"
    __table_args__ = (
        sa.UniqueConstraint("scope_id", "email"),
        sa.Index("ix_partner_users_email", "email"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    scope_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("scopes.id"))
    email: Mapped[str] = mapped_column(sa.String(254))
    role: Mapped[PartnerRole] = enum_column(PartnerRole, 10)
    locale: Mapped[str] = mapped_column(sa.String(12))
    session_key: Mapped[str] = mapped_column(sa.String(32))
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    monthly_letter: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    mailed_month: Mapped[str] = mapped_column(sa.String(7), default="", server_default="")

    @property
    def actor(self) -> str:
        """What the audit log calls them."""
        return f"partner:{self.id}"


class LastOwner(Exception):
    """Without this owner nobody of the partner could add or remove anyone."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is to be let in: an address, what they may, and the language of their letters."""

    email: str
    role: PartnerRole
    locale: str = "en"


def add_partner_user(act: Act, scope: Scope, person: Person) -> PartnerUser:
    """Let someone in, or give who is in already another role; `LastOwner` where it can't be."""
    email = clean_email(person.email)
    known = sa.select(PartnerUser).where(
        PartnerUser.scope_id == scope.id, PartnerUser.email == email
    )
    user = act.session.scalar(known)
    if user is None:
        user = PartnerUser(
            scope_id=scope.id,
            email=email,
            session_key=make_session_key(),
            created_at=act.now,
            removed_at=None,
        )
        act.session.add(user)
    elif user.role is PartnerRole.OWNER and person.role is not PartnerRole.OWNER:
        _keep_an_owner(act.session, user)
    user.role, user.locale, user.removed_at = person.role, person.locale, None
    act.session.flush()
    act.note("partner_user_add", f"scope:{scope.id}", {"account": user.id, "role": user.role})
    return user


def remove_partner_user(
    act: Act, scope: Scope, user: PartnerUser, *, keeps_owner: bool = True
) -> None:
    """Let someone in no more, and end their sessions; `LastOwner` where none would be left.

    Who can let another owner in may do without one (`keeps_owner`).
    """
    if user.removed_at is not None:
        return
    if keeps_owner and user.role is PartnerRole.OWNER:
        _keep_an_owner(act.session, user)
    user.removed_at, user.session_key = act.now, make_session_key()
    user.monthly_letter = False
    act.note("partner_user_remove", f"scope:{scope.id}", {"account": user.id})


def end_partner_sessions(act: Act, user: PartnerUser) -> None:
    """Sign an account out of every browser: a copied cookie is worth nothing then."""
    user.session_key = make_session_key()


def _keep_an_owner(session: Session, leaving: PartnerUser) -> None:
    # All owners' rows are held, so that two who remove each other wait for one another.
    owners = session.scalars(
        sa.select(PartnerUser)
        .where(
            PartnerUser.scope_id == leaving.scope_id,
            PartnerUser.role == PartnerRole.OWNER,
            PartnerUser.removed_at.is_(None),
        )
        .order_by(PartnerUser.id)
        .with_for_update()
    ).all()
    if leaving in owners and len(owners) == 1:
        raise LastOwner


def list_partner_users(session: Session, scope_id: int) -> Sequence[PartnerUser]:
    """Who may see this scope's pages now, by their addresses."""
    return session.scalars(
        sa.select(PartnerUser)
        .where(PartnerUser.scope_id == scope_id, PartnerUser.removed_at.is_(None))
        .order_by(PartnerUser.email)
    ).all()


def find_by_email(session: Session, email: str) -> PartnerUser | None:
    """The first account with this address: whoever signs in may change to another of theirs."""
    return session.scalar(_of_email(email).order_by(PartnerUser.id).limit(1))


def list_own_accounts(session: Session, email: str) -> list[tuple[PartnerUser, Scope]]:
    """All accounts with this address, each with its scope."""
    found = _of_email(email).add_columns(Scope).join(Scope, Scope.id == PartnerUser.scope_id)
    return [(user, scope) for user, scope in session.execute(found.order_by(Scope.name, Scope.id))]


def _of_email(email: str) -> sa.Select[PartnerUser]:
    return sa.select(PartnerUser).where(
        PartnerUser.email == clean_email(email), PartnerUser.removed_at.is_(None)
    )


_PARTNERS, _SCOPES = table_of(PartnerUser), table_of(Scope)
_PARTNER_BY_ID = (
    sa.select(_PARTNERS, _SCOPES)
    .join_from(_PARTNERS, _SCOPES, _SCOPES.c.id == _PARTNERS.c.scope_id)
    .where(_PARTNERS.c.id == sa.bindparam("wanted"))
)


def find_signed_in_partner(
    cookie: Cookie, db: Session, now: datetime
) -> tuple[PartnerUser, Scope] | None:
    """The account of this browser's session, while both hold, and whose figures it sees."""
    held = read_session(cookie, now)
    row = ask(db, _PARTNER_BY_ID, {"wanted": held.user_id}).first() if held else None
    if held is None or row is None:
        return None
    width = len(_PARTNERS.columns)
    user, scope = hold(db, PartnerUser, row[:width]), hold(db, Scope, row[width:])
    if user.removed_at is not None or user.session_key != held.key:
        return None
    touch_session(cookie, now)
    return user, scope
