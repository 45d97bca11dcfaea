"""What codes brought is summed by scope, currency and what a partner's page divides it by.

Two new tables: sums, filled here from all gifts that came with a code, and what waits to be added
to them, which triggers write from now on. To fill them takes about a minute for each million gifts
with a code. On PostgreSQL gifts, plans and uses of codes can be read meanwhile, and are written at
the end; on SQLite, as always, nothing can be written.

Revision ID: 20261128_code_sums
Revises: 20261128_receipt_class
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_code_sums"
down_revision = "20261128_receipt_class"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SUMS, CHANGES = "code_sums", "code_changes"
NUMBERS = ("started", "gifts", "starters", "donors", "gross", "refunded", "disputed", "promised")
# What a gift was before it changed, by the names of its columns.
TOLD: dict[str, sa.types.TypeEngine[object]] = {
    "donor_id": ID,
    "plan_id": ID,
    "region": sa.String(20),
    "fund": sa.String(40),
    "mode": sa.String(20),
    "code": sa.String(40),
    "currency": sa.String(3),
    "status": sa.String(20),
    "amount_minor": sa.BigInteger(),
    "paid_minor": sa.BigInteger(),
    "refunded_minor": sa.BigInteger(),
    "received_on": sa.Date(),
}
HAS_USE = (
    "EXISTS (SELECT 1 FROM gifts g JOIN code_uses u ON u.gift_id = g.id WHERE g.plan_id = NEW.id)"
)
MONTHS = {
    "sqlite": "substr(coalesce(g.received_on, g.created_at), 1, 7)",
    "postgresql": (
        "to_char(coalesce(g.received_on, CAST(timezone('UTC', g.created_at) AS date)), 'YYYY-MM')"
    ),
}
SOURCE = """
WITH seen AS (
  SELECT p.path, s.id AS scope_id FROM (SELECT DISTINCT path FROM code_uses) p
  JOIN scopes s ON p.path LIKE '%/' || s.id || '/%'
), told AS (
  SELECT u.path, CAST(u.code_id AS VARCHAR(40)) AS code_id,
    coalesce(CAST(u.scope_id AS VARCHAR(40)), '') AS partner, g.currency,
    coalesce(g.donor_id, -g.id) AS donor, coalesce(-g.plan_id, g.id) AS series, g.plan_id,
    {month} AS month, g.fund, g.region, g.mode, coalesce(g.code, '') AS code,
    CASE WHEN g.paid_minor > 0 THEN 1 ELSE 0 END AS paid,
    g.paid_minor AS gross, g.refunded_minor AS refunded,
    CASE WHEN g.status = 'disputed' THEN g.paid_minor - g.refunded_minor ELSE 0 END AS disputed,
    CASE WHEN g.status IN ('pending', 'processing') THEN g.amount_minor
      WHEN g.status = 'partly_paid' THEN g.amount_minor - g.paid_minor ELSE 0 END AS promised
  FROM code_uses u JOIN gifts g ON g.id = u.gift_id
)
"""
BY_DONOR = """
SELECT scope_id, currency, '{dimension}' AS dimension, key, sum(started), sum(gifts), count(*),
  sum(CASE WHEN gifts > 0 THEN 1 ELSE 0 END), sum(gross), sum(refunded), sum(disputed),
  sum(promised)
FROM (
  SELECT {scope} AS scope_id, t.currency, {key} AS key, t.donor, count(*) AS started,
    sum(t.paid) AS gifts, sum(t.gross) AS gross, sum(t.refunded) AS refunded,
    sum(t.disputed) AS disputed, sum(t.promised) AS promised
  FROM {rows} GROUP BY 1, 2, 3, 4
) one GROUP BY 1, 2, 4
"""
LOYALTY = """
SELECT scope_id, currency, 'loyalty' AS dimension,
  CASE WHEN times > 1 THEN 'again' ELSE 'once' END, 0, 0, 0, count(*), 0, 0, 0, 0
FROM (
  SELECT n.scope_id, t.currency, t.donor, count(DISTINCT t.series) AS times
  FROM told t JOIN seen n ON n.path = t.path WHERE t.gross > 0 GROUP BY 1, 2, 3
) one GROUP BY 1, 2, 4
"""
MONTHLY = """
SELECT scope_id, currency, 'monthly' AS dimension,
  CASE WHEN status = 'active' THEN 'running' ELSE 'failing' END,
  0, sum(plans), 0, count(*), 0, 0, 0, 0
FROM (
  SELECT n.scope_id, t.currency, t.donor, p.status, count(DISTINCT t.plan_id) AS plans
  FROM told t JOIN seen n ON n.path = t.path JOIN plans p ON p.id = t.plan_id
  WHERE p.status IN ('active', 'past_due') GROUP BY 1, 2, 3, 4
) one GROUP BY 1, 2, 4
"""
KEYS = {
    "total": "''",
    "month": "t.month",
    "fund": "t.fund",
    "region": "t.region",
    "mode": "t.mode",
    "code": "t.code",
    "partner": "t.partner",
}
BELOW = {"scope": "n.scope_id", "rows": "told t JOIN seen n ON n.path = t.path"}
ALONE = {"scope": "0", "rows": "told t"}


def upgrade() -> None:
    _make_tables()
    _note_changes()
    _fill()


def _make_tables() -> None:
    op.create_table(
        SUMS,
        sa.Column("scope_id", ID, primary_key=True, autoincrement=False),
        sa.Column("currency", sa.String(3), primary_key=True),
        sa.Column("dimension", sa.String(10), primary_key=True),
        sa.Column("key", sa.String(40), primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in NUMBERS),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_code_sums_gross", SUMS, ["scope_id", "currency", "dimension", "gross"])
    op.create_table(
        CHANGES,
        sa.Column("id", ID, primary_key=True),
        sa.Column("gift_id", ID),
        *(sa.Column(name, kind) for name, kind in TOLD.items()),
    )
    op.create_index("ix_code_changes_gift_id", CHANGES, ["gift_id"])


def _note_changes() -> None:
    op.note_changes("code_changes_use", "code_uses", CHANGES, {"gift_id": "NEW.gift_id"})
    op.note_changes(
        "code_changes_gift",
        "gifts",
        CHANGES,
        {"gift_id": "OLD.id", **{name: f"OLD.{name}" for name in TOLD}},
        columns=tuple(TOLD),
        where="OLD.code IS NOT NULL",
    )
    op.note_changes(
        "code_changes_plan",
        "plans",
        CHANGES,
        {"plan_id": "OLD.id", "status": "OLD.status"},
        columns=("status",),
        having=HAS_USE,
    )


def _fill() -> None:
    source = SOURCE.format(month=MONTHS[op.get_bind().dialect.name])
    names = ", ".join(("scope_id", "currency", "dimension", "key", *NUMBERS))
    parts = [
        *(BY_DONOR.format(dimension=name, key=key, **BELOW) for name, key in KEYS.items()),
        BY_DONOR.format(dimension="code", key="t.code_id", **ALONE),
        LOYALTY,
        MONTHLY,
    ]
    for part in parts:
        op.execute(sa.text(f"INSERT INTO {SUMS} ({names}) {source} {part}"))


def downgrade() -> None:
    for name, table in (("plan", "plans"), ("gift", "gifts"), ("use", "code_uses")):
        op.unnote_changes(f"code_changes_{name}", table)
    op.drop_table(CHANGES)
    op.drop_table(SUMS)
