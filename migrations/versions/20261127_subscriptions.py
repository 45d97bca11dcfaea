"""Subscriptions of a plan have a table of their own, with one that the plan follows.

The table is filled from what plans, links and gifts' stories held. On SQLite plans are laid anew
without their column, because that drops no column which is told once; on PostgreSQL it goes under
a short exclusive lock on plans.

Revision ID: 20261127_subscriptions
Revises: 20261127_refunds
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "20261127_subscriptions"
down_revision = "20261127_refunds"
branch_labels = None
depends_on = None

TABLE = "subscriptions"
COLUMN = "stripe_subscription_id"
ONCE = f"uq_plans_{COLUMN}"
IS_FOLLOWED = sa.text("state = 'followed'")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        TABLE,
        sa.Column("id", big_id, nullable=False),
        sa.Column("provider", sa.String(12), nullable=False),
        sa.Column("stripe_id", sa.String(80), nullable=False),
        sa.Column("plan_id", big_id, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("heard_at", UTC, nullable=False),
        sa.Column("ended_at", UTC),
        sa.PrimaryKeyConstraint("id", name="pk_subscriptions"),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_subscriptions_plan_id"),
        sa.UniqueConstraint("provider", "stripe_id", name="uq_subscriptions_provider_stripe_id"),
        sa.CheckConstraint(
            "state IN ('followed', 'beside', 'superseded')", name="ck_subscriptions_state_known"
        ),
        sa.CheckConstraint(
            "state <> 'superseded' OR ended_at IS NOT NULL", name="ck_subscriptions_end_dated"
        ),
    )
    op.create_index("ix_subscriptions_plan_id", TABLE, ["plan_id"])
    op.create_index(
        "uq_subscriptions_followed",
        TABLE,
        ["plan_id"],
        unique=True,
        sqlite_where=IS_FOLLOWED,
        postgresql_where=IS_FOLLOWED,
    )
    _fill(op.get_bind())
    if op.get_bind().dialect.name == "sqlite":
        _lay_anew(has_column=False)
    else:
        op.drop_column("plans", COLUMN)


def _table(name: str, *columns: str, times: tuple[str, ...] = ()) -> Any:
    timed = (sa.column(time, UTC) for time in times)
    return sa.table(name, *timed, *(sa.column(column) for column in columns))


def _subscriptions() -> Any:
    names = ("provider", "stripe_id", "plan_id", "state")
    return _table(TABLE, *names, times=("heard_at", "ended_at"))


def _fill(connection: sa.Connection) -> None:
    """Each once: as its plan's own, else as ended for another, else as one heard of beside."""
    known: dict[str, dict[str, Any]] = {}
    for found in (_list_followed, _list_superseded, _list_beside):
        for stripe_id, plan_id, heard_at, ended_at in found(connection):
            row = {"plan_id": plan_id, "heard_at": heard_at, "ended_at": ended_at}
            state = found.__name__.removeprefix("_list_")
            row |= {"provider": "stripe", "stripe_id": stripe_id, "state": state}
            known.setdefault(stripe_id, row)
    if known:
        connection.execute(sa.insert(_subscriptions()), list(known.values()))


def _list_followed(connection: sa.Connection) -> list[Any]:
    plans = _table("plans", "id", COLUMN, times=("created_at", "cancelled_at"))
    own = plans.c[COLUMN]
    wanted = sa.select(own, plans.c.id, plans.c.created_at, plans.c.cancelled_at)
    return list(connection.execute(wanted.where(own.is_not(None))))


def _list_superseded(connection: sa.Connection) -> list[Any]:
    events = _table("gift_events", "id", "gift_id", "kind", "data", times=("at",))
    gifts = _table("gifts", "id", "plan_id", times=("created_at",))
    ended = (
        sa.select(events.c.data, gifts.c.plan_id, gifts.c.created_at, events.c.at)
        .join(gifts, gifts.c.id == events.c.gift_id)
        .where(events.c.kind == "subscription_ended", gifts.c.plan_id.is_not(None))
        .order_by(events.c.id)
    )
    rows = connection.execute(ended).all()
    return [(_read(data)["subscription"], *rest) for data, *rest in rows]


def _read(kept: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kept) if isinstance(kept, str) else kept
    return found


def _list_beside(connection: sa.Connection) -> list[Any]:
    links = _table("stripe_links", "stripe_id", "gift_id")
    gifts = _table("gifts", "id", "plan_id", times=("created_at",))
    linked = (
        sa.select(links.c.stripe_id, gifts.c.plan_id, gifts.c.created_at, sa.null())
        .join(gifts, gifts.c.id == links.c.gift_id)
        .where(links.c.stripe_id.startswith("sub_", autoescape=True), gifts.c.plan_id.is_not(None))
    )
    return list(connection.execute(linked))


def _lay_anew(*, has_column: bool) -> None:
    """Plans with or without the column, on SQLite.

    Rows that point at them are missing theirs meanwhile, which SQLite lets be until the commit.
    """
    connection = op.get_bind()
    schema = "SELECT sql FROM sqlite_master WHERE tbl_name = 'plans' AND type {} AND sql <> ''"
    made = connection.scalar(sa.text(schema.format("= 'table'")))
    beside = connection.scalars(sa.text(schema.format("IN ('index', 'trigger')"))).all()
    column, told_once = f"{COLUMN} VARCHAR(64)", f"CONSTRAINT {ONCE} UNIQUE ({COLUMN})"
    if has_column:
        before = "stripe_customer_id VARCHAR(64)"
        again = made.replace(before, f"{column}, {before}").rstrip().removesuffix(")")
        again = f"{again}, {told_once})"
    else:
        again = _without(_without(made, column), told_once)
    names = [one["name"] for one in sa.inspect(connection).get_columns("plans")]
    kept = ", ".join(name for name in names if name != COLUMN)
    for statement in (
        "PRAGMA defer_foreign_keys = ON",
        "CREATE TABLE kept AS SELECT * FROM plans",
        "DROP TABLE plans",
        again,
        f"INSERT INTO plans ({kept}) SELECT {kept} FROM kept",  # noqa: S608 - names of columns
        "DROP TABLE kept",
        *beside,
    ):
        connection.exec_driver_sql(statement)


def _without(made: str, part: str) -> str:
    """A table's text without one of its parts and the comma beside it."""
    before, found, after = made.partition(part)
    if not found:
        raise LookupError(part)
    if after.lstrip().startswith(","):
        return before + after.lstrip().removeprefix(",")
    return before.rstrip().removesuffix(",") + after


def downgrade() -> None:
    """Plans name the one they follow again; stories and links still name the others."""
    if op.get_bind().dialect.name == "sqlite":
        _lay_anew(has_column=True)
    else:
        op.add_column("plans", sa.Column(COLUMN, sa.String(64)))
        op.create_unique_constraint(ONCE, "plans", [COLUMN])
    own = _subscriptions()
    plans = _table("plans", "id", COLUMN)
    followed = sa.select(own.c.stripe_id).where(
        own.c.plan_id == plans.c.id, own.c.state == "followed"
    )
    op.execute(sa.update(plans).values({COLUMN: followed.scalar_subquery()}))
    op.drop_table(TABLE)
