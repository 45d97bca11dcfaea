"""An index by which a document is found from its bytes' hash.

Takes a lock on receipt_documents against writers while the index is made.

Revision ID: 20261128_document_hashes
Revises: 20261128_gift_particulars
"""

from alembic import op

revision = "20261128_document_hashes"
down_revision = "20261128_gift_particulars"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_receipt_documents_sha256", "receipt_documents", ["sha256"])


def downgrade() -> None:
    op.drop_index("ix_receipt_documents_sha256", table_name="receipt_documents")
