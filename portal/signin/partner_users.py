"""Who may see a partner's pages: people by their e-mail address, each for one scope of the tree.

They sign in by mailed links (`portal.signin.links`); an owner adds and removes others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.codes.models import Scope
from portal.database import Base, BigId, enum_column
from portal.services import Act
from portal.signin.accounts import clean_email
from portal.signin.sessions import Cookie, make_session_key, read_session, touch_session


class PartnerRole(StrEnum):
    """Everybody sees the figures; owners also say who else does."""

    OWNER = "owner"
    VIEWER = "viewer"


class PartnerUser(Base):
    """Someone who may see what a scope, and all below it, brought.

    One who was removed keeps the row, and comes back with it; `session_key` changes to end every
    session at once.
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


def remove_partner_user(act: Act, scope: Scope, user: PartnerUser) -> None:
    """Let someone in no more, and end their sessions; `LastOwner` where none would be left."""
    if user.removed_at is not None:
        return
    if user.role is PartnerRole.OWNER:
        _keep_an_owner(act.session, user)
    user.removed_at, user.session_key = act.now, make_session_key()
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


def find_signed_in_partner(cookie: Cookie, db: Session, now: datetime) -> PartnerUser | None:
    """The account of this browser's session, while the session and the account hold."""
    held = read_session(cookie, now)
    user = db.get(PartnerUser, held.user_id) if held else None
    if held is None or user is None or user.removed_at is not None:
        return None
    if user.session_key != held.key:
        return None
    touch_session(cookie, now)
    return user
