"""All tables, as the product begins.

New tables only: takes no lock that anyone waits for.

Revision ID: 20261123_begin
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_begin"
down_revision = None
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_subject", "audit_entries", ["subject"], unique=False)
    op.create_table(
        "catalogue_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_catalogue_state_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_catalogue_state"),
    )
    op.create_table(
        "comparisons",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("found", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_comparisons"),
    )
    op.create_table(
        "donors",
        sa.Column("id", ID, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_donors"),
        sa.UniqueConstraint("email", name="uq_donors_email"),
    )
    op.create_table(
        "emails",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("gift_id", sa.BigInteger(), nullable=True),
        sa.Column("message", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("locale", sa.String(length=12), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("sent_at", UTC, nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_emails"),
        sa.UniqueConstraint("key", name="uq_emails_key"),
    )
    op.create_index("ix_emails_gift_id", "emails", ["gift_id"], unique=False)
    op.create_table(
        "partners",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_partners"),
        sa.UniqueConstraint("key", name="uq_partners_key"),
    )
    op.create_table(
        "rate_counts",
        sa.Column("bucket", sa.String(length=30), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("window", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("ends_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("bucket", "who", "window", name="pk_rate_counts"),
    )
    op.create_index("ix_rate_counts_ends_at", "rate_counts", ["ends_at"], unique=False)
    op.create_table(
        "receipt_series",
        sa.Column("issuer", sa.String(length=40), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "year", name="pk_receipt_series"),
    )
    op.create_table(
        "receipts",
        sa.Column("id", ID, nullable=False),
        sa.Column("issuer", sa.String(length=40), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("gift_id", sa.BigInteger(), nullable=False),
        sa.Column("snapshot", JSON, nullable=False),
        sa.Column("locale", sa.String(length=12), nullable=False),
        sa.Column("reserved_at", UTC, nullable=False),
        sa.Column("voided_at", UTC, nullable=True),
        sa.Column("void_reason", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_receipts"),
        sa.UniqueConstraint("issuer", "year", "number", name="uq_receipts_issuer_year_number"),
    )
    op.create_index("ix_receipts_gift_id", "receipts", ["gift_id"], unique=False)
    op.create_index(
        "uq_receipts_live_gift",
        "receipts",
        ["gift_id"],
        unique=True,
        sqlite_where=sa.text("voided_at IS NULL"),
        postgresql_where=sa.text("voided_at IS NULL"),
    )
    op.create_table(
        "regions",
        sa.Column("slug", sa.String(length=20), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.Column("edited_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("slug", name="pk_regions"),
    )
    op.create_table(
        "staff_users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("session_key", sa.String(length=32), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("signed_in_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_staff_users"),
        sa.UniqueConstraint("email", name="uq_staff_users_email"),
    )
    op.create_table(
        "stripe_events",
        sa.Column("id", ID, nullable=False),
        sa.Column("stripe_event_id", sa.String(length=80), nullable=False),
        sa.Column("type", sa.String(length=80), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("api_version", sa.String(length=40), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("received_at", UTC, nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "processed",
                "ignored",
                "waiting",
                "failed",
                name="eventstate",
                native_enum=False,
                length=12,
            ),
            nullable=False,
        ),
        sa.Column("problem", sa.String(length=200), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("waits_for", sa.String(length=80), nullable=True),
        sa.Column("gift_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stripe_events"),
        sa.UniqueConstraint("stripe_event_id", name="uq_stripe_events_stripe_event_id"),
    )
    op.create_index("ix_stripe_events_gift_id", "stripe_events", ["gift_id"], unique=False)
    op.create_index("ix_stripe_events_state_id", "stripe_events", ["state", "id"], unique=False)
    op.create_index("ix_stripe_events_waits_for", "stripe_events", ["waits_for"], unique=False)
    op.create_table(
        "workers",
        sa.Column("executor_id", sa.String(length=80), nullable=False),
        sa.Column("host", sa.String(length=120), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", UTC, nullable=False),
        sa.Column("seen_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("executor_id", name="pk_workers"),
    )
    op.create_table(
        "codes",
        sa.Column("id", ID, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("display", sa.String(length=60), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("partner", "campaign", "promotion", name="kind", native_enum=False, length=20),
            nullable=False,
        ),
        sa.Column("partner_id", ID, nullable=True),
        sa.Column("document", JSON, nullable=False),
        sa.Column("starts_at", UTC, nullable=True),
        sa.Column("ends_at", UTC, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name="fk_codes_partner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_codes"),
        sa.UniqueConstraint("code", name="uq_codes_code"),
    )
    op.create_index("ix_codes_partner_id", "codes", ["partner_id"], unique=False)
    op.create_table(
        "consents",
        sa.Column("id", ID, nullable=False),
        sa.Column("donor_id", ID, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("locale", sa.String(length=12), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("given_at", UTC, nullable=False),
        sa.Column("withdrawn_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(["donor_id"], ["donors.id"], name="fk_consents_donor_id"),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
    )
    op.create_index("ix_consents_donor_id", "consents", ["donor_id"], unique=False)
    op.create_table(
        "plans",
        sa.Column("id", ID, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("donor_id", ID, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("stripe_subscription_id", sa.String(length=64), nullable=True),
        sa.Column("stripe_customer_id", sa.String(length=64), nullable=True),
        sa.Column("stripe_changed_at", UTC, nullable=True),
        sa.Column("cancel_at", UTC, nullable=True),
        sa.Column("cancelled_at", UTC, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["donor_id"], ["donors.id"], name="fk_plans_donor_id"),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
        sa.UniqueConstraint("stripe_subscription_id", name="uq_plans_stripe_subscription_id"),
        sa.UniqueConstraint("token", name="uq_plans_token"),
    )
    op.create_index("ix_plans_donor_id", "plans", ["donor_id"], unique=False)
    op.create_table(
        "receipt_documents",
        sa.Column("receipt_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mark", sa.String(length=20), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        sa.Column("rendered_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.id"], name="fk_receipt_documents_receipt_id"
        ),
        sa.PrimaryKeyConstraint("receipt_id", "mark", name="pk_receipt_documents"),
    )
    op.create_table(
        "gifts",
        sa.Column("id", ID, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("origin", sa.String(length=80), nullable=True),
        sa.Column("plan_id", ID, nullable=True),
        sa.Column("donor_id", ID, nullable=True),
        sa.Column("region", sa.String(length=20), nullable=False),
        sa.Column("fund", sa.String(length=40), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("partner", sa.String(length=40), nullable=True),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("frequency", sa.String(length=12), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("cover_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column(
            "email",
            sa.String(length=254).with_variant(sa.String(length=254, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "search_name",
            sa.String(length=210).with_variant(sa.String(length=210, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("address_line1", sa.String(length=200), nullable=False),
        sa.Column("address_line2", sa.String(length=200), nullable=False),
        sa.Column("city", sa.String(length=100), nullable=False),
        sa.Column("province", sa.String(length=100), nullable=False),
        sa.Column("postal_code", sa.String(length=20), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("locale", sa.String(length=12), nullable=False),
        sa.Column("dedication", sa.String(length=300), nullable=False),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "processing",
                "failed",
                "expired",
                "paid",
                "partly_refunded",
                "refunded",
                "disputed",
                "charged_back",
                name="status",
                native_enum=False,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=True),
        sa.Column("fee_currency", sa.String(length=3), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("received_at", UTC, nullable=True),
        sa.CheckConstraint("amount_minor > 0", name="ck_gifts_amount_positive"),
        sa.CheckConstraint(
            "cover_minor >= 0 AND cover_minor < amount_minor", name="ck_gifts_cover_part"
        ),
        sa.CheckConstraint("refunded_minor >= 0", name="ck_gifts_refunded_not_negative"),
        sa.ForeignKeyConstraint(["donor_id"], ["donors.id"], name="fk_gifts_donor_id"),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_gifts_plan_id"),
        sa.PrimaryKeyConstraint("id", name="pk_gifts"),
        sa.UniqueConstraint("origin", name="uq_gifts_origin"),
        sa.UniqueConstraint("reference", name="uq_gifts_reference"),
        sa.UniqueConstraint("token", name="uq_gifts_token"),
    )
    op.create_index(
        "ix_gifts_code_created_at_id", "gifts", ["code", "created_at", "id"], unique=False
    )
    op.create_index("ix_gifts_created_at_id", "gifts", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_gifts_amount",
        "gifts",
        ["currency", "amount_minor", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_gifts_currency_received_at",
        "gifts",
        ["currency", "received_at", "amount_minor"],
        unique=False,
    )
    op.create_index("ix_gifts_donor_id", "gifts", ["donor_id"], unique=False)
    op.create_index(
        "ix_gifts_email_created_at_id", "gifts", ["email", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_gifts_fingerprint_created_at", "gifts", ["fingerprint", "created_at"], unique=False
    )
    op.create_index(
        "ix_gifts_fund_created_at_id", "gifts", ["fund", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_gifts_mode_created_at_id", "gifts", ["mode", "created_at", "id"], unique=False
    )
    op.create_index("ix_gifts_plan_id", "gifts", ["plan_id"], unique=False)
    op.create_index(
        "ix_gifts_region_created_at_id", "gifts", ["region", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_gifts_search_name_created_at_id",
        "gifts",
        ["search_name", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_gifts_status_created_at_id", "gifts", ["status", "created_at", "id"], unique=False
    )
    op.create_table(
        "checkouts",
        sa.Column("id", ID, nullable=False),
        sa.Column("gift_id", ID, nullable=False),
        sa.Column("stripe_session_id", sa.String(length=80), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_checkouts_gift_id"),
        sa.PrimaryKeyConstraint("id", name="pk_checkouts"),
        sa.UniqueConstraint("stripe_session_id", name="uq_checkouts_stripe_session_id"),
    )
    op.create_index("ix_checkouts_gift_id", "checkouts", ["gift_id"], unique=False)
    op.create_index(
        "ix_checkouts_state_expires_at", "checkouts", ["state", "expires_at"], unique=False
    )
    op.create_table(
        "evidence",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("gift_id", ID, nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("fact", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("occurred_at", UTC, nullable=False),
        sa.Column("recorded_at", UTC, nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_evidence_gift_id"),
        sa.PrimaryKeyConstraint("id", name="pk_evidence"),
        sa.UniqueConstraint("key", name="uq_evidence_key"),
    )
    op.create_index("ix_evidence_gift_id", "evidence", ["gift_id"], unique=False)
    op.create_table(
        "stripe_links",
        sa.Column("stripe_id", sa.String(length=80), nullable=False),
        sa.Column("gift_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_stripe_links_gift_id"),
        sa.PrimaryKeyConstraint("stripe_id", name="pk_stripe_links"),
    )
    op.create_index("ix_stripe_links_gift_id", "stripe_links", ["gift_id"], unique=False)
    op.create_table(
        "gift_events",
        sa.Column("id", ID, nullable=False),
        sa.Column("gift_id", ID, nullable=False),
        sa.Column("evidence_id", ID, nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("why", sa.String(length=300), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["evidence_id"], ["evidence.id"], name="fk_gift_events_evidence_id"
        ),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_gift_events_gift_id"),
        sa.PrimaryKeyConstraint("id", name="pk_gift_events"),
    )
    op.create_index("ix_gift_events_gift_id", "gift_events", ["gift_id"], unique=False)
    op.create_table(
        "ledger_entries",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("gift_id", ID, nullable=False),
        sa.Column("evidence_id", ID, nullable=False),
        sa.Column("debit_account", sa.String(length=60), nullable=False),
        sa.Column("credit_account", sa.String(length=60), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("booked_at", UTC, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="ck_ledger_entries_amount_positive"),
        sa.CheckConstraint(
            "debit_account <> credit_account", name="ck_ledger_entries_two_accounts"
        ),
        sa.ForeignKeyConstraint(
            ["evidence_id"], ["evidence.id"], name="fk_ledger_entries_evidence_id"
        ),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_ledger_entries_gift_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_entries"),
        sa.UniqueConstraint("key", name="uq_ledger_entries_key"),
    )
    op.create_index("ix_ledger_entries_gift_id", "ledger_entries", ["gift_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_ledger_entries_gift_id", table_name="ledger_entries")
    op.drop_table("ledger_entries")
    op.drop_index("ix_gift_events_gift_id", table_name="gift_events")
    op.drop_table("gift_events")
    op.drop_index("ix_stripe_links_gift_id", table_name="stripe_links")
    op.drop_table("stripe_links")
    op.drop_index("ix_evidence_gift_id", table_name="evidence")
    op.drop_table("evidence")
    op.drop_index("ix_checkouts_state_expires_at", table_name="checkouts")
    op.drop_index("ix_checkouts_gift_id", table_name="checkouts")
    op.drop_table("checkouts")
    op.drop_index("ix_gifts_status_created_at_id", table_name="gifts")
    op.drop_index("ix_gifts_search_name_created_at_id", table_name="gifts")
    op.drop_index("ix_gifts_region_created_at_id", table_name="gifts")
    op.drop_index("ix_gifts_plan_id", table_name="gifts")
    op.drop_index("ix_gifts_mode_created_at_id", table_name="gifts")
    op.drop_index("ix_gifts_fund_created_at_id", table_name="gifts")
    op.drop_index("ix_gifts_fingerprint_created_at", table_name="gifts")
    op.drop_index("ix_gifts_email_created_at_id", table_name="gifts")
    op.drop_index("ix_gifts_donor_id", table_name="gifts")
    op.drop_index("ix_gifts_currency_received_at", table_name="gifts")
    op.drop_index("ix_gifts_amount", table_name="gifts")
    op.drop_index("ix_gifts_created_at_id", table_name="gifts")
    op.drop_index("ix_gifts_code_created_at_id", table_name="gifts")
    op.drop_table("gifts")
    op.drop_table("receipt_documents")
    op.drop_index("ix_plans_donor_id", table_name="plans")
    op.drop_table("plans")
    op.drop_index("ix_consents_donor_id", table_name="consents")
    op.drop_table("consents")
    op.drop_index("ix_codes_partner_id", table_name="codes")
    op.drop_table("codes")
    op.drop_table("workers")
    op.drop_index("ix_stripe_events_waits_for", table_name="stripe_events")
    op.drop_index("ix_stripe_events_state_id", table_name="stripe_events")
    op.drop_index("ix_stripe_events_gift_id", table_name="stripe_events")
    op.drop_table("stripe_events")
    op.drop_table("staff_users")
    op.drop_table("regions")
    op.drop_index("ix_receipts_gift_id", table_name="receipts")
    op.drop_index(
        "uq_receipts_live_gift",
        table_name="receipts",
        sqlite_where=sa.text("voided_at IS NULL"),
        postgresql_where=sa.text("voided_at IS NULL"),
    )
    op.drop_table("receipts")
    op.drop_table("receipt_series")
    op.drop_index("ix_rate_counts_ends_at", table_name="rate_counts")
    op.drop_table("rate_counts")
    op.drop_table("partners")
    op.drop_index("ix_emails_gift_id", table_name="emails")
    op.drop_table("emails")
    op.drop_table("donors")
    op.drop_table("comparisons")
    op.drop_table("catalogue_state")
    op.drop_index("ix_audit_entries_subject", table_name="audit_entries")
    op.drop_table("audit_entries")
