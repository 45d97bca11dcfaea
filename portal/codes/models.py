"""Scopes, policies, codes and their uses as they are kept, and finding codes whole."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.codes.parsing import LONGEST_CODE, normalise_code, read_terms
from portal.codes.terms import BatchState, Code, CodeState, Kind, Level, LevelKind, Via, make_code
from portal.database import (
    Base,
    BigId,
    Database,
    Document,
    JSONDocument,
    by_prefix,
    enum_column,
    table_of,
)


class Policy(Base):
    """Terms that codes and scopes hang on, as they stand now; `PolicyVersion` has all that were.

    `starts_at` and `ends_at`, which is not included, are days of the document's `zone`.
    """

    __tablename__ = "policies"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    version: Mapped[int] = mapped_column(default=1)
    document: Mapped[Document]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]


class PolicyVersion(Base):
    """One version of a policy: what it said, since when, and by whom."""

    __tablename__ = "policy_versions"

    policy_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("policies.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[Document]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))


class Scope(Base):
    """A network, a region of it, a zone or a partner: a node of the tree that codes hang in.

    `lineage` repeats what it and all above it set, the highest first, so that a code is read
    without a walk; whatever changes one of them writes it anew. `key` is a partner's name on gifts
    and in addresses.
    """

    __tablename__ = "scopes"
    __table_args__ = (sa.CheckConstraint("parent_id <> id", name="not_its_own_parent"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("scopes.id"), index=True)
    kind: Mapped[LevelKind] = enum_column(LevelKind, 12)
    key: Mapped[str] = mapped_column(sa.String(40), unique=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    policy_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("policies.id"), index=True)
    active: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    lineage: Mapped[list[Document]] = mapped_column(JSONDocument)
    created_at: Mapped[datetime]


class CodeRecord(Base):
    """One code: its one spelling (`code`), as it is printed (`display`), and what it hangs on."""

    __tablename__ = "codes"
    __table_args__ = (
        sa.Index("ix_codes_policy_id_id", "policy_id", "id"),
        sa.Index("ix_codes_scope_id_id", "scope_id", "id"),
        sa.Index("ix_codes_state_id", "state", "id"),
        sa.Index("ix_codes_tag_id", "tag", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(by_prefix(LONGEST_CODE), unique=True)
    display: Mapped[str] = mapped_column(sa.String(60))
    kind: Mapped[Kind] = enum_column(Kind, 20)
    policy_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("policies.id"))
    scope_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("scopes.id"))
    state: Mapped[CodeState] = enum_column(CodeState, 10)
    is_secret: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    tag: Mapped[str] = mapped_column(sa.String(60), default="", server_default="")
    created_at: Mapped[datetime]


class CodeBatch(Base):
    """Codes that are made together and share a policy, and how far that is.

    `wanted` are to be there in the end, `made` are there. One that comes of a file has its
    `sha256`, so that an import that broke off goes on under the same policy.
    """

    __tablename__ = "code_batches"
    __table_args__ = (sa.Index("ix_code_batches_sha256", "sha256"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    wanted: Mapped[int]
    made: Mapped[int] = mapped_column(default=0)
    state: Mapped[BatchState] = enum_column(BatchState, 10)
    prefix: Mapped[str] = mapped_column(sa.String(LONGEST_CODE), default="")
    tag: Mapped[str] = mapped_column(sa.String(60), default="")
    kind: Mapped[Kind] = enum_column(Kind, 20)
    is_secret: Mapped[bool]
    policy_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("policies.id"))
    scope_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("scopes.id"))
    sha256: Mapped[str] = mapped_column(sa.String(64), default="")
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    actor: Mapped[str] = mapped_column(sa.String(80))


class CodeUse(Base):
    """What a gift's code was when it was given: one row a gift, never written anew but for
    whether it holds its use.

    `path` are the scopes as they were then, `first_code` what the donor came with. `holds` says
    whether the counters have it; `over_limit` that it was paid though no use was left.
    """

    __tablename__ = "code_uses"
    __table_args__ = (
        sa.Index("ix_code_uses_code_id_gift_id", "code_id", "gift_id"),
        sa.Index("ix_code_uses_scope_id_gift_id", "scope_id", "gift_id"),
        sa.Index("ix_code_uses_path_gift_id", "path", "gift_id"),
    )

    gift_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("gifts.id"), primary_key=True, autoincrement=False
    )
    code_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("codes.id"))
    policy_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("policies.id"))
    policy_version: Mapped[int]
    scope_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("scopes.id"))
    path: Mapped[str] = mapped_column(sa.String(120), default="")
    via: Mapped[Via] = enum_column(Via, 10)
    first_code: Mapped[str] = mapped_column(sa.String(LONGEST_CODE), default="")
    holds: Mapped[bool] = mapped_column(default=True)
    over_limit: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    at: Mapped[datetime]


class UseCounter(Base):
    """How often something was used: a code, all codes of a policy, or those by one donor.

    `who` is a keyed hash of the donor's address, or nothing.
    """

    __tablename__ = "use_counters"
    __table_args__: Any = ({"sqlite_with_rowid": False},)

    kind: Mapped[str] = mapped_column(sa.String(8), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    who: Mapped[str] = mapped_column(sa.String(64), primary_key=True, default="")
    used: Mapped[int]


class CodeClaim(Base):
    """A counter that a gift's use is in, and the limit that held when it was taken."""

    __tablename__ = "code_claims"
    __table_args__: Any = (
        sa.Index("ix_code_claims_counter", "kind", "owner_id", "who"),
        {"sqlite_with_rowid": False},
    )

    gift_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("gifts.id"), primary_key=True, autoincrement=False
    )
    kind: Mapped[str] = mapped_column(sa.String(8), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    who: Mapped[str] = mapped_column(sa.String(64), primary_key=True, default="")
    most: Mapped[int]


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


def list_codes(session: Session, only: Sequence[str] | None = None) -> list[Code]:
    """All codes, or those of some spellings, by their spelling."""
    rows = session.execute(_EVERY) if only is None else session.execute(_SOME, {"only": only})
    return [_as_code(row) for row in rows]


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
_EVERY = _ALL.order_by(_CODES.c.code)
_SOME = _EVERY.where(_CODES.c.code.in_(sa.bindparam("only", expanding=True)))


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
