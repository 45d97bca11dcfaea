"""A mail counts its tries, and those that wait are found at once.

The column has a constant default, which rewrites nothing. The index holds only mails that did
not go out; on PostgreSQL building it keeps mails from being written for some seconds.

Revision ID: 20261127_failing_mail
Revises: 20261127_installation
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_failing_mail"
down_revision = "20261127_installation"
branch_labels = None
depends_on = None

INDEX = "ix_emails_waiting"
WAITS = sa.text("sent_at IS NULL")


def upgrade() -> None:
    op.add_column("emails", sa.Column("tries", sa.Integer, server_default="0", nullable=False))
    op.create_index(INDEX, "emails", ["id"], sqlite_where=WAITS, postgresql_where=WAITS)


def downgrade() -> None:
    op.drop_index(INDEX, table_name="emails")
    op.drop_column("emails", "tries")
