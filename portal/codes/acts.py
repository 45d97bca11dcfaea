"""What staff and commands do to codes and scopes, each with its line in the audit log."""

import re
from collections.abc import Iterable

import sqlalchemy as sa

from portal.codes.models import CodeRecord, Policy, Scope
from portal.codes.operations import Draft, add_code, add_policy, add_scope, change_scope
from portal.codes.parsing import LONGEST_CODE, CodeError, normalise_code
from portal.codes.revising import set_state
from portal.codes.spelling import SECRET_LENGTH, make_secret
from portal.codes.terms import CodeState, Kind, LevelKind
from portal.services import Act

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
