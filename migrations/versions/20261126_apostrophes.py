"""Names are searched with one kind of apostrophe, whichever was typed.

An update of the rows concerned; on PostgreSQL it locks no more than those.

Revision ID: 20261126_apostrophes
Revises: 20261125_proofs
"""

from alembic import op

revision = "20261126_apostrophes"
down_revision = "20261125_proofs"
branch_labels = None
depends_on = None

STRAIGHTEN = """
UPDATE gifts SET search_name = replace(search_name, '\N{RIGHT SINGLE QUOTATION MARK}', '''')
WHERE search_name LIKE '%\N{RIGHT SINGLE QUOTATION MARK}%'
"""


def upgrade() -> None:
    op.execute(STRAIGHTEN)


def downgrade() -> None:
    """Nothing: either spelling is found by the program before."""
