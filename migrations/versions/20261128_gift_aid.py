"""Gift Aid: donors' declarations, claims of tax with their gifts, and HMRC's empty spreadsheet.

Revision ID: 20261128_gift_aid
Revises: 20261128_commitments
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261128_gift_aid"
down_revision = "20261128_commitments"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
UTC = sa.DateTime(timezone=True)
SAYS = "is claimed and stays as it is"
# What of them never changes; a claim that was not sent is withdrawn beside it.
FROZEN = {
    "gift_aid_claims": ("issuer", "made_at", "actor", "rows", "total_minor", "overclaimed_minor"),
    "gift_aid_claim_items": ("claim_id", "gift_id", "declaration_id", "kind", "minor"),
}
IS_CLAIMED = "EXISTS (SELECT 1 FROM gift_aid_claim_items WHERE declaration_id = OLD.id)"


def upgrade() -> None:
    _make_declarations()
    _make_claims()
    _make_templates()
    for table, columns in FROZEN.items():
        op.guard_rows(table, SAYS, columns=columns)
    op.guard_rows("gift_aid_declarations", SAYS, booked=IS_CLAIMED)


def _make_declarations() -> None:
    op.create_table(
        "gift_aid_declarations",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(24), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("donor_id", ID, nullable=False),
        sa.Column("issuer", sa.String(40), nullable=False),
        sa.Column("gift_id", ID),
        sa.Column("covers", sa.String(12), nullable=False),
        sa.Column("how", sa.String(12), nullable=False),
        sa.Column("title", sa.String(20), nullable=False),
        sa.Column("first_name", sa.String(100), nullable=False),
        sa.Column("last_name", sa.String(100), nullable=False),
        sa.Column("address_line1", sa.String(200), nullable=False),
        sa.Column("address_line2", sa.String(200), nullable=False),
        sa.Column("city", sa.String(100), nullable=False),
        sa.Column("province", sa.String(100), nullable=False),
        sa.Column("postal_code", sa.String(20), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("wording_version", sa.String(20), nullable=False),
        sa.Column("locale", sa.String(12), nullable=False),
        sa.Column("made_at", UTC, nullable=False),
        sa.Column("confirmed_at", UTC),
        sa.Column("cancelled_at", UTC),
        sa.Column("cancelled_from", sa.Date()),
        sa.Column("recorded_at", UTC, nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("why", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gift_aid_declarations"),
        sa.ForeignKeyConstraint(
            ["donor_id"], ["donors.id"], name="fk_gift_aid_declarations_donor_id"
        ),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_gift_aid_declarations_gift_id"),
        sa.UniqueConstraint("key", "version", name="uq_gift_aid_declarations_key_version"),
    )
    _index("gift_aid_declarations", "donor_id", "gift_id")


def _make_claims() -> None:
    op.create_table(
        "gift_aid_claims",
        sa.Column("id", ID, nullable=False),
        sa.Column("issuer", sa.String(40), nullable=False),
        sa.Column("made_at", UTC, nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("rows", JSON, nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("overclaimed_minor", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", UTC),
        sa.Column("withdrawn_by", sa.String(80), nullable=False),
        sa.Column("why", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gift_aid_claims"),
    )
    _index("gift_aid_claims", "issuer")
    op.create_table(
        "gift_aid_claim_items",
        sa.Column("id", ID, nullable=False),
        sa.Column("claim_id", ID, nullable=False),
        sa.Column("gift_id", ID, nullable=False),
        sa.Column("declaration_id", ID, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("minor", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", UTC),
        sa.PrimaryKeyConstraint("id", name="pk_gift_aid_claim_items"),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["gift_aid_claims.id"], name="fk_gift_aid_claim_items_claim_id"
        ),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_gift_aid_claim_items_gift_id"),
        sa.ForeignKeyConstraint(
            ["declaration_id"],
            ["gift_aid_declarations.id"],
            name="fk_gift_aid_claim_items_declaration_id",
        ),
    )
    _index("gift_aid_claim_items", "claim_id", "gift_id", "declaration_id")
    stands = sa.text("kind = 'claimed' AND withdrawn_at IS NULL")
    op.create_index(
        "uq_gift_aid_claim_items_standing",
        "gift_aid_claim_items",
        ["gift_id"],
        unique=True,
        sqlite_where=stands,
        postgresql_where=stands,
    )


def _make_templates() -> None:
    op.create_table(
        "gift_aid_templates",
        sa.Column("id", ID, nullable=False),
        sa.Column("filename", sa.String(200), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_at", UTC, nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gift_aid_templates"),
    )


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    for table in ("gift_aid_declarations", *FROZEN):
        op.unguard_rows(table)
    for table in ("gift_aid_templates", "gift_aid_claim_items", "gift_aid_claims"):
        op.drop_table(table)
    op.drop_table("gift_aid_declarations")
