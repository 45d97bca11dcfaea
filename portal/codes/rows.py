"""Listing codes, however many: a line each, read as it is shown."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import CodeRecord, CodeUse, Scope
from portal.codes.parsing import normalise_code
from portal.codes.terms import CodeState, Kind
from portal.database import Document, table_of

_CODES, _SCOPES, _USES = table_of(CodeRecord), table_of(Scope), table_of(CodeUse)
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


def list_scopes(session: Session) -> list[tuple[int, Scope]]:
    """The whole tree, each scope after the one it hangs on, with how many stand above it."""
    scopes = session.scalars(sa.select(Scope).order_by(Scope.key)).all()
    below: dict[int | None, list[Scope]] = {}
    for scope in scopes:
        below.setdefault(scope.parent_id, []).append(scope)
    waiting = [(0, scope) for scope in reversed(below.get(None, []))]
    found = []
    while waiting:
        depth, scope = waiting.pop()
        found.append((depth, scope))
        waiting += [(depth + 1, child) for child in reversed(below.get(scope.id, []))]
    return found
