"""Policies with versions, a tree of scopes, and the uses of codes.

A code's terms move to a policy of its own, whose version they are from the first day; a partner
becomes a scope; every gift that has a code gets its use. `fund` and `currency` become lists.

Revision ID: 20261127_code_policies
Revises: 20261127_catalogue_desks
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_code_policies"
down_revision = "20261127_catalogue_desks"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
GIFT = ("gift_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"))


def upgrade() -> None:
    _make_policies()
    _make_scopes()
    _make_codes()
    _move()
    _make_uses()
    op.drop_table("former_codes")
    op.drop_table("partners")
    op.add_column(
        "gifts", sa.Column("is_counted", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def _make_policies() -> None:
    op.create_table(
        "policies",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("starts_at", UTC),
        sa.Column("ends_at", UTC),
        sa.Column("changed_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_policies"),
    )
    op.create_table(
        "policy_versions",
        sa.Column("policy_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("starts_at", UTC),
        sa.Column("ends_at", UTC),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("policy_id", "version", name="pk_policy_versions"),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["policies.id"], name="fk_policy_versions_policy_id"
        ),
    )


def _make_scopes() -> None:
    op.create_table(
        "scopes",
        sa.Column("id", ID, nullable=False),
        sa.Column("parent_id", ID),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("policy_id", ID),
        sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("lineage", DOCUMENT, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_scopes"),
        sa.UniqueConstraint("key", name="uq_scopes_key"),
        sa.ForeignKeyConstraint(["parent_id"], ["scopes.id"], name="fk_scopes_parent_id"),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"], name="fk_scopes_policy_id"),
        sa.CheckConstraint("parent_id <> id", name="ck_scopes_not_its_own_parent"),
    )
    op.create_index("ix_scopes_parent_id", "scopes", ["parent_id"])
    op.create_index("ix_scopes_policy_id", "scopes", ["policy_id"])


def _make_codes() -> None:
    op.drop_index("ix_codes_partner_id", table_name="codes")
    op.rename_table("codes", "former_codes")
    if op.get_bind().dialect.name == "postgresql":
        # The names of its constraints are wanted by the new table.
        op.execute("ALTER TABLE former_codes RENAME CONSTRAINT pk_codes TO pk_former_codes")
        op.execute("ALTER TABLE former_codes RENAME CONSTRAINT uq_codes_code TO uq_former_codes")
        op.execute("ALTER SEQUENCE IF EXISTS codes_id_seq RENAME TO former_codes_id_seq")
    op.create_table(
        "codes",
        sa.Column("id", ID, nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("display", sa.String(60), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("policy_id", ID, nullable=False),
        sa.Column("scope_id", ID),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("is_secret", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("tag", sa.String(60), nullable=False, server_default=""),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_codes"),
        sa.UniqueConstraint("code", name="uq_codes_code"),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"], name="fk_codes_policy_id"),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name="fk_codes_scope_id"),
    )
    op.create_index("ix_codes_policy_id_id", "codes", ["policy_id", "id"])
    op.create_index("ix_codes_scope_id_id", "codes", ["scope_id", "id"])


def _move() -> None:
    """The same ids throughout: a code's policy has the code's, a scope its partner's."""
    bind = op.get_bind()
    document = sa.table("policies", sa.column("id"), sa.column("document", DOCUMENT))
    scopes = sa.table("scopes", sa.column("id"), sa.column("lineage", DOCUMENT))
    for one in bind.execute(sa.text("SELECT id, key, name, created_at FROM partners")).all():
        bind.execute(
            sa.text(
                "INSERT INTO scopes (id, kind, key, name, lineage, created_at)"
                " SELECT id, 'partner', key, name, '[]', created_at FROM partners WHERE id = :id"
            ),
            {"id": one.id},
        )
        level = {
            "id": one.id,
            "kind": "partner",
            "key": one.key,
            "name": one.name,
            "active": True,
            "policy_id": None,
            "document": {},
            "starts_at": None,
            "ends_at": None,
        }
        bind.execute(sa.update(scopes).where(scopes.c.id == one.id).values(lineage=[level]))
    bind.execute(
        sa.text(
            "INSERT INTO policies (id, name, version, document, starts_at, ends_at, changed_at)"
            " SELECT id, display, 1, document, starts_at, ends_at, created_at FROM former_codes"
        )
    )
    for row in bind.execute(sa.text("SELECT id, document FROM policies")).all():
        said = json.loads(row.document) if isinstance(row.document, str) else row.document
        new = _renamed(said)
        if new != said:
            bind.execute(sa.update(document).where(document.c.id == row.id).values(document=new))
    bind.execute(
        sa.text(
            "INSERT INTO policy_versions"
            " (policy_id, version, document, starts_at, ends_at, at, actor)"
            " SELECT id, 1, document, starts_at, ends_at, changed_at, 'system' FROM policies"
        )
    )
    bind.execute(
        sa.text(
            "INSERT INTO codes (id, code, display, kind, policy_id, scope_id, state, created_at)"
            " SELECT id, code, display, kind, id, partner_id,"
            " CASE WHEN active THEN 'active' ELSE 'retired' END, created_at FROM former_codes"
        )
    )
    _set_sequences("policies", "scopes", "codes")


def _renamed(said: dict[str, Any]) -> dict[str, Any]:
    new = dict(said)
    for one, many in (("fund", "funds"), ("currency", "currencies")):
        if new.get(one) is not None:
            new[many] = [new[one]]
        new.pop(one, None)
    # An empty list said nothing before, and says "nowhere" nowhere else.
    return {name: value for name, value in new.items() if value not in ([], None)}


def _set_sequences(*tables: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in tables:
            op.execute(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'),"  # noqa: S608 - our own names
                f" (SELECT coalesce(max(id), 0) + 1 FROM {name}), false)"
            )


def _make_uses() -> None:
    name, kind = GIFT
    op.create_table(
        "code_uses",
        sa.Column(name, kind, nullable=False, autoincrement=False),
        sa.Column("code_id", ID, nullable=False),
        sa.Column("policy_id", ID, nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("scope_id", ID),
        sa.Column("path", sa.String(120), nullable=False),
        sa.Column("via", sa.String(10), nullable=False),
        sa.Column("first_code", sa.String(32), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.Column("over_limit", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("gift_id", name="pk_code_uses"),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_code_uses_gift_id"),
        sa.ForeignKeyConstraint(["code_id"], ["codes.id"], name="fk_code_uses_code_id"),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"], name="fk_code_uses_policy_id"),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name="fk_code_uses_scope_id"),
    )
    op.create_index("ix_code_uses_code_id_gift_id", "code_uses", ["code_id", "gift_id"])
    op.create_index("ix_code_uses_scope_id_gift_id", "code_uses", ["scope_id", "gift_id"])
    op.create_table(
        "use_counters",
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("owner_id", ID, nullable=False, autoincrement=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "owner_id", "who", name="pk_use_counters"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "code_claims",
        sa.Column(name, kind, nullable=False, autoincrement=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("owner_id", ID, nullable=False, autoincrement=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("gift_id", "kind", "owner_id", "who", name="pk_code_claims"),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_code_claims_gift_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_code_claims_counter", "code_claims", ["kind", "owner_id", "who"])
    op.execute(
        "INSERT INTO code_uses (gift_id, code_id, policy_id, policy_version, scope_id, path, via,"
        " first_code, holds, at)"
        " SELECT g.id, c.id, c.policy_id, 1, c.scope_id,"
        " CASE WHEN c.scope_id IS NULL THEN '' ELSE '/' || c.scope_id || '/' END,"
        " 'typed', c.code, g.status NOT IN ('failed', 'expired', 'refunded', 'charged_back'),"
        " g.created_at FROM gifts g JOIN codes c ON c.code = g.code"
    )


def downgrade() -> None:
    op.drop_column("gifts", "is_counted")
    for table in ("code_claims", "use_counters", "code_uses"):
        op.drop_table(table)
    op.create_table(
        "partners",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_partners"),
        sa.UniqueConstraint("key", name="uq_partners_key"),
    )
    op.execute(
        "INSERT INTO partners (id, key, name, created_at)"
        " SELECT id, key, name, created_at FROM scopes WHERE kind = 'partner'"
    )
    _restore_codes()
    for table in ("scopes", "policy_versions", "policies"):
        op.drop_table(table)
    _set_sequences("partners", "codes")


def _restore_codes() -> None:
    """Codes with their terms in themselves again, as the first revision has them."""
    bind = op.get_bind()
    rows = [
        {
            **row._mapping,
            "document": _former(
                json.loads(row.document) if isinstance(row.document, str) else row.document
            ),
        }
        for row in bind.execute(
            sa.text(
                "SELECT c.id, c.code, c.display, c.kind, s.id AS partner_id, p.document,"
                " p.starts_at, p.ends_at, c.state = 'active' AS active, c.created_at"
                " FROM codes c JOIN policies p ON p.id = c.policy_id"
                " LEFT JOIN scopes s ON s.id = c.scope_id AND s.kind = 'partner'"
            ).columns(starts_at=UTC, ends_at=UTC, created_at=UTC, active=sa.Boolean)
        )
    ]
    op.drop_table("codes")
    codes = op.create_table(
        "codes",
        sa.Column("id", ID, nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("display", sa.String(60), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("partner_id", ID),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("starts_at", UTC),
        sa.Column("ends_at", UTC),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_codes"),
        sa.UniqueConstraint("code", name="uq_codes_code"),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name="fk_codes_partner_id"),
    )
    op.create_index("ix_codes_partner_id", "codes", ["partner_id"])
    if rows:
        op.bulk_insert(codes, rows)


def _former(said: dict[str, Any]) -> dict[str, Any]:
    """What the former document had a word for."""
    old = {
        name: said[name]
        for name in ("regions", "modes", "presets", "amount", "minimum", "message")
        if name in said
    }
    for one, many in (("fund", "funds"), ("currency", "currencies")):
        if said.get(many):
            old[one] = said[many][0]
    return old
