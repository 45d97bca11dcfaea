"""What a scope's codes brought, summed by the database from gifts and the uses of their codes.

A use has the scopes as they were when the gift was given (`/3/17/`): a scope sees the gifts in
whose path it stands, whoever stood between, and no others. Nothing is kept but the rows themselves,
so a refund, a dispute or an undone match is in the next look. The gifts behind a figure are listed
by the same conditions, without names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import CodeUse, Scope
from portal.database import Database
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, Plan, PlanStatus
from portal.records.export import Cell, decimal, stream_cells, typed
from portal.records.partners import (
    Account,
    Dimension,
    Figures,
    Loyalty,
    Monthly,
    What,
    break_down,
    count_loyalty,
    count_monthly,
    show_total,
)

OPEN = (Status.PENDING, Status.PROCESSING)
KINDS = {PlanStatus.ACTIVE: "running", PlanStatus.PAST_DUE: "failing"}


@dataclass(frozen=True, slots=True)
class Source:
    """The gifts of a scope: a row each, as sums and lists read them."""

    rows: sa.CTE

    @property
    def c(self) -> Any:
        return self.rows.c


Paths = tuple[str, ...]


def list_paths(session: Session, scope_id: int) -> Paths:
    """The paths that gifts have and in which the scope stands: `/3/17/` has 3 and 17 in it.

    Every path is looked up once by the index, however many gifts have it.
    """
    first = sa.select(sa.func.min(CodeUse.path).label("path")).cte("paths", recursive=True)
    later = sa.select(sa.func.min(CodeUse.path)).where(CodeUse.path > first.c.path)
    following = sa.select(later.correlate(first).scalar_subquery()).where(first.c.path.is_not(None))
    paths = first.union_all(following)
    own = sa.select(paths.c.path).where(paths.c.path.like(f"%/{int(scope_id)}/%"))
    return tuple(session.scalars(own))


def gifts_of(paths: Paths, dialect: str, currency: str = "") -> Source:
    """All gifts that have one of the paths; of one currency, where one is named."""
    day = _day(dialect)
    rows = (
        sa.select(
            Gift.id,
            Gift.currency,
            Gift.status,
            Gift.donor_id,
            sa.case((Gift.donor_id.is_(None), Gift.email)).label("stranger"),
            Gift.plan_id,
            day.label(Dimension.MONTH.value + "_day"),
            sa.func.substr(day, 1, 7).label(Dimension.MONTH.value),
            Gift.fund,
            Gift.region,
            Gift.mode,
            sa.func.coalesce(Gift.code, "").label(Dimension.CODE.value),
            sa.cast(CodeUse.scope_id, sa.String).label(Dimension.PARTNER.value),
            Gift.amount_minor.label("amount"),
            Gift.paid_minor.label("gross"),
            Gift.refunded_minor.label("refunded"),
            _disputed().label("disputed"),
            _promised().label("promised"),
        )
        .join_from(CodeUse, Gift, Gift.id == CodeUse.gift_id)
        .where(CodeUse.path.in_(paths))
    )
    return Source((rows.where(Gift.currency == currency) if currency else rows).cte("own_gifts"))


def _day(dialect: str) -> sa.ColumnElement[str]:
    """The day on which a gift came, by its issuer's calendar; else on which it began, in UTC."""
    if dialect == "sqlite":
        came: Any = sa.type_coerce(Gift.received_on, sa.String)
        began = sa.func.substr(sa.type_coerce(Gift.created_at, sa.String), 1, 10)
    else:
        came = sa.func.to_char(Gift.received_on, "YYYY-MM-DD")
        began = sa.func.to_char(sa.func.timezone("UTC", Gift.created_at), "YYYY-MM-DD")
    return sa.func.coalesce(came, began)


def _disputed() -> sa.ColumnElement[int]:
    rest = Gift.paid_minor - Gift.refunded_minor
    return sa.case((Gift.status == Status.DISPUTED, rest), else_=0)


def _promised() -> sa.ColumnElement[int]:
    return sa.case(
        (Gift.status.in_(OPEN), Gift.amount_minor),
        (Gift.status == Status.PARTLY_PAID, Gift.amount_minor - Gift.paid_minor),
        else_=0,
    )


def _select_cells(c: Any, key: Any) -> sa.Select[Any]:
    """Each key's figures, in the order of `NAMES`.

    First by donor: to count different people in one go takes several times as long.
    """
    is_paid = c.gross > 0
    one = (
        sa.select(
            key.label("key"),
            sa.func.count().label("started"),
            sa.func.sum(sa.case((is_paid, 1), else_=0)).label("gifts"),
            *(sa.func.sum(c[name]).label(name) for name in MONEY),
        )
        .group_by(key, c.donor_id, c.stranger)
        .subquery()
        .c
    )
    donors = sa.func.sum(sa.case((one.gifts > 0, 1), else_=0))
    return sa.select(
        one.key,
        sa.func.sum(one.started),
        sa.func.sum(one.gifts),
        sa.func.count(),
        donors,
        *(sa.func.sum(one[name]) for name in MONEY),
    ).group_by(one.key)


def _people(who: Any) -> Any:
    return sa.func.count(sa.distinct(who))


MONEY = ("gross", "refunded", "disputed", "promised")
NAMES = ("started", "gifts", "starters", "donors", *MONEY)


def _read(row: Any) -> Figures:
    return Figures(**{name: int(value) for name, value in zip(NAMES, row, strict=True)})


def sum_currencies(session: Session, paths: Paths) -> dict[str, Figures]:
    """What came in each currency, the one with the most gifts first."""
    c = gifts_of(paths, _dialect(session)).c
    rows = session.execute(_select_cells(c, c.currency))
    found = [(currency, _read(figures)) for currency, *figures in rows]
    return dict(sorted(found, key=lambda one: (-one[1].started, one[0])))


def read_account(session: Session, paths: Paths, currency: str, total: Figures) -> Account:
    """All that may be shown of a currency; `total` is what `sum_currencies` has of it."""
    shown = show_total(total)
    if shown is None:
        return Account(currency=currency, total=None)
    source = gifts_of(paths, _dialect(session), currency)
    return Account(
        currency=currency,
        total=shown,
        loyalty=_read_loyalty(session, source.c),
        monthly=_read_monthly(session, source.c),
        breakdowns={
            dimension: break_down(dimension, cells)
            for dimension, cells in sum_all(session, source).items()
        },
    )


def sum_all(session: Session, source: Source) -> dict[Dimension, dict[str, Figures]]:
    """The cells of every dimension, by one statement that looks at each gift once."""
    c = source.c
    parts = (
        _select_cells(c, c[dimension.value]).add_columns(
            sa.literal_column(f"'{dimension.value}'").label("dimension")
        )
        for dimension in Dimension
    )
    found: dict[Dimension, dict[str, Figures]] = {dimension: {} for dimension in Dimension}
    for key, *figures, dimension in session.execute(sa.union_all(*parts)):
        found[Dimension(dimension)][str(key or "")] = _read(figures)
    return found


def _read_loyalty(session: Session, c: Any) -> Loyalty:
    # A plan's number below nought: it can't be that of a gift.
    times = _people(sa.func.coalesce(-c.plan_id, c.id)).label("times")
    donors = sa.select(times).where(c.gross > 0).group_by(c.donor_id, c.stranger).subquery()
    again = sa.func.coalesce(sa.func.sum(sa.case((donors.c.times > 1, 1), else_=0)), 0)
    everybody, returning = session.execute(
        sa.select(sa.func.count(), again).select_from(donors)
    ).one()
    return count_loyalty(int(everybody) - int(returning), int(returning))


def _read_monthly(session: Session, c: Any) -> Monthly:
    people = _people(c.donor_id) + _people(c.stranger)
    rows = session.execute(
        sa.select(Plan.status, _people(c.plan_id), people)
        .where(Plan.id == c.plan_id, Plan.status.in_([*KINDS]))
        .group_by(Plan.status)
    )
    return count_monthly({KINDS[status]: (number, donors) for status, number, donors in rows})


def name_scopes(session: Session, scope_ids: list[str]) -> dict[str, str]:
    """The names of scopes by their numbers, as text."""
    wanted = [int(one) for one in scope_ids if one]
    rows = session.execute(sa.select(Scope.id, Scope.name).where(Scope.id.in_(wanted)))
    return {str(scope_id): name for scope_id, name in rows}


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


PAGE = 50
MOST_PAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which figure of which cell; without `by` the currency's total.

    `hidden` are the cells that nothing may be told of, by dimension.
    """

    paths: Paths
    currency: str
    what: What
    by: Dimension | None = None
    of: str = ""
    hidden: Mapping[Dimension, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Row:
    """A gift as a list shows it; `minor` is what it adds to the figure. Empty is not told."""

    day: str
    minor: int
    fund: str
    mode: str
    code: str
    status: Status


def _adds(c: Any, what: What) -> Any:
    """What a gift adds to a figure; to what was started its amount, whatever came."""
    net = c.gross - c.refunded
    amounts = {
        What.STARTED: c.amount,
        What.GROSS: c.gross,
        What.NET: net,
        What.RECEIVED: net - c.disputed,
    }
    return amounts[what] if what in amounts else c[what.value]


def _mask(c: Any, choice: Choice, dimension: Dimension, value: Any) -> Any:
    hidden = sorted(choice.hidden.get(dimension, ()))
    return sa.case((c[dimension.value].in_(hidden), ""), else_=value) if hidden else value


def _parts(source: Source, choice: Choice) -> dict[str, Any]:
    c = source.c
    return {
        "day": _mask(c, choice, Dimension.MONTH, c.month_day),
        "minor": _adds(c, choice.what),
        "fund": _mask(c, choice, Dimension.FUND, c.fund),
        "mode": _mask(c, choice, Dimension.MODE, c.mode),
        "code": _mask(c, choice, Dimension.CODE, c.code),
    }


def _select(source: Source, choice: Choice, *values: Any) -> sa.Select[Any]:
    parts = _parts(source, choice)
    found = sa.select(*values).select_from(source.rows)
    if choice.by is not None:
        found = found.where(source.c[choice.by.value] == choice.of)
    if choice.what is not What.STARTED:
        found = found.where(parts["minor"] != 0)
    # Not by number, as that would tell when a gift without a day came.
    return found.order_by(parts["day"].desc(), parts["minor"].desc(), parts["fund"], source.c.id)


def list_gifts(session: Session, choice: Choice, page: int) -> list[Row]:
    """A page of them, the newest first, and one more if there is one."""
    source = gifts_of(choice.paths, session.get_bind().dialect.name, choice.currency)
    parts = _parts(source, choice)
    wanted = _select(source, choice, *parts.values(), source.c.status)
    rows = session.execute(wanted.limit(PAGE + 1).offset((page - 1) * PAGE))
    return [Row(*row) for row in rows]


def sum_list(session: Session, choice: Choice) -> tuple[int, int]:
    """How many gifts all its pages have, and what they come to in minor units."""
    source = gifts_of(choice.paths, session.get_bind().dialect.name, choice.currency)
    minor = sa.func.coalesce(sa.func.sum(_adds(source.c, choice.what)), 0)
    row = session.execute(_select(source, choice, sa.func.count(), minor).order_by(None)).one()
    return int(row[0]), int(row[1])


def _signed(minor: Any, currency: Any) -> Any:
    """More may have gone back than stands: a match that was undone after its refund."""
    below = sa.literal("-").concat(decimal(-minor, currency))
    return sa.case((minor < 0, below), else_=decimal(minor, currency))


def stream_list(database: Database, choice: Choice) -> Iterator[str]:
    """The same as a CSV file, all of them."""
    dialect = database.reader.dialect.name
    source = gifts_of(choice.paths, dialect, choice.currency)
    parts = _parts(source, choice)
    cells = [
        Cell("day", parts["day"]),
        Cell("amount", _signed(parts["minor"], source.c.currency)),
        Cell("currency", source.c.currency),
        typed("fund", parts["fund"], dialect),
        typed("mode", parts["mode"], dialect),
        typed("code", parts["code"], dialect),
        Cell("state", sa.cast(source.c.status, sa.String)),
    ]
    return stream_cells(database, cells, lambda *values: _select(source, choice, *values))
