"""Writing scopes, policies and codes."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal import PACKAGE
from portal.codes.earlier import LIMITS, count_earlier
from portal.codes.models import (
    BY_CODE,
    BY_DONOR,
    BY_POLICY,
    CodeRecord,
    Policy,
    PolicyVersion,
    Scope,
    UseCounter,
    write_level,
)
from portal.codes.parsing import CodeError, check_spelling, check_window, read_terms
from portal.codes.pots import check_pot
from portal.codes.terms import CodeState, Kind, LevelKind
from portal.database import Document

SAMPLES = PACKAGE / "codes" / "samples.toml"
SYSTEM = "system"
# Scopes above a code, itself not counted; a deeper tree is refused.
DEEPEST = 8
SCOPE_KEY = re.compile("[a-z0-9-]{2,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Terms to keep: a document, and from when up to, not at, when they hold."""

    document: Mapping[str, Any] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def check(self, name: str) -> None:
        """Raise `CodeError` where they make no terms."""
        check_window(name, self.starts_at, self.ends_at)
        read_terms(name, self.document)


def make_draft(
    document: Mapping[str, Any], first_day: date | None = None, last_day: date | None = None
) -> Draft:
    """Terms that hold from the first day up to and with the last, as its zone has days."""
    zone = ZoneInfo(document.get("zone") or "UTC")
    return Draft(
        document=document,
        starts_at=day_start(first_day, zone) if first_day else None,
        ends_at=day_start(last_day + timedelta(days=1), zone) if last_day else None,
    )


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day: where clocks skip midnight, the one after it."""
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    there = start.astimezone(ZoneInfo("UTC")).astimezone(zone)
    return start if there.date() == day and there.hour == 0 else there


def load_sample_codes(session: Session, now: datetime) -> list[str]:
    """Add the sample partners and codes that are not there yet; returns the codes added."""
    samples = tomllib.loads(SAMPLES.read_text(encoding="utf-8"))
    partners = {
        key: find_scope(session, key) or add_scope(session, LevelKind.PARTNER, key, name, now)
        for key, name in samples["partners"].items()
    }
    added = [_add_sample(session, entry, partners, now) for entry in samples["codes"]]
    return [code for code in added if code]


def find_scope(session: Session, key: str) -> Scope | None:
    return session.scalar(sa.select(Scope).where(Scope.key == key))


def add_scope(
    session: Session,
    kind: LevelKind,
    key: str,
    name: str,
    now: datetime,
    *,
    parent: Scope | None = None,
    policy: Policy | None = None,
) -> Scope:
    """A new network, region, zone or partner below its parent."""
    if not SCOPE_KEY.fullmatch(key):
        raise CodeError(key, "key", "is 2 to 40 small letters, digits and hyphens")
    if find_scope(session, key) is not None:
        raise CodeError(key, "key", "another one has it")
    scope = Scope(kind=kind, key=key, name=name, active=True, lineage=[], created_at=now)
    scope.parent_id = parent.id if parent else None
    scope.policy_id = policy.id if policy else None
    _check_place(scope, parent)
    session.add(scope)
    _keep_unique(session, CodeError(key, "key", "another one has it"))
    _write_lineage(session, scope)
    return scope


# What may stand above what: each only below one that comes before it.
ORDER = (LevelKind.NETWORK, LevelKind.REGION, LevelKind.ZONE, LevelKind.PARTNER)


def _check_place(scope: Scope, parent: Scope | None) -> None:
    if parent is None:
        return
    above = {level["id"] for level in parent.lineage}
    if scope.id is not None and scope.id in above:
        raise CodeError(scope.key, "parent", "is below it")
    if ORDER.index(parent.kind) > ORDER.index(scope.kind):
        raise CodeError(scope.key, "parent", f"a {scope.kind} can't stand below a {parent.kind}")
    if len(above) >= DEEPEST:
        raise CodeError(scope.key, "parent", f"the tree is at most {DEEPEST} deep")


def change_scope(
    session: Session,
    scope: Scope,
    *,
    name: str,
    parent: Scope | None,
    policy: Policy | None,
    active: bool,
) -> None:
    """Rename, move, pause a scope or hang it on another policy; all below it follow.

    Gifts keep the path that was then.
    """
    _check_place(scope, parent)
    scope.name, scope.active = name, active
    scope.parent_id = parent.id if parent else None
    scope.policy_id = policy.id if policy else None
    session.flush()
    _write_lineage(session, scope)


def _write_lineage(session: Session, top: Scope) -> None:
    """Write the lineage of a scope and of all below it."""
    parent = session.get(Scope, top.parent_id) if top.parent_id else None
    waiting = [(top, parent.lineage if parent else [])]
    while waiting:
        scope, above = waiting.pop()
        policy = session.get(Policy, scope.policy_id) if scope.policy_id else None
        scope.lineage = [*above, write_level(scope, policy)]
        below = session.scalars(sa.select(Scope).where(Scope.parent_id == scope.id))
        waiting += [(child, scope.lineage) for child in below]
    session.flush()


def add_policy(
    session: Session, name: str, draft: Draft, now: datetime, *, actor: str = SYSTEM
) -> Policy:
    """A new policy in its first version; raises `CodeError` where it makes no terms."""
    draft.check(name)
    check_pot(session, name, draft.document)
    policy = Policy(name=name, version=1, document=dict(draft.document), changed_at=now)
    policy.starts_at, policy.ends_at = draft.starts_at, draft.ends_at
    session.add(policy)
    session.flush()
    _keep_version(session, policy, actor)
    return policy


def change_policy(
    session: Session, policy: Policy, draft: Draft, now: datetime, *, actor: str = SYSTEM
) -> bool:
    """A further version of a policy: one write for all its codes; whether anything is new.

    `CodeError` where it makes no terms, or where a limit is lowered under its use.
    """
    draft.check(policy.name)
    check_pot(session, policy.name, draft.document)
    said = (dict(draft.document), draft.starts_at, draft.ends_at)
    if said == (policy.document, policy.starts_at, policy.ends_at):
        return False
    _check_uses(session, policy, draft)
    policy.document, policy.starts_at, policy.ends_at = said
    policy.version, policy.changed_at = policy.version + 1, now
    session.flush()
    _keep_version(session, policy, actor)
    for scope in session.scalars(sa.select(Scope).where(Scope.policy_id == policy.id)):
        _write_lineage(session, scope)
    return True


def _keep_version(session: Session, policy: Policy, actor: str) -> None:
    session.add(
        PolicyVersion(
            policy_id=policy.id,
            version=policy.version,
            document=policy.document,
            starts_at=policy.starts_at,
            ends_at=policy.ends_at,
            at=policy.changed_at,
            actor=actor,
        )
    )
    session.flush()


def _check_uses(session: Session, policy: Policy, draft: Draft) -> None:
    terms = read_terms(policy.name, draft.document)
    before = read_terms(policy.name, policy.document)
    for name, kind in LIMITS.items():
        if name in terms and name not in before:
            count_earlier(session, policy.id, kind, terms[name])
    own = sa.select(CodeRecord.id).where(CodeRecord.policy_id == policy.id)
    where = {
        "max_uses": (BY_CODE, UseCounter.owner_id.in_(own)),
        "max_uses_in_all": (BY_POLICY, UseCounter.owner_id == policy.id),
        "max_uses_a_donor": (BY_DONOR, UseCounter.owner_id == policy.id),
    }
    for name, (kind, owned) in where.items():
        used = sa.select(sa.func.max(UseCounter.used)).where(UseCounter.kind == kind, owned)
        most, taken = terms.get(name), session.scalar(used) or 0
        if most is not None and most < taken:
            raise CodeError(policy.name, name, f"is at least {taken}, which were used")


def add_code(
    session: Session,
    display: str,
    draft: Draft | Policy,
    now: datetime,
    *,
    kind: Kind,
    scope: Scope | None = None,
    state: CodeState = CodeState.ACTIVE,
    is_secret: bool = False,
    tag: str = "",
    actor: str = SYSTEM,
) -> CodeRecord:
    """Keep a new code, with a policy of its own or one that it shares.

    Raises `CodeError` where it can't be typed, is there already, or makes no terms.
    """
    code = check_spelling(display)
    if session.scalar(sa.select(CodeRecord.id).where(CodeRecord.code == code)):
        raise CodeError(display, "code", "there is one already")
    if isinstance(draft, Draft):
        policy = add_policy(session, display, draft, now, actor=actor)
    else:
        policy = draft
    record = CodeRecord(
        code=code,
        display=display,
        kind=kind,
        policy_id=policy.id,
        scope_id=scope.id if scope else None,
        state=state,
        is_secret=is_secret,
        tag=tag,
        created_at=now,
    )
    session.add(record)
    _keep_unique(session, CodeError(display, "code", "there is one already"))
    return record


def _keep_unique(session: Session, error: CodeError) -> None:
    """Somebody else may keep the same at this very moment: then it is the second that fails."""
    try:
        session.flush()
    except sa.exc.IntegrityError as found:
        raise error from found


def _add_sample(
    session: Session, entry: Document, partners: Mapping[str, Scope], now: datetime
) -> str | None:
    rest = dict(entry)
    display = str(rest.pop("code"))
    if session.scalar(sa.select(CodeRecord.id).where(CodeRecord.code == display)):
        return None
    add_code(
        session,
        display,
        kind=Kind(rest.pop("kind")),
        scope=partners.get(rest.pop("partner", "")),
        state=CodeState(rest.pop("state", CodeState.ACTIVE)),
        now=now,
        draft=Draft(
            starts_at=rest.pop("starts_at", None), ends_at=rest.pop("ends_at", None), document=rest
        ),
    )
    return display
