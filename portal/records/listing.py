"""One page of the gift list, quick however many gifts there are.

Every list walks one index from the newest gift down and stops at a full page. Where
further filters make that walk long it is bounded: a page then may come up short, and says
from which gift on to look further.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.util import ClauseAdapter

from portal.database import Document
from portal.driver import Row, ask, is_sqlite
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.records.filters import (
    EQUALITIES,
    PLACE,
    Condition,
    Equality,
    GiftFilters,
    Search,
    choose_driving,
    list_values,
    remaining,
)
from portal.records.finding import (
    MOST_BEGINNINGS,
    Ids,
    SearchShape,
    beginning_like,
    begins_too_often,
    having_words,
    known_by,
    newest_like,
    same_as,
    search_values,
    shape_of,
    united,
)
from portal.records.stretches import (
    END,
    Bounds,
    Cursor,
    Place,
    Stretch,
    find_stretch,
    name_place,
)

PAGE = 50
# Index entries one page may walk through; some 20 ms of work on either engine.
LONGEST_WALK = 10_000


class ListedGift(NamedTuple):
    """One row of the list; its fields are columns of a gift."""

    id: int
    reference: str
    created_at: datetime
    first_name: str
    last_name: str
    email: str
    anonymous: bool
    amount_minor: int
    refunded_minor: int
    currency: str
    status: Status
    region: str
    fund: str
    code: str | None
    mode: str
    frequency: str


COLUMNS = tuple(getattr(Gift, name) for name in ListedGift._fields)


@dataclass(frozen=True, slots=True)
class GiftPage:
    """Gifts, newest first.

    `older` and `newer` are the gifts the next pages begin below and above; `is_short` says
    that the walk was bounded before the page was full.
    """

    rows: Sequence[ListedGift]
    older: int | None = None
    newer: int | None = None
    is_short: bool = False
    begins_too_many: bool = False


def list_gifts(
    session: Session, filters: GiftFilters, search: Search | None, cursor: Cursor
) -> GiftPage:
    """The page of gifts at `cursor` that fit the filters and the search."""
    stretch = find_stretch(session, filters, cursor)
    values = {**list_values(filters), **stretch.values}
    if search is not None:
        values |= search_values(search)
    walk = _plan(filters, search, stretch, is_sqlite=is_sqlite(session))
    found, end = walk.find(session, values)
    rows = [ListedGift._make(row) for row in found]
    is_full = len(rows) > PAGE
    rows = rows[:PAGE]
    beyond = rows[-1].id if is_full else end.id if end else None
    if stretch.is_upward:
        rows.reverse()
    return GiftPage(
        rows,
        older=_older_of(rows, cursor) if stretch.is_upward else beyond,
        newer=beyond if stretch.is_upward else _newer_of(rows, cursor),
        is_short=not is_full and end is not None,
        begins_too_many=not is_full and walk.begins_too_many(session, values),
    )


def select_gifts(filters: GiftFilters, search: Search | None, *columns: Any) -> sa.Select[Any]:
    """All gifts that fit, in the order they were stored, without any bound: for the export."""
    values = list_values(filters)
    driving = choose_driving(values)
    days = Stretch(begins_at=filters.begins_at, ends_at=filters.ends_at)
    conditions = remaining(values, driving), days.bounds.conditions()
    statement = sa.select(*columns).where(*chain(*conditions))
    values |= days.values
    if driving is not None:
        statement = statement.where(driving.is_among())
    if search is not None:
        shape = shape_of(search)
        found = [
            *known_by(shape),
            *same_as(shape),
            *(entries.with_only_columns(Gift.id) for entries in beginning_like(shape)),
            *having_words(shape),
        ]
        statement = statement.where(Gift.id.in_(united(found)))
        values |= search_values(search)
    return statement.order_by(Gift.id).params(values)


def _newer_of(rows: Sequence[ListedGift], cursor: Cursor) -> int | None:
    if cursor.before is None:
        return None
    return rows[0].id if rows else cursor.before


def _older_of(rows: Sequence[ListedGift], cursor: Cursor) -> int | None:
    return rows[-1].id if rows else cursor.after


def _plan(
    filters: GiftFilters, search: Search | None, stretch: Stretch, *, is_sqlite: bool
) -> "_Walk":
    """The walk of all pages that are asked for with such filters and such a search."""
    values = list_values(filters)
    driving = None if search else choose_driving(values)
    name = driving.name if driving else ""
    shape = shape_of(search) if search else None
    return _keep_walk(tuple(values), name, shape, stretch.bounds, is_sqlite)


# Most are asked for with one filter or none; who tries them all out keeps no more than this.
@lru_cache(maxsize=500)
def _keep_walk(
    given: tuple[str, ...],
    driving: str,
    shape: SearchShape | None,
    bounds: Bounds,
    is_sqlite: bool,
) -> "_Walk":
    return _Walk(given, BY_NAME.get(driving), shape, bounds, is_sqlite=is_sqlite)


BY_NAME = {one.name: one for one in EQUALITIES}


def _is_in_array(column: InstrumentedAttribute[Any], ids: Ids) -> Condition:
    """One of these, of which PostgreSQL looks up many at once: a page of its index at a time."""
    return column == sa.any_(sa.func.array(ids.scalar_subquery()))


class _Walk:
    """The statements of pages of one kind, made once: to make them cost more than to run them."""

    def __init__(
        self,
        given: tuple[str, ...],
        driving: Equality | None,
        search: SearchShape | None,
        bounds: Bounds,
        *,
        is_sqlite: bool,
    ) -> None:
        self.search, self.bounds, self.is_sqlite = search, bounds, is_sqlite
        self.driven = [driving.equals()] if driving else []
        self.place = driving.place if driving else PLACE
        self.compared = remaining(given, driving)
        self.end = self._find_end()
        self.too_many = begins_too_often(search) if search else None
        self.pages = {has_end: self._page(has_end) for has_end in (False, True)}
        is_fenced = not is_sqlite and self.search is None and bool(self.compared)
        self.fenced = self._fence() if is_fenced else None

    def find(self, session: Session, values: Document) -> tuple[list[Row], Place | None]:
        """The gifts themselves, up to one more than a page, and where their walk ended.

        A full page needs no end: where it is bounded by a fence, none is looked for then.
        """
        if self.fenced is None:
            end = self.find_end(session, values)
            return self.ask_page(session, values, end), end
        rows = ask(session, self.fenced, values).rows()
        return rows, None if len(rows) > PAGE else self.find_end(session, values)

    def find_end(self, session: Session, values: Document) -> Place | None:
        """Where the walk ends, read from the indexes alone; None where it needs no end."""
        row = ask(session, self.end, values).first() if self.end is not None else None
        return Place(*row) if row else None

    def ask_page(self, session: Session, values: Document, end: Place | None) -> list[Row]:
        """The gifts themselves, up to one more than a page."""
        return ask(session, self.pages[end is not None], values | name_place(END, end)).rows()

    def begins_too_many(self, session: Session, values: Document) -> bool:
        """Whether more gifts begin like the search than are looked at."""
        return self.too_many is not None and bool(ask(session, self.too_many, values).rows()[0][0])

    def _find_end(self) -> sa.Select[Any] | None:
        if not self.compared:
            return None
        ends = [self._look_ahead(*way).subquery() for way in self._ways()]
        if not ends:
            return None
        found = sa.union_all(*(sa.select(end.c.created_at, end.c.id) for end in ends)).subquery()
        moment, gift_id = found.c
        # The nearest end of all: up to there, every way was walked.
        nearest = (moment, gift_id) if self.bounds.is_upward else (moment.desc(), gift_id.desc())
        return sa.select(found).order_by(*nearest).limit(1)

    def _page(self, has_end: bool) -> sa.Select[Any]:
        fitting = [*self.bounds.conditions(self.place, has_end=has_end), *self.compared]
        statement: Any = sa.select(*COLUMNS)
        if self.search is not None:
            statement = statement.where(Gift.id.in_(self._search(self.search, fitting)))
        else:
            statement = statement.where(*self.driven, *fitting)
        if self.place[1] is not Gift.id:
            statement = statement.where(Gift.id == self.place[1])
        ordered: sa.Select[Any] = self.bounds.ordered(statement, self.place)
        return ordered.limit(PAGE + 1)

    def _search(self, shape: SearchShape, fitting: list[Condition]) -> Ids:
        """The page's gifts alone: of hundreds that a search looks at, most rows are not shown."""
        same = (self.bounds.ordered(ids.where(*fitting)) for ids in same_as(shape))
        found = united(
            [
                *known_by(shape),
                *(ids.limit(PAGE + 1) for ids in same),
                *newest_like(shape, self.bounds, MOST_BEGINNINGS if self.compared else PAGE + 1),
            ]
        )
        among = Gift.id.in_(found) if self.is_sqlite else _is_in_array(Gift.id, found)
        chosen = sa.select(Gift.id).where(among, *fitting).correlate(None)
        ordered: Ids = self.bounds.ordered(chosen)
        return ordered.limit(PAGE + 1)

    def _fence(self) -> sa.Select[Any]:
        """The same page among so many entries of the index.

        PostgreSQL takes them in their order, as far as it needs; SQLite would sort them all.
        """
        moment, number = self.place
        entries: Any = sa.select(*COLUMNS, Gift.received_on, moment.label("at"), number.label("of"))
        entries = entries.where(*self.driven, *self.bounds.conditions(self.place))
        if number is not Gift.id:
            entries = entries.where(Gift.id == number)
        walked = self.bounds.ordered(entries, self.place).limit(LONGEST_WALK + 1).subquery()
        within = ClauseAdapter(walked)
        fitting = [within.traverse(condition) for condition in self.compared]
        found = sa.select(*(walked.c[name] for name in ListedGift._fields)).where(*fitting)
        ordered: sa.Select[Any] = self.bounds.ordered(found, (walked.c["at"], walked.c["of"]))
        return ordered.limit(PAGE + 1)

    def _ways(self) -> Iterator[tuple[Ids, int]]:
        """The indexes that the page walks along, and how many entries of each."""
        if self.search is None:
            yield sa.select(self.place[1]).where(*self.driven), LONGEST_WALK
        else:
            for ids in same_as(self.search):
                yield ids, MOST_BEGINNINGS

    def _look_ahead(self, ids: Ids, entries: int) -> sa.Select[Any]:
        """The place so many entries on in the stretch."""
        walked = ids.with_only_columns(
            self.place[0].label("created_at"), self.place[1].label("id")
        ).where(*self.bounds.conditions(self.place))
        ordered: sa.Select[Any] = self.bounds.ordered(walked, self.place)
        return ordered.offset(entries).limit(1)
