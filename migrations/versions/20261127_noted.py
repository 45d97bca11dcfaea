"""Letters know when their gift's story told of them; consents know the gift they came with.

Both columns are added empty, which rewrites nothing, and filled by one update each from what
stories and sources said before. On PostgreSQL that locks letters and consents for as long as it
takes, some seconds for each million.

Revision ID: 20261127_noted
Revises: 20261127_providers
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_noted"
down_revision = "20261127_providers"
branch_labels = None
depends_on = None

CONSENTS = "consents"
# What went out was told of in the same breath.
NOTED = "UPDATE emails SET noted_at = sent_at WHERE sent_at IS NOT NULL"
BY_SOURCE = """
UPDATE consents SET gift_id = (
    SELECT gifts.id FROM gifts WHERE gifts.reference = substr(consents.source, 6)
) WHERE consents.source LIKE 'gift %'
"""


def upgrade() -> None:
    op.add_column("emails", sa.Column("noted_at", sa.DateTime(timezone=True)))
    op.execute(NOTED)
    # In the column's own definition: SQLite adds no constraint to a table that is there.
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE {CONSENTS} ADD COLUMN gift_id {kind}"
        f" CONSTRAINT fk_{CONSENTS}_gift_id REFERENCES gifts (id)"
    )
    op.execute(BY_SOURCE)
    op.create_index(f"ix_{CONSENTS}_gift_id", CONSENTS, ["gift_id"])


def downgrade() -> None:
    """The sources still name the gifts, and stories the letters."""
    op.drop_index(f"ix_{CONSENTS}_gift_id", CONSENTS)
    op.drop_column(CONSENTS, "gift_id")
    op.drop_column("emails", "noted_at")
