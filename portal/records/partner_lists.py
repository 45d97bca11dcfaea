"""The gifts behind a partner's figure: a page of them, and all as a file.

They are found by what makes the figure (`portal.records.partner_sums`). A name stands beside one
only where its donor let the very partner know it: of the months of a monthly gift beside the
first, with which that was said.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import CodeUse
from portal.codes.pots import GiftMatch
from portal.database import Database
from portal.donors import PARTNER, Consent
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.plain import full_name
from portal.records.export import (
    Cell,
    Select,
    decimal,
    stream_cells,
    typed,
    write_cells,
    write_name,
)
from portal.records.partners import Dimension, What

OPEN = (Status.PENDING, Status.PROCESSING)


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
            # By which an index is walked that has the path before it.
            CodeUse.gift_id.label("id"),
            Gift.currency,
            Gift.status,
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
            sa.case((GiftMatch.is_paid, GiftMatch.held_minor), else_=0).label("matched"),
        )
        .join_from(CodeUse, Gift, Gift.id == CodeUse.gift_id)
        .outerjoin(GiftMatch, GiftMatch.gift_id == CodeUse.gift_id)
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


PAGE = 50
MOST_PAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which figure of which cell; without `by` the currency's total.

    `shown` are the cells that a gift may be told to be in, by dimension; `partner` is the key of
    who looks, to whom donors may have let their names be told.
    """

    paths: Paths
    currency: str
    what: What
    by: Dimension | None = None
    of: str = ""
    shown: Mapping[Dimension, frozenset[str]]
    partner: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A gift as a list shows it; `minor` is what it adds to the figure. Empty is not told."""

    day: str
    minor: int
    fund: str
    mode: str
    code: str
    status: Status
    donor: str


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
    shown = sorted(choice.shown.get(dimension, ()))
    return sa.case((c[dimension.value].in_(shown), value), else_="")


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
    found = _narrow(sa.select(*values).select_from(source.rows), source, choice)
    # Not by number, as that would tell when a gift without a day came.
    return found.order_by(parts["day"].desc(), parts["minor"].desc(), parts["fund"], source.c.id)


def _narrow(found: sa.Select[Any], source: Source, choice: Choice) -> sa.Select[Any]:
    if choice.by is not None:
        found = found.where(source.c[choice.by.value] == choice.of)
    if choice.what is not What.STARTED:
        found = found.where(_adds(source.c, choice.what) != 0)
    return found


def list_gifts(session: Session, choice: Choice, page: int) -> list[Row]:
    """A page of them, the newest first, and one more if there is one.

    Those whose day may be told come first, by their number, which an index has in order: nothing
    is sorted but some pages. Where they end, the others follow by what they brought.
    """
    most = page * PAGE + 1
    rows: list[Any] = _walk(session, choice, most)
    if len(rows) < most:
        rows += _list_dayless(session, choice, most - len(rows))
    rows = rows[(page - 1) * PAGE :]
    names = _list_names(session, choice.partner, [row.id for row in rows])
    return [Row(*(*row[:-1], names.get(row.id, ""))) for row in rows]


def _walk(session: Session, choice: Choice, most: int) -> list[sa.Row[Any]]:
    """The newest of each path, and of these the newest."""
    shown = sorted(choice.shown.get(Dimension.MONTH, ()))
    rows: list[sa.Row[Any]] = []
    for path in choice.paths:
        source = gifts_of((path,), session.get_bind().dialect.name, choice.currency)
        found = _narrow(_select_parts(source, choice), source, choice)
        found = found.where(source.c[Dimension.MONTH.value].in_(shown))
        rows += session.execute(found.order_by(source.c.id.desc()).limit(most)).all()
    return sorted(rows, key=lambda row: -row.id)[:most]


def _list_dayless(session: Session, choice: Choice, most: int) -> Sequence[sa.Row[Any]]:
    source = gifts_of(choice.paths, session.get_bind().dialect.name, choice.currency)
    parts = _parts(source, choice)
    found = _narrow(_select_parts(source, choice), source, choice).where(parts["day"] == "")
    order = (parts["minor"].desc(), parts["fund"], source.c.id)
    return session.execute(found.order_by(*order).limit(most)).all()


def _select_parts(source: Source, choice: Choice) -> sa.Select[Any]:
    parts = _parts(source, choice)
    return sa.select(*parts.values(), source.c.status, source.c.id).select_from(source.rows)


def _tell(partner: str, *values: Any) -> sa.Select[Any]:
    """`values` of the gifts whose donors let the partner know who they are from."""
    return (
        sa.select(*values)
        .join_from(Consent, Gift, Gift.id == Consent.gift_id)
        .where(
            Consent.channel == PARTNER,
            Consent.withdrawn_at.is_(None),
            Gift.partner == partner,
            Gift.anonymous.is_(False),
        )
    )


def _list_names(session: Session, partner: str, gift_ids: Iterable[int]) -> dict[int, str]:
    told = _tell(partner, Gift.id, Gift.first_name, Gift.last_name)
    rows = session.execute(told.where(Consent.gift_id.in_(gift_ids)))
    return {gift_id: full_name(first, last) for gift_id, first, last in rows}


def _name(partner: str, source: Source, dialect: str) -> Any:
    """The same as an expression, harmless in a spreadsheet."""
    written = typed("donor", write_name(dialect), dialect).value
    told = _tell(partner, sa.func.min(written)).where(Consent.gift_id == source.c.id)
    return sa.func.coalesce(told.correlate(source.rows).scalar_subquery(), "")


def _signed(minor: Any, currency: Any) -> Any:
    """More may have gone back than stands: a match that was undone after its refund."""
    below = sa.literal("-").concat(decimal(-minor, currency))
    return sa.case((minor < 0, below), else_=decimal(minor, currency))


def stream_list(database: Database, choice: Choice) -> Iterator[str]:
    """The same as a CSV file, all of them."""
    cells, select = _as_table(database, choice)
    return stream_cells(database, cells, select)


def write_list(database: Database, choice: Choice, file: IO[bytes]) -> None:
    """The same as an XLSX file."""
    cells, select = _as_table(database, choice)
    write_cells(database, cells, select, file)


def _as_table(database: Database, choice: Choice) -> tuple[list[Cell], Select]:
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
        Cell("matched", decimal(source.c.matched, source.c.currency)),
        Cell("state", sa.cast(source.c.status, sa.String)),
        Cell("donor", _name(choice.partner, source, dialect), is_text=True),
    ]
    return cells, lambda *values: _select(source, choice, *values)
