"""The gifts that a partner's figure is made of: day, amount, fund, mode, code and state, no names.

What a gift says of itself is left out where its cell is withheld: else the list of a total would
tell what the table beside it does not. Such gifts' days are unknown, and they stand at the end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database
from portal.gifts.lifecycle import Status
from portal.records.export import Cell, decimal, stream_cells, typed
from portal.records.partner_sums import Paths, Source, gifts_of
from portal.records.partners import Dimension, What

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
