"""Scopes, policies, codes and their uses as they are kept."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.codes.parsing import LONGEST_CODE
from portal.codes.terms import BatchState, CodeState, Kind, LevelKind, Via
from portal.database import Base, BigId, Document, JSONDocument, by_prefix, enum_column


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
