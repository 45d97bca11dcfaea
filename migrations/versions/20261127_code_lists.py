"""Codes are listed by their beginning, their state and their tag.

On PostgreSQL the spelling is compared by character from now on, which writes the table anew and
keeps codes from being used meanwhile, some seconds for each million.

Revision ID: 20261127_code_lists
Revises: 20261127_code_batches
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_code_lists"
down_revision = "20261127_code_batches"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _compare_by("C")
    op.create_index("ix_codes_state_id", "codes", ["state", "id"])
    op.create_index("ix_codes_tag_id", "codes", ["tag", "id"])


def downgrade() -> None:
    op.drop_index("ix_codes_tag_id", table_name="codes")
    op.drop_index("ix_codes_state_id", table_name="codes")
    _compare_by("default")


def _compare_by(collation: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("codes", "code", type_=sa.String(32, collation=collation))
