"""What is kept of a provider's carries which provider's it is; links say what they link.

Ids are told once a provider. Columns are added with constant defaults, which rewrites nothing;
links' kinds are filled by one update. On PostgreSQL building the new constraints keeps hand-offs,
events and links from being written meanwhile, about a second for each million; SQLite changes no
constraint, so the three tables are laid anew there, with their indexes and guards.

Revision ID: 20261127_providers
Revises: 20261127_subscriptions
"""

from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

revision = "20261127_providers"
down_revision = "20261127_subscriptions"
branch_labels = None
depends_on = None


@dataclass(frozen=True)
class Once:
    """What a table tells once: by its id alone before, by its provider too from now on."""

    table: str
    column: str
    kind: str
    before: str
    after: str
    columns: tuple[str, ...]


ONCE = (
    Once(
        "checkouts",
        "stripe_session_id",
        "UNIQUE",
        "uq_checkouts_stripe_session_id",
        "uq_checkouts_provider_stripe_session_id",
        ("provider", "stripe_session_id"),
    ),
    Once(
        "stripe_events",
        "stripe_event_id",
        "UNIQUE",
        "uq_stripe_events_stripe_event_id",
        "uq_stripe_events_provider_stripe_event_id",
        ("provider", "stripe_event_id"),
    ),
    Once(
        "stripe_links",
        "stripe_id",
        "PRIMARY KEY",
        "pk_stripe_links",
        "pk_stripe_links",
        ("stripe_id", "provider"),
    ),
)
# How Stripe's ids begin (https://docs.stripe.com/api).
KINDS = {
    "cs_": "checkout_session",
    "pi_": "payment_intent",
    "ch_": "charge",
    "py_": "charge",
    "in_": "invoice",
    "sub_": "subscription",
    "re_": "refund",
    "pyr_": "refund",
    "dp_": "dispute",
    "du_": "dispute",
}


def upgrade() -> None:
    for once in ONCE:
        op.add_column(
            once.table,
            sa.Column("provider", sa.String(12), server_default="stripe", nullable=False),
        )
    op.add_column(
        "stripe_links", sa.Column("kind", sa.String(20), server_default="other", nullable=False)
    )
    links = sa.table("stripe_links", sa.column("stripe_id"), sa.column("kind"))
    cases = [
        (links.c.stripe_id.startswith(begin, autoescape=True), kind)
        for begin, kind in KINDS.items()
    ]
    op.execute(sa.update(links).values(kind=sa.case(*cases, else_="other")))
    for once in ONCE:
        _tell_once(once, once.before, (once.column,), once.after, once.columns)


def downgrade() -> None:
    for once in ONCE:
        _tell_once(once, once.after, once.columns, once.before, (once.column,))
        op.drop_column(once.table, "provider")
    op.drop_column("stripe_links", "kind")


def _tell_once(
    once: Once, old: str, old_columns: tuple[str, ...], new: str, new_columns: tuple[str, ...]
) -> None:
    if op.get_bind().dialect.name == "sqlite":
        was = f"CONSTRAINT {old} {once.kind} ({', '.join(old_columns)})"
        _lay_anew(once.table, was, f"CONSTRAINT {new} {once.kind} ({', '.join(new_columns)})")
        return
    op.drop_constraint(old, once.table)
    if once.kind == "UNIQUE":
        op.create_unique_constraint(new, once.table, list(new_columns))
    else:
        op.create_primary_key(new, once.table, list(new_columns))


def _lay_anew(table: str, was: str, becomes: str) -> None:
    """The table with another constraint, on SQLite; no row of another table points at it."""
    connection = op.get_bind()
    schema = "SELECT sql FROM sqlite_master WHERE tbl_name = '{}' AND type {} AND sql <> ''"
    made = connection.scalar(sa.text(schema.format(table, "= 'table'")))
    beside = connection.scalars(sa.text(schema.format(table, "IN ('index', 'trigger')"))).all()
    if was not in made:
        raise LookupError(was)
    for statement in (
        f"ALTER TABLE {table} RENAME TO before",
        made.replace(was, becomes),
        f"INSERT INTO {table} SELECT * FROM before",  # noqa: S608 - one of three names
        "DROP TABLE before",
        *beside,
    ):
        connection.exec_driver_sql(statement)
