"""What staff and commands do to codes and scopes, each act with its line in the audit log.

What becomes of codes and policies later is here: another state or scope, terms as they were, and
what is said when terms are saved that are allowed and hardly meant.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.earlier import copy_claims
from portal.codes.models import CodeRecord, Policy, PolicyVersion, Scope
from portal.codes.operations import (
    SYSTEM,
    Draft,
    add_code,
    add_policy,
    add_scope,
    change_policy,
    change_scope,
    make_draft,
)
from portal.codes.parsing import LONGEST_CODE, SECRET_LENGTH, CodeError, make_secret, normalise_code
from portal.codes.policy import open_terms
from portal.codes.refusals import Refusal
from portal.codes.terms import Code, CodeState, Kind, LevelKind, Terms
from portal.database import Document
from portal.regions.catalogue import Catalogue
from portal.services import Act

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


DAYS = ("first_day", "last_day")


def draft_again(terms: Policy | Draft | None, said: Document) -> Draft:
    """Terms to follow others, as `with_days` says them; days that stand as they were keep their
    moments."""
    document = {name: value for name, value in said.items() if name not in DAYS}
    days = [said.get(name) or None for name in DAYS]
    if terms is not None and _are_as_before(document, days, with_days(terms)):
        return Draft(document=document, starts_at=terms.starts_at, ends_at=terms.ends_at)
    return make_draft(document, *(date.fromisoformat(day) if day else None for day in days))


def _are_as_before(document: Document, days: Sequence[str | None], before: Document) -> bool:
    stood = [before.get(name) for name in DAYS]
    return stood == days and before.get("zone") == document.get("zone")


def give_own_policy(act: Act, record: CodeRecord) -> Policy:
    """Terms of its own for a code, for now those that it shared; it was used as often as it was."""
    shared = act.session.get_one(Policy, record.policy_id)
    own = add_policy(act.session, record.display, copy_terms(shared), act.now, actor=act.actor)
    record.policy_id = own.id
    act.session.flush()
    copy_claims(act.session, record.id, shared.id, own.id)
    return own


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


# A scope's name on gifts and in addresses.
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,38}[a-z0-9]")
LONGEST_SCOPE, LONGEST_TAG = 200, 60


def make_code(
    act: Act,
    display: str,
    terms: Draft | Policy,
    *,
    kind: Kind,
    scope: Scope | None = None,
    is_secret: bool = False,
    tag: str = "",
) -> CodeRecord:
    """A new code; raises `CodeError` as `add_code` does."""
    check_tag(display, tag)
    record = add_code(
        act.session,
        clean_display(display),
        terms,
        act.now,
        kind=kind,
        scope=scope,
        is_secret=is_secret,
        tag=tag,
        actor=act.actor,
    )
    act.note("code_add", f"code:{record.id}", {})
    return record


def clean_display(text: str) -> str:
    """A code as it is printed: without what nobody sees, such as a pasted zero-width sign."""
    return "".join(sign for sign in text.strip() if sign.isprintable())


def check_tag(name: str, tag: str) -> None:
    if len(tag) > LONGEST_TAG or not tag.isprintable():
        raise CodeError(name, "tag", f"has {LONGEST_TAG} characters at most")


def make_secret_display(prefix: str = "") -> str:
    """A code that can't be guessed, in groups that can be read out: `X-7KQM-WD4T-9HRC`."""
    drawn = make_secret()
    return f"{prefix}-{drawn}" if prefix else drawn


def check_prefix(prefix: str) -> str:
    """What stands before made-up codes, or nothing; `CodeError` where it can't."""
    spelling, longest = normalise_code(prefix), LONGEST_CODE - SECRET_LENGTH
    if prefix and not (spelling.isalnum() and spelling.isascii() and len(spelling) <= longest):
        raise CodeError(prefix, "prefix", f"has 1 to {longest} letters and digits")
    return spelling


def find_record(act: Act, text: str) -> CodeRecord:
    """The code someone typed, to change it; raises `CodeError` where there is none."""
    wanted = normalise_code(text)
    record = act.session.scalar(sa.select(CodeRecord).where(CodeRecord.code == wanted))
    if record is None or not wanted:
        raise CodeError(text, "code", "there is none of this name")
    return record


def set_states(act: Act, records: Iterable[CodeRecord], state: CodeState) -> list[CodeRecord]:
    """Pause codes, use them again or retire them; those that changed.

    Raises `CodeError` for one that was retired, which is for good.
    """
    changed = []
    for record in records:
        before = CodeState(record.state)
        if not set_state(record, state):
            continue
        act.note("code_state", f"code:{record.id}", {"from": before, "to": state})
        changed.append(record)
    act.session.flush()
    return changed


def make_scope(
    act: Act,
    kind: LevelKind,
    key: str,
    name: str,
    *,
    parent: Scope | None = None,
    terms: Draft | None = None,
) -> Scope:
    """A new network, region, zone or partner; with terms where it sets some."""
    if not KEY.fullmatch(key):
        raise CodeError(key, "key", "is 2 to 40 small letters, digits and hyphens")
    if not 0 < len(name) <= LONGEST_SCOPE:
        raise CodeError(key, "name", f"has 1 to {LONGEST_SCOPE} characters")
    policy = None
    if terms is not None:
        policy = add_policy(act.session, key, terms, act.now, actor=act.actor)
    scope = add_scope(act.session, kind, key, name, act.now, parent=parent, policy=policy)
    act.note("scope_add", f"scope:{scope.id}", {})
    return scope


def move_scope(act: Act, scope: Scope, parent: Scope | None) -> None:
    """Hang a scope and all below it elsewhere; gifts keep the path that was then."""
    before = act.session.get(Scope, scope.parent_id) if scope.parent_id else None
    _change(act, scope, parent=parent, active=scope.active)
    detail = {"from": before.key if before else "", "to": parent.key if parent else ""}
    act.note("scope_move", f"scope:{scope.id}", detail)


def activate_scope(act: Act, scope: Scope, *, active: bool) -> bool:
    """Let the codes below a scope hold, or pause them all; whether that is new."""
    if scope.active == active:
        return False
    parent = act.session.get(Scope, scope.parent_id) if scope.parent_id else None
    _change(act, scope, parent=parent, active=active)
    act.note("scope_resume" if active else "scope_pause", f"scope:{scope.id}", {})
    return True


def _change(act: Act, scope: Scope, *, parent: Scope | None, active: bool) -> None:
    policy = act.session.get(Policy, scope.policy_id) if scope.policy_id else None
    change_scope(act.session, scope, name=scope.name, parent=parent, policy=policy, active=active)


# A secret code has 50 bits or more: eleven letters of an alphabet of 31.
LEAST_SECRET = 11


class Doubt(StrEnum):
    """What may be meant otherwise."""

    OVER = "over"
    NOWHERE = "nowhere"
    GUESSABLE = "guessable"
    MATCHED = "matched"
    UNMATCHED = "unmatched"


def list_doubts(code: Code, now: datetime, catalogue: Catalogue) -> Iterator[Doubt]:
    """What is hardly meant: it is over already, allows nothing anywhere, or is secret and can be
    guessed; a sponsor's money hangs on one that is not secret, or is in another currency."""
    if code.ends_at is not None and code.ends_at <= now:
        yield Doubt.OVER
    elif allows_nothing(code, now, catalogue):
        yield Doubt.NOWHERE
    if code.is_secret and len(code.code) < LEAST_SECRET:
        yield Doubt.GUESSABLE
    if code.offer is not None and not code.is_secret:
        yield Doubt.MATCHED
    if list_other_currencies(code, now, catalogue):
        yield Doubt.UNMATCHED


def allows_nothing(code: Code, now: datetime, catalogue: Catalogue) -> bool:
    """Whether terms leave no way to give in any region that has one, whatever the state, or no day:
    two levels may each have some, and none together."""
    if code.starts_at and code.ends_at and code.starts_at >= code.ends_at:
        return True
    found = _open_everywhere(code, now, catalogue)
    return bool(found) and all(isinstance(one, Refusal) for one in found)


def _open_everywhere(code: Code, now: datetime, catalogue: Catalogue) -> list[Terms | Refusal]:
    plain = replace(code.as_promised(), is_secret=False, starts_at=None, ends_at=None)
    return [open_terms(plain, place, now, catalogue) for place in catalogue.open]


def list_other_currencies(code: Code, now: datetime, catalogue: Catalogue) -> list[str]:
    """The currencies that can be given with a code and that its pot is not in: no match for them.

    Nothing where its pot was not looked up (`portal.codes.pots.with_pot`).
    """
    if code.pot is None:
        return []
    terms = (one for one in _open_everywhere(code, now, catalogue) if isinstance(one, Terms))
    given = {option.currency for one in terms for option in one.currencies}
    return sorted(given - {code.pot.currency})
