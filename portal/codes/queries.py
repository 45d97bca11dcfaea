"""Finding codes, with all that holds for them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.merging import Level, make_code
from portal.codes.models import CodeRecord, Policy, Scope, UseCounter
from portal.codes.parsing import normalise_code, read_terms
from portal.codes.terms import Code, CodeState, Kind, LevelKind
from portal.database import Database, Document, table_of

BY_CODE, BY_POLICY, BY_DONOR = "code", "policy", "donor"


def find_code(session: Session, text: str) -> Code | None:
    """The code someone typed, in whatever spelling; None where there is no such code."""
    wanted = normalise_code(text)
    if not wanted:
        return None
    row = session.execute(_FETCH, {"wanted": wanted}).one_or_none()
    return _as_code(row) if row else None


def fetch_code(database: Database, text: str) -> Code | None:
    """The same in a transaction of its own, for the path of every visitor."""
    wanted = normalise_code(text)
    row = database.fetch_one(_FETCH, {"wanted": wanted}) if wanted else None
    return _as_code(row) if row else None


def with_code(statement: sa.Select[Any]) -> sa.Select[Any]:
    """A statement of one row that also brings the code `:wanted`, to be read by `read_code`."""
    return (
        statement.add_columns(*_COLUMNS)
        .outerjoin(_CODES, _CODES.c.code == sa.bindparam("wanted"))
        .outerjoin(_POLICIES, _CODES.c.policy_id == _POLICIES.c.id)
        .outerjoin(_SCOPES, _CODES.c.scope_id == _SCOPES.c.id)
    )


def read_code(row: Any) -> Code | None:
    """The code in a row of such a statement; None where there is no such code."""
    return _as_code(row) if row.display is not None else None


def list_codes(session: Session) -> list[Code]:
    """All codes, by their spelling."""
    return [_as_code(row) for row in session.execute(_ALL.order_by(_CODES.c.code))]


def find_levels(session: Session, text: str) -> list[Level]:
    """What each level sets for a code, the highest first; empty where there is no such code."""
    row = session.execute(_FETCH, {"wanted": normalise_code(text)}).one_or_none()
    return _list_levels(row) if row else []


_CODES, _POLICIES, _SCOPES = table_of(CodeRecord), table_of(Policy), table_of(Scope)
_COUNTERS = table_of(UseCounter)


def used_by(kind: str, owner: sa.ColumnElement[int], label: str) -> sa.Label[int]:
    counter = _COUNTERS.alias(label + "_counter")
    return (
        sa.select(counter.c.used)
        .where(counter.c.kind == kind, counter.c.owner_id == owner, counter.c.who == "")
        .correlate(_CODES)
        .scalar_subquery()
        .label(label)
    )


# The names of a code, its policy and its scope don't meet.
_COLUMNS = (
    _CODES.c.id.label("code_id"),
    _CODES.c.display,
    _CODES.c.kind,
    _CODES.c.state,
    _CODES.c.is_secret,
    _CODES.c.policy_id,
    _POLICIES.c.version,
    _POLICIES.c.document,
    _POLICIES.c.starts_at,
    _POLICIES.c.ends_at,
    _SCOPES.c.lineage,
    used_by(BY_CODE, _CODES.c.id, "used_by_code"),
    used_by(BY_POLICY, _CODES.c.policy_id, "used_by_policy"),
)
_ALL = sa.select(*_COLUMNS).select_from(
    _CODES.join(_POLICIES, _CODES.c.policy_id == _POLICIES.c.id).outerjoin(
        _SCOPES, _CODES.c.scope_id == _SCOPES.c.id
    )
)
_FETCH = _ALL.where(_CODES.c.code == sa.bindparam("wanted"))


def _as_code(row: Any) -> Code:
    code = make_code(
        _list_levels(row),
        code=normalise_code(row.display),
        display=row.display,
        kind=Kind(row.kind),
        id=row.code_id,
        policy_id=row.policy_id,
        policy_version=row.version,
        state=CodeState(row.state),
        is_secret=bool(row.is_secret),
        is_spent=False,
    )
    return code if not is_spent(code, row.used_by_code, row.used_by_policy) else code.spent()


def is_spent(code: Code, by_code: int | None, by_policy: int | None) -> bool:
    """Whether a code's own uses, or those of its own policy, are all taken."""
    own = next((one for one in code.budgets if one.policy_id == code.policy_id), None)
    limits = ((code.max_uses, by_code), (own.most if own else None, by_policy))
    return any(most is not None and (used or 0) >= most for most, used in limits)


def _list_levels(row: Any) -> list[Level]:
    own = Level(
        kind=LevelKind.CODE,
        name="",
        terms=read_terms(row.display, row.document),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        policy_id=row.policy_id,
    )
    return [*read_lineage(row.lineage or ()), own]


def read_lineage(lineage: Sequence[Mapping[str, Any]]) -> list[Level]:
    """The levels that a scope keeps of itself and all above it."""
    return [
        Level(
            kind=LevelKind(said["kind"]),
            name=said["name"],
            terms=read_terms(said["name"], said["document"]),
            starts_at=_moment(said["starts_at"]),
            ends_at=_moment(said["ends_at"]),
            is_live=said["active"],
            policy_id=said["policy_id"],
            id=said["id"],
            key=said["key"],
        )
        for said in lineage
    ]


def write_level(scope: Scope, policy: Policy | None) -> Document:
    """What a scope sets, as its own lineage and those below it keep it."""
    return {
        "id": scope.id,
        "kind": scope.kind.value,
        "key": scope.key,
        "name": scope.name,
        "active": scope.active,
        "policy_id": policy.id if policy else None,
        "document": policy.document if policy else {},
        "starts_at": _written(policy.starts_at if policy else None),
        "ends_at": _written(policy.ends_at if policy else None),
    }


def _written(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
