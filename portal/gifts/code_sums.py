"""What codes brought, summed by scope, currency and what a partner's page divides it by.

Nothing that changes a gift has to think of it: triggers note, in the transaction of a change, what
a gift that came with a code was before (`code_changes`), and wait for nobody. A worker adds what
waits to the sums every minute, and whoever looks does so first; a page then reads some hundred
rows, however many gifts there are. How many different donors stand behind a sum is kept exactly: of
each donor whose gift changed, all gifts are weighed as they were and as they are, and the sums
change by the difference (`portal.gifts.code_weighing`). The books are proven by counting anew
(`portal.gifts.code_counting`).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.codes.models import CodeUse
from portal.database import (
    Base,
    BigId,
    Database,
    DatabaseUnavailable,
    insert_statement,
    table_of,
)
from portal.driver import ask
from portal.gifts.code_weighing import (
    NUMBERS,
    Aim,
    Sums,
    Told,
    compare,
)
from portal.gifts.lifecycle import Status
from portal.gifts.models import Commitment, Gift, Plan, PlanStatus


class CodeSum(Base):
    """One sum. Money is in minor units; `starters` and `donors` are people."""

    __tablename__ = "code_sums"
    __table_args__ = (
        sa.Index("ix_code_sums_gross", "scope_id", "currency", "dimension", "gross"),
        {"sqlite_with_rowid": False},
    )

    scope_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    currency: Mapped[str] = mapped_column(sa.String(3), primary_key=True)
    dimension: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    started: Mapped[int] = mapped_column(sa.BigInteger)
    gifts: Mapped[int] = mapped_column(sa.BigInteger)
    starters: Mapped[int] = mapped_column(sa.BigInteger)
    donors: Mapped[int] = mapped_column(sa.BigInteger)
    gross: Mapped[int] = mapped_column(sa.BigInteger)
    refunded: Mapped[int] = mapped_column(sa.BigInteger)
    disputed: Mapped[int] = mapped_column(sa.BigInteger)
    promised: Mapped[int] = mapped_column(sa.BigInteger)


class CodeChange(Base):
    """What a gift was before something changed it, until that is in the sums.

    One without a status was not there before; one without a gift is of its plan's status. Triggers
    write them (migrations); nothing else does.
    """

    __tablename__ = "code_changes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    gift_id: Mapped[int | None] = mapped_column(BigId, index=True)
    donor_id: Mapped[int | None] = mapped_column(BigId)
    plan_id: Mapped[int | None] = mapped_column(BigId)
    region: Mapped[str | None] = mapped_column(sa.String(20))
    fund: Mapped[str | None] = mapped_column(sa.String(40))
    mode: Mapped[str | None] = mapped_column(sa.String(20))
    code: Mapped[str | None] = mapped_column(sa.String(40))
    currency: Mapped[str | None] = mapped_column(sa.String(3))
    status: Mapped[str | None] = mapped_column(sa.String(20))
    amount_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    paid_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    refunded_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    received_on: Mapped[date | None]


_SUMS, _CHANGES = table_of(CodeSum), table_of(CodeChange)
_USES, _GIFTS, _PLANS = table_of(CodeUse), table_of(Gift), table_of(Plan)
_COMMITMENTS = table_of(Commitment)
_WERE = tuple(column.name for column in _CHANGES.c if column.name not in {"id", "gift_id"})
_TOLD = (
    sa.select(
        _GIFTS.c.id,
        *(_GIFTS.c[name] for name in Told._fields[1:13]),
        _GIFTS.c.created_at,
        _USES.c.path,
        _USES.c.code_id,
        _USES.c.scope_id,
        _PLANS.c.status,
    )
    .join_from(_USES, _GIFTS, _GIFTS.c.id == _USES.c.gift_id)
    .outerjoin(_PLANS, _PLANS.c.id == _GIFTS.c.plan_id)
)
# One step adds the changes of so many gifts, and all others of the same donors.
MOST_FOLDED = 1_000
# A statement names so many numbers.
AT_ONCE = 500


def fold_codes(session: Session) -> bool:
    """Add the oldest changes to the sums; whether there may be more. The first in its transaction.

    Who comes second waits, and then sees what the first one did.
    """
    _stand_still(session)
    return _fold(session)


def hold_sums(session: Session) -> None:
    """Add all that waits, and let nobody add more until the transaction ends. The first in it.

    What is counted anew by then is as of the very moment that the sums are of.
    """
    _stand_still(session)
    while _fold(session):
        pass


def _fold(session: Session) -> bool:
    changed, gone, is_more = measure_changes(session, MOST_FOLDED)
    if changed:
        _add_on(session, changed)
    for part in _parts(gone):
        session.execute(sa.delete(_CHANGES).where(_CHANGES.c.id.in_(part)))
    return is_more


def _stand_still(session: Session) -> None:
    """Let all that follows see one moment; on SQLite every transaction does."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        # Before the first look, which is the moment that is seen from then on.
        session.execute(sa.text(f"LOCK TABLE {_SUMS.name} IN SHARE ROW EXCLUSIVE MODE"))


def measure_changes(session: Session, most: int | None) -> tuple[Sums, list[int], bool]:
    """By what the oldest changes change the sums, their numbers, and whether there are more.

    All must be seen as of one moment.
    """
    oldest = session.execute(_oldest(most)).all()
    told, changes = _gather(session, oldest)
    if not changes:
        return {}, [], False
    was = _look_back(told, changes)
    is_more = most is not None and len(oldest) == most
    summed = compare(was, told.values(), _list_aims(session))
    return summed, [row.id for row in changes], is_more


def _list_aims(session: Session) -> list[Aim]:
    """What partners committed themselves to; a donor's commitment has no sum."""
    wanted = sa.select(*(_COMMITMENTS.c[name] for name in Aim._fields))
    rows = session.execute(wanted.where(_COMMITMENTS.c.donor_id.is_(None)))
    return [Aim._make(row) for row in rows]


def _oldest(most: int | None) -> sa.Select[Any]:
    return sa.select(_CHANGES).order_by(_CHANGES.c.id).limit(most)


def _gather(
    session: Session, oldest: Sequence[sa.Row[Any]]
) -> tuple[dict[int, Told], list[sa.Row[Any]]]:
    """All gifts of the donors whom some changes are about, and all changes of those gifts."""
    told: dict[int, Told] = {}
    changes = {row.id: row for row in oldest}
    new = list(oldest)
    while new:
        gifts = [row.gift_id for row in new if row.gift_id is not None]
        plans = [row.plan_id for row in new if row.gift_id is None]
        found = [*_tell(session, _GIFTS.c.id, gifts), *_tell(session, _GIFTS.c.plan_id, plans)]
        donors = {one.donor_id for one in found} | {row.donor_id for row in new}
        own = _tell(session, _GIFTS.c.donor_id, donors - {None})
        fresh = {one.gift_id: one for one in [*found, *own] if one.gift_id not in told}
        told |= fresh
        series = {one.plan_id for one in fresh.values()} - {None}
        more = [
            *_find_changes(session, _CHANGES.c.gift_id, fresh),
            *_find_changes(session, _CHANGES.c.plan_id, series, _CHANGES.c.gift_id.is_(None)),
            # What was theirs, and is another's now.
            *_find_changes(session, _CHANGES.c.donor_id, donors - {None}),
        ]
        new = [row for row in more if row.id not in changes]
        changes |= {row.id: row for row in new}
    return told, sorted(changes.values(), key=lambda row: int(row.id))


def _tell(session: Session, column: sa.Column[Any], wanted: Iterable[Any]) -> list[Told]:
    return [
        _read(row)
        for part in _parts(wanted)
        for row in session.execute(_TOLD.where(column.in_(part)))
    ]


def _read(row: Any) -> Told:
    *own, began_at, path, code_id, scope_id, plan = row
    return Told._make([*own, began_at.date(), path, code_id, scope_id, plan])


def _find_changes(
    session: Session, column: sa.Column[Any], wanted: Iterable[Any], *more: Any
) -> list[Any]:
    return [
        row
        for part in _parts(wanted)
        for row in session.execute(sa.select(_CHANGES).where(column.in_(part), *more))
    ]


def _parts(wanted: Iterable[Any]) -> Iterator[list[Any]]:
    numbers = list(wanted)
    for at in range(0, len(numbers), AT_ONCE):
        yield numbers[at : at + AT_ONCE]


def _look_back(told: dict[int, Told], changes: Sequence[Any]) -> list[Told]:
    """The gifts as the sums have them: as each was before the oldest change that waits."""
    first: dict[int, Any] = {}
    plans: dict[int, PlanStatus] = {}
    for row in changes:
        if row.gift_id is None:
            plans.setdefault(row.plan_id, PlanStatus(row.status))
        else:
            first.setdefault(row.gift_id, row)
    found = []
    for gift in told.values():
        row = first.get(gift.gift_id)
        if row is not None and row.status is None:
            continue
        was = gift if row is None else _restore(gift, row)
        status = plans.get(was.plan_id, was.plan_status) if was.plan_id is not None else None
        found.append(was._replace(plan_status=status))
    return found


def _restore(gift: Told, row: Any) -> Told:
    values = {name: row._mapping[name] for name in _WERE}
    return gift._replace(**values | {"status": Status(row.status)})


def _add_on(session: Session, changed: Sums) -> None:
    insert = insert_statement(session.get_bind().dialect.name, CodeSum)
    summed = {name: _SUMS.c[name] + insert.excluded[name] for name in NUMBERS}
    statement = insert.on_conflict_do_update(index_elements=_SUMS.primary_key, set_=summed)
    rows = [
        {**key._asdict(), **dict(zip(NUMBERS, changed[key], strict=True))}
        for key in sorted(changed)
    ]
    session.execute(statement, rows)


_ANY_CHANGES = sa.select(_CHANGES.c.id).limit(sa.literal_column("1"))
# Who looks adds up so many steps; what is more the worker does.
MOST_STEPS = 3


def catch_up(database: Database) -> bool:
    """Add what waits to the sums, before they are read; whether that was all."""
    with database.look() as session:
        if ask(session, _ANY_CHANGES).first() is None:
            return True
    try:
        for _ in range(MOST_STEPS):
            with database.write() as session:
                if not fold_codes(session):
                    return True
    except DatabaseUnavailable:
        # What was added up before can be read all the same.
        return False
    return False
