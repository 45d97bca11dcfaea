"""People who see a partner's pages, the links they sign in by, and an index for what they see.

Revision ID: 20261127_partner_users
Revises: 20261127_code_lists
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_partner_users"
down_revision = "20261127_code_lists"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "partner_users",
        sa.Column("id", ID, nullable=False),
        sa.Column("scope_id", ID, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("locale", sa.String(12), nullable=False),
        sa.Column("session_key", sa.String(32), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("removed_at", UTC),
        sa.PrimaryKeyConstraint("id", name="pk_partner_users"),
        sa.UniqueConstraint("scope_id", "email", name="uq_partner_users_scope_id_email"),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name="fk_partner_users_scope_id"),
    )
    op.create_index("ix_partner_users_email", "partner_users", ["email"])
    op.create_table(
        "sign_in_links",
        sa.Column("id", ID, nullable=False),
        sa.Column("area", sa.String(12), nullable=False),
        sa.Column("owner_id", ID),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("browser_hash", sa.String(64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("used_at", UTC),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_links"),
        sa.UniqueConstraint("token_hash", name="uq_sign_in_links_token_hash"),
    )
    op.create_index("ix_sign_in_links_browser_hash", "sign_in_links", ["browser_hash"])
    op.create_index("ix_sign_in_links_expires_at", "sign_in_links", ["expires_at"])
    op.create_index("ix_code_uses_path_gift_id", "code_uses", ["path", "gift_id"])


def downgrade() -> None:
    op.drop_index("ix_code_uses_path_gift_id", table_name="code_uses")
    op.drop_table("sign_in_links")
    op.drop_table("partner_users")
