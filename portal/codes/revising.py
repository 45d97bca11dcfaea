"""What becomes of codes and policies later: another state or scope, and terms as they were."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import CodeRecord, Policy, PolicyVersion, Scope
from portal.codes.operations import SYSTEM, Draft, change_policy
from portal.codes.parsing import CodeError
from portal.codes.terms import CodeState, Kind
from portal.database import Document

# So many of the newest versions are told.
MOST_TOLD = 50


def hold_policy(session: Session, policy_id: int) -> Policy:
    """A policy that nobody else changes until this transaction ends."""
    found = sa.select(Policy).where(Policy.id == policy_id).with_for_update()
    return session.scalars(found).one()


def hold_tree(session: Session) -> None:
    """Let nobody else change the tree until this transaction ends: two moves at once could close a
    circle. Call before a scope is read."""
    session.execute(sa.select(Scope.id).order_by(Scope.id).with_for_update()).all()


def change_code(record: CodeRecord, *, kind: Kind, scope: Scope | None, tag: str) -> list[str]:
    """Change what stands on a code itself; returns the names of what was another. Its gifts keep
    the scope that was then."""
    new = {"kind": kind, "scope_id": scope.id if scope else None, "tag": tag}
    changed = [name for name, value in new.items() if getattr(record, name) != value]
    for name in changed:
        setattr(record, name, new[name])
    return changed


def set_state(record: CodeRecord, state: CodeState) -> bool:
    """Pause, retire or use a code again; whether that is new. `CodeError` for one that was retired,
    which is for good."""
    is_new = record.state is not state
    if is_new and record.state is CodeState.RETIRED:
        raise CodeError(record.display, "state", "it was retired, which is for good")
    record.state = state
    return is_new


@dataclass(frozen=True, slots=True)
class ToldVersion:
    """One version of a policy, and its terms and those before it, as documents with their days.

    `before` is none for the first.
    """

    version: int
    at: datetime
    actor: str
    terms: Document
    before: Document | None
    is_current: bool


def list_versions(session: Session, policy: Policy) -> list[ToldVersion]:
    """The newest versions of a policy, newest first."""
    statement = (
        sa.select(PolicyVersion)
        .where(PolicyVersion.policy_id == policy.id)
        .order_by(PolicyVersion.version.desc())
        .limit(MOST_TOLD + 1)
    )
    return list(_tell(session.scalars(statement).all(), policy.version))[:MOST_TOLD]


def _tell(versions: Sequence[PolicyVersion], current: int) -> Iterator[ToldVersion]:
    for one, before in zip(versions, [*versions[1:], None], strict=True):
        yield ToldVersion(
            version=one.version,
            at=one.at,
            actor=one.actor,
            terms=with_days(one),
            before=with_days(before) if before else None,
            is_current=one.version == current,
        )


def with_days(terms: Policy | PolicyVersion | Draft) -> Document:
    """A document with its first and last day as texts, where they are set."""
    zone = ZoneInfo(terms.document.get("zone") or "UTC")
    days = {"first_day": _day(terms.starts_at, zone), "last_day": _last_day(terms.ends_at, zone)}
    return {**terms.document, **{name: day for name, day in days.items() if day}}


def _day(at: datetime | None, zone: ZoneInfo) -> str:
    return at.astimezone(zone).date().isoformat() if at else ""


def _last_day(ends_at: datetime | None, zone: ZoneInfo) -> str:
    """The day of the last moment before the end."""
    return _day(ends_at.astimezone(UTC) - datetime.resolution if ends_at else None, zone)


def return_to(
    session: Session, policy: Policy, version: int, now: datetime, *, actor: str = SYSTEM
) -> bool:
    """A further version equal to an earlier one; whether anything is new.

    `LookupError` where there is no such version, `CodeError` as `change_policy` has it.
    """
    former = session.get(PolicyVersion, (policy.id, version))
    if former is None:
        raise LookupError(version)
    draft = Draft(document=former.document, starts_at=former.starts_at, ends_at=former.ends_at)
    return change_policy(session, policy, draft, now, actor=actor)


def copy_terms(policy: Policy) -> Draft:
    """The terms of a policy, for another one to begin with."""
    document: dict[str, Any] = dict(policy.document)
    return Draft(document=document, starts_at=policy.starts_at, ends_at=policy.ends_at)
