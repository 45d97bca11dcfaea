"""Jobs that send a letter are called so; a notice is Interac's.

Only rows of the jobs' table change, in one statement: its open ones, and those that are kept a
while to be known again.

Revision ID: 20261127_letter_jobs
Revises: 20261127_jobs
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_letter_jobs"
down_revision = "20261127_jobs"
branch_labels = None
depends_on = None

BEFORE, SINCE = "send_notice", "send_letter"


def upgrade() -> None:
    _call(BEFORE, SINCE)


def downgrade() -> None:
    _call(SINCE, BEFORE)


def _call(former: str, new: str) -> None:
    renamed = sa.text(
        "UPDATE jobs SET name = :new, key = :new || substr(key, :rest) WHERE name = :former"
    ).bindparams(
        sa.bindparam("new", type_=sa.String),
        sa.bindparam("rest", type_=sa.Integer),
        sa.bindparam("former", type_=sa.String),
    )
    op.get_bind().execute(renamed, {"new": new, "rest": len(former) + 1, "former": former})
