"""The gifts behind a partner's figure: by what they make it, and all of them as a file.

`portal.records.partner_sums` has the figures, `portal.records.partner_pages` a page of the gifts.
A name stands beside one only where its donor let the very partner know it: of the months of a
monthly gift beside the first, with which that was said.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.models import CodeUse
from portal.codes.pots import GiftMatch
from portal.database import Database, table_of
from portal.donors import PARTNER, Consent
from portal.driver import ask
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
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


USES = table_of(CodeUse)


def _select_paths() -> sa.Select[Any]:
    """The paths that there are, each looked up once by the index, however many gifts have it."""
    path = USES.c.path
    first = sa.select(sa.func.min(path).label("path")).cte("paths", recursive=True)
    later = sa.select(sa.func.min(path)).where(path > first.c.path)
    following = sa.select(later.correlate(first).scalar_subquery()).where(first.c.path.is_not(None))
    paths = first.union_all(following)
    return sa.select(paths.c.path).where(paths.c.path.like(sa.bindparam("under")))


_PATHS = _select_paths()


def list_paths(session: Session, scope_id: int) -> Paths:
    """The paths that gifts have and in which the scope stands: `/3/17/` has 3 and 17 in it."""
    rows = ask(session, _PATHS, {"under": f"%/{int(scope_id)}/%"}).rows()
    return tuple(path for (path,) in rows)


def gifts_of(uses: sa.FromClause, currency: Any, dialect: str, *, is_few: bool = False) -> Source:
    """The gifts of some uses, of one currency; of few uses each is looked up by its number."""
    gift = _look_up(uses) if is_few and dialect == "postgresql" else table_of(Gift)
    day = _day(gift.c, dialect)
    rows = (
        sa.select(
            gift.c.id,
            gift.c.currency,
            gift.c.status,
            day.label(Dimension.MONTH.value + "_day"),
            sa.func.substr(day, 1, 7).label(Dimension.MONTH.value),
            gift.c.fund,
            gift.c.region,
            gift.c.mode,
            sa.func.coalesce(gift.c.code, "").label(Dimension.CODE.value),
            sa.cast(uses.c.scope_id, sa.String).label(Dimension.PARTNER.value),
            gift.c.amount_minor.label("amount"),
            gift.c.paid_minor.label("gross"),
            gift.c.refunded_minor.label("refunded"),
            _disputed(gift.c).label("disputed"),
            _promised(gift.c).label("promised"),
            sa.case((GiftMatch.is_paid, GiftMatch.held_minor), else_=0).label("matched"),
        )
        .join_from(uses, gift, gift.c.id == uses.c.gift_id)
        .outerjoin(GiftMatch, GiftMatch.gift_id == gift.c.id)
        .where(gift.c.currency == currency)
    )
    return Source(rows.cte("own_gifts"))


def _look_up(uses: sa.FromClause) -> sa.FromClause:
    """The gift of each use, which PostgreSQL would else join with by reading them all."""
    gifts = table_of(Gift)
    # A fence for its planner, which doesn't know how few there are.
    one = sa.select(gifts).where(gifts.c.id == uses.c.gift_id).offset(sa.literal_column("0"))
    return one.lateral("looked_up")


def _day(gift: Any, dialect: str) -> sa.ColumnElement[str]:
    """The day on which a gift came, by its issuer's calendar; else on which it began, in UTC."""
    if dialect == "sqlite":
        came: Any = sa.type_coerce(gift.received_on, sa.String)
        began = sa.func.substr(sa.type_coerce(gift.created_at, sa.String), 1, 10)
    else:
        came = sa.func.to_char(gift.received_on, "YYYY-MM-DD")
        began = sa.func.to_char(sa.func.timezone("UTC", gift.created_at), "YYYY-MM-DD")
    return sa.func.coalesce(came, began)


def _disputed(gift: Any) -> sa.ColumnElement[int]:
    rest = gift.paid_minor - gift.refunded_minor
    return sa.case((gift.status == Status.DISPUTED, rest), else_=0)


def _promised(gift: Any) -> sa.ColumnElement[int]:
    return sa.case(
        (gift.status.in_(OPEN), gift.amount_minor),
        (gift.status == Status.PARTLY_PAID, gift.amount_minor - gift.paid_minor),
        else_=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which figure of which cell; without `by` the currency's total.

    `shown` are the cells that a gift may be told to be in, by dimension; `partner` is the key of
    who looks, to whom donors may have let their names be told. `number` is how many gifts make the
    figure, where the sums say it.
    """

    paths: Paths
    currency: str
    what: What
    by: Dimension | None = None
    of: str = ""
    shown: Mapping[Dimension, frozenset[str]]
    partner: str = ""
    number: int | None = None


def add_up(c: Any, what: What) -> Any:
    """What a gift adds to a figure; to what was started its amount, whatever came."""
    net = c.gross - c.refunded
    amounts = {
        What.STARTED: c.amount,
        What.GROSS: c.gross,
        What.NET: net,
        What.RECEIVED: net - c.disputed,
    }
    return amounts[what] if what in amounts else c[what.value]


def mask(c: Any, dimension: Dimension, value: Any, shown: Any) -> Any:
    """A value that is told in the shown cells alone."""
    return sa.case((c[dimension.value].in_(shown), value), else_="")


def divide(source: Source, what: What, shown: Callable[[Dimension], Any]) -> dict[str, Any]:
    """What a list tells of a gift; `shown` are the cells of a dimension that are."""
    c = source.c
    told = {
        "day": (Dimension.MONTH, c.month_day),
        "fund": (Dimension.FUND, c.fund),
        "mode": (Dimension.MODE, c.mode),
        "code": (Dimension.CODE, c.code),
    }
    masked = {name: mask(c, by, value, shown(by)) for name, (by, value) in told.items()}
    return {"day": masked["day"], "minor": add_up(c, what), **masked}


def _divide(source: Source, choice: Choice) -> dict[str, Any]:
    return divide(source, choice.what, lambda by: sorted(choice.shown.get(by, ())))


def _select(source: Source, choice: Choice, *values: Any) -> sa.Select[Any]:
    parts = _divide(source, choice)
    found = sa.select(*values).select_from(source.rows)
    found = narrow(found, source, choice.what, choice.by, choice.of)
    # Not by number, as that would tell when a gift without a day came.
    return found.order_by(parts["day"].desc(), parts["minor"].desc(), parts["fund"], source.c.id)


def narrow(
    found: sa.Select[Any], source: Source, what: What, by: Dimension | None, of: Any
) -> sa.Select[Any]:
    """Of a statement over the gifts those that make a figure."""
    if by is not None:
        found = found.where(source.c[by.value] == of)
    if what is not What.STARTED:
        found = found.where(add_up(source.c, what) != 0)
    return found


def tell_names(partner: Any, *values: Any) -> sa.Select[Any]:
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


def _name(partner: str, source: Source, dialect: str) -> Any:
    """The same as an expression, harmless in a spreadsheet."""
    written = typed("donor", write_name(dialect), dialect).value
    told = tell_names(partner, sa.func.min(written)).where(Consent.gift_id == source.c.id)
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
    uses = sa.select(USES).where(USES.c.path.in_(choice.paths)).subquery()
    source = gifts_of(uses, choice.currency, dialect)
    parts = _divide(source, choice)
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
