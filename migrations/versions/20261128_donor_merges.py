"""Donors that staff merged, what each merge moved, and addresses as all their spellings have them.

Adds two columns and two indexes to `donors`; the spellings are filled in a thousand donors at a
time, a few seconds a million.

Revision ID: 20261128_donor_merges
Revises: 20261128_donor_numbers
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_donor_merges"
down_revision = "20261128_donor_numbers"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
AT_ONCE = 1_000
DOTTED = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}


def upgrade() -> None:
    op.add_column(
        "donors", sa.Column("spelling", sa.String(254), nullable=False, server_default="")
    )
    # In the column's own definition: SQLite adds no constraint to a table that is there.
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE donors ADD COLUMN merged_into_id {kind}"
        " CONSTRAINT fk_donors_merged_into_id REFERENCES donors (id)"
    )
    _fill()
    op.create_index("ix_donors_spelling", "donors", ["spelling"])
    op.create_index("ix_donors_merged_into_id", "donors", ["merged_into_id"])
    _make_tables()


def _fill() -> None:
    connection, after = op.get_bind(), 0
    page = sa.text("SELECT id, email FROM donors WHERE id > :after ORDER BY id LIMIT :most")
    write = sa.text("UPDATE donors SET spelling = :spelling WHERE id = :id")
    while rows := connection.execute(page, {"after": after, "most": AT_ONCE}).all():
        connection.execute(write, [{"id": row.id, "spelling": spell(row.email)} for row in rows])
        after = rows[-1].id


def spell(email: str) -> str:
    local, at, domain = email.rpartition("@")
    mailbox = local.partition("+")[0] or local
    if domain in DOTTED:
        mailbox = mailbox.replace(".", "")
    return f"{mailbox}@{DOTTED.get(domain, domain)}" if at else ""


def _make_tables() -> None:
    op.create_table(
        "donor_merges",
        sa.Column("id", ID, nullable=False),
        sa.Column("kept_id", ID, nullable=False),
        sa.Column("gone_id", ID, nullable=False),
        sa.Column("why", sa.String(300), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("undone_at", UTC),
        sa.Column("undone_by", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_donor_merges"),
        sa.ForeignKeyConstraint(["kept_id"], ["donors.id"], name="fk_donor_merges_kept_id"),
        sa.ForeignKeyConstraint(["gone_id"], ["donors.id"], name="fk_donor_merges_gone_id"),
        sa.CheckConstraint("kept_id <> gone_id", name="ck_donor_merges_two_donors"),
    )
    for name in ("kept_id", "gone_id"):
        op.create_index(f"ix_donor_merges_{name}", "donor_merges", [name])
    stands = sa.text("undone_at IS NULL")
    op.create_index(
        "uq_donor_merges_standing",
        "donor_merges",
        ["gone_id"],
        unique=True,
        sqlite_where=stands,
        postgresql_where=stands,
    )
    op.create_table(
        "donor_moves",
        sa.Column("id", ID, nullable=False),
        sa.Column("merge_id", ID, nullable=False),
        sa.Column("what", sa.String(12), nullable=False),
        sa.Column("row_id", ID, nullable=False),
        sa.Column("returned_at", UTC),
        sa.PrimaryKeyConstraint("id", name="pk_donor_moves"),
        sa.ForeignKeyConstraint(["merge_id"], ["donor_merges.id"], name="fk_donor_moves_merge_id"),
        sa.UniqueConstraint(
            "merge_id", "what", "row_id", name="uq_donor_moves_merge_id_what_row_id"
        ),
    )
    op.create_index("ix_donor_moves_what_row_id", "donor_moves", ["what", "row_id"])


def downgrade() -> None:
    """What was merged stays together."""
    op.drop_table("donor_moves")
    op.drop_table("donor_merges")
    op.drop_index("ix_donors_merged_into_id", "donors")
    op.drop_index("ix_donors_spelling", "donors")
    op.drop_column("donors", "merged_into_id")
    op.drop_column("donors", "spelling")
