"""Listing codes, a page at a time, quickly also over a million.

Newest first by their ids; those of a beginning by their spelling, as the index has them.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import BY_CODE, BY_POLICY, CodeRecord, CodeUse, Policy, Scope, used_by
from portal.codes.parsing import normalise_code
from portal.codes.terms import CodeState, Kind, LevelKind
from portal.database import Document, table_of

PAGE = 50
ID = re.compile("[0-9]{1,18}")
# No text goes beyond this character.
LAST = "\U0010ffff"
# A list of so many scopes is put together from each one's newest; of more, it is looked through.
MOST_BRANCHES = 100
# Gifts of one code are counted no further.
MOST_COUNTED = 1_000

_CODES, _POLICIES, _SCOPES = table_of(CodeRecord), table_of(Policy), table_of(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFilters:
    """What to list; nothing means any. `beginning` is normalised, `scopes` are ids."""

    beginning: str = ""
    state: CodeState | None = None
    scopes: Collection[int] | None = None
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCode:
    """A row of the list. `used` of `most` counts the code's own uses, None without a limit;
    `used_in_all` of `most_in_all` those of all codes of its policy."""

    id: int
    code: str
    display: str
    kind: Kind
    state: CodeState
    is_secret: bool
    tag: str
    scope_id: int | None
    scope: str
    used: int
    most: int | None
    used_in_all: int
    most_in_all: int | None


@dataclass(frozen=True, slots=True)
class CodePage:
    """One page, and what the next begins after: an id, or a spelling; None for the last."""

    rows: Sequence[ListedCode]
    older: int | str | None


def list_page(session: Session, filters: CodeFilters, after: str = "") -> CodePage:
    """The codes of some filters; `after` is what the page before said, as text."""
    found = [_read(row) for row in session.execute(_select(filters, after))]
    if len(found) <= PAGE:
        return CodePage(found, None)
    last = found[PAGE - 1]
    return CodePage(found[:PAGE], last.code if filters.beginning else last.id)


def find_listed(session: Session, code_id: int) -> ListedCode:
    """One code as the list has it."""
    return _read(session.execute(_ROWS.where(_CODES.c.id == code_id)).one())


def _select(filters: CodeFilters, after: str) -> sa.Select[Any]:
    if filters.beginning:
        return _by_spelling(filters, after)
    before = int(after) if ID.fullmatch(after) else None
    scopes: Sequence[int | None] = sorted(filters.scopes) if filters.scopes is not None else [None]
    if len(scopes) > MOST_BRANCHES:
        wanted = _narrow(filters, before).where(_CODES.c.scope_id.in_(scopes))
        return _ROWS.where(_CODES.c.id.in_(_newest(wanted))).order_by(_CODES.c.id.desc())
    branches = [_newest(_of(_narrow(filters, before), one)) for one in scopes]
    ids = sa.union_all(*branches) if branches else sa.select(_CODES.c.id).where(sa.false())
    return _ROWS.where(_CODES.c.id.in_(ids)).order_by(_CODES.c.id.desc()).limit(PAGE + 1)


def _of(statement: sa.Select[Any], scope: int | None) -> sa.Select[Any]:
    return statement if scope is None else statement.where(_CODES.c.scope_id == scope)


def _newest(ids: sa.Select[Any]) -> sa.Select[Any]:
    newest = ids.order_by(_CODES.c.id.desc()).limit(PAGE + 1).subquery()
    return sa.select(newest.c.id)


def _narrow(filters: CodeFilters, before: int | None = None) -> sa.Select[Any]:
    ids = sa.select(_CODES.c.id)
    ids = ids.where(_CODES.c.state == filters.state) if filters.state else ids
    ids = ids.where(_CODES.c.tag == filters.tag) if filters.tag else ids
    return ids.where(_CODES.c.id < before) if before is not None else ids


def _by_spelling(filters: CodeFilters, after: str) -> sa.Select[Any]:
    ids = _narrow(filters).where(
        _CODES.c.code >= filters.beginning, _CODES.c.code < filters.beginning + LAST
    )
    if filters.scopes is not None:
        ids = ids.where(_CODES.c.scope_id.in_(sorted(filters.scopes)))
    if after:
        ids = ids.where(_CODES.c.code > after)
    page = ids.order_by(_CODES.c.code).limit(PAGE + 1).subquery()
    return _ROWS.where(_CODES.c.id.in_(sa.select(page.c.id))).order_by(_CODES.c.code)


_ROWS = sa.select(
    _CODES.c.id,
    _CODES.c.code,
    _CODES.c.display,
    _CODES.c.kind,
    _CODES.c.state,
    _CODES.c.is_secret,
    _CODES.c.tag,
    _CODES.c.scope_id,
    _SCOPES.c.name.label("scope"),
    _POLICIES.c.document,
    used_by(BY_CODE, _CODES.c.id, "used_by_code"),
    used_by(BY_POLICY, _CODES.c.policy_id, "used_by_policy"),
).select_from(
    _CODES.join(_POLICIES, _CODES.c.policy_id == _POLICIES.c.id).outerjoin(
        _SCOPES, _CODES.c.scope_id == _SCOPES.c.id
    )
)


def _read(row: Any) -> ListedCode:
    return ListedCode(
        id=row.id,
        code=row.code,
        display=row.display,
        kind=Kind(row.kind),
        state=CodeState(row.state),
        is_secret=bool(row.is_secret),
        tag=row.tag,
        scope_id=row.scope_id,
        scope=row.scope or "",
        used=row.used_by_code or 0,
        most=row.document.get("max_uses"),
        used_in_all=row.used_by_policy or 0,
        most_in_all=row.document.get("max_uses_in_all"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedScope:
    """A node of the tree; `depth` is how many stand above it."""

    id: int
    parent_id: int | None
    depth: int
    kind: LevelKind
    key: str
    name: str
    active: bool
    policy_id: int | None


def list_scopes(session: Session) -> list[ListedScope]:
    """The tree from the top on, each node before those below it, in the order of their names."""
    below: dict[int | None, list[Any]] = {}
    for row in session.execute(_TREE):
        below.setdefault(row.parent_id, []).append(row)
    return list(_walk(below, None, 0))


_TREE = sa.select(
    _SCOPES.c.id,
    _SCOPES.c.parent_id,
    _SCOPES.c.kind,
    _SCOPES.c.key,
    _SCOPES.c.name,
    _SCOPES.c.active,
    _SCOPES.c.policy_id,
).order_by(_SCOPES.c.name, _SCOPES.c.id)


def _walk(below: dict[int | None, list[Any]], top: int | None, depth: int) -> Iterator[ListedScope]:
    for row in below.get(top, ()):
        yield ListedScope(
            id=row.id,
            parent_id=row.parent_id,
            depth=depth,
            kind=LevelKind(row.kind),
            key=row.key,
            name=row.name,
            active=bool(row.active),
            policy_id=row.policy_id,
        )
        yield from _walk(below, row.id, depth + 1)


def list_below(scopes: Iterable[ListedScope], top: int) -> set[int]:
    """The ids of a scope and of all below it, of a tree as `list_scopes` has it."""
    found = {top}
    for scope in scopes:
        if scope.parent_id in found:
            found.add(scope.id)
    return found


def count_gifts(session: Session, code_id: int) -> int:
    """How many gifts came with a code, counted no further than one past `MOST_COUNTED`."""
    uses = sa.select(CodeUse.gift_id).where(CodeUse.code_id == code_id).limit(MOST_COUNTED + 1)
    return int(session.scalar(sa.select(sa.func.count()).select_from(uses.subquery())) or 0)


def count_codes_of(session: Session, policy_id: int) -> int:
    """How many codes share a policy, counted no further than one past `MOST_COUNTED`."""
    ids = sa.select(CodeRecord.id).where(CodeRecord.policy_id == policy_id).limit(MOST_COUNTED + 1)
    return int(session.scalar(sa.select(sa.func.count()).select_from(ids.subquery())) or 0)


_USES = table_of(CodeUse)
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which codes: all that are left open, narrowed by what is said. `scope` is a key."""

    code: str = ""
    begins: str = ""
    state: CodeState | None = None
    tag: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One code in a list; `used` counts the gifts that hold a use of it."""

    code: str
    kind: str
    state: str
    is_secret: bool
    partner: str
    tag: str
    used: int
    created_at: datetime

    def document(self) -> Document:
        return {**asdict(self), "created_at": self.created_at.isoformat()}

    def tell(self) -> str:
        """As a line of a list."""
        marks = [self.kind, "secret" if self.is_secret else "", self.partner, self.tag]
        rest = "  ".join(mark for mark in marks if mark)
        return f"{self.code:20} {self.state:8} used {self.used}  {rest}"


def select_codes(wanted: Wanted, *columns: Any) -> sa.Select[Any]:
    """Columns of codes and their scopes, by their spelling."""
    statement = sa.select(*columns).select_from(
        _CODES.outerjoin(_SCOPES, _CODES.c.scope_id == _SCOPES.c.id)
    )
    begins = normalise_code(wanted.begins)
    conditions = (
        (wanted.code, _CODES.c.code == normalise_code(wanted.code)),
        (begins, _CODES.c.code.startswith(begins, autoescape=True)),
        (wanted.state, _CODES.c.state == wanted.state),
        (wanted.tag, _CODES.c.tag == wanted.tag),
        (wanted.scope, _SCOPES.c.key == wanted.scope),
    )
    kept = [condition for said, condition in conditions if said]
    return statement.where(*kept).order_by(_CODES.c.code)


def count_uses() -> sa.ScalarSelect[int]:
    """How many gifts hold a use of each code."""
    return (
        sa.select(sa.func.count())
        .where(_USES.c.code_id == _CODES.c.id, _USES.c.holds)
        .correlate(_CODES)
        .scalar_subquery()
    )


def list_rows(session: Session, wanted: Wanted) -> Iterator[Row]:
    """The codes that are wanted, by their spelling, as the database gives them."""
    columns = (
        _CODES.c.display.label("code"),
        _CODES.c.kind,
        _CODES.c.state,
        _CODES.c.is_secret,
        sa.func.coalesce(_SCOPES.c.key, "").label("partner"),
        _CODES.c.tag,
        count_uses().label("used"),
        _CODES.c.created_at,
    )
    statement = select_codes(wanted, *columns).execution_options(yield_per=AT_ONCE)
    for row in session.execute(statement):
        said = dict(row._mapping)
        said |= {"kind": Kind(said["kind"]).value, "state": CodeState(said["state"]).value}
        yield Row(**said)
