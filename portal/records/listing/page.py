"""One page of the gift list, quick however many gifts there are.

Every list walks one index from the newest gift down and stops at a full page. Where
further filters make that walk long it is bounded: a page then may come up short, and says
from which gift on to look further.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from portal.gifts.models import Gift
from portal.records.listing.filters import (
    PLACE,
    Condition,
    GiftFilters,
    choose_driving,
    remaining,
)
from portal.records.listing.search import (
    MOST_BEGINNINGS,
    Ids,
    Search,
    beginning_like,
    begins_too_many,
    having_words,
    known_by,
    same_as,
    united,
)

# A gift's moment and its number, as the table says them whose index is walked along.
Columns = tuple[InstrumentedAttribute[Any], InstrumentedAttribute[Any]]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: just older than the gift `before`, or newer than `after`."""

    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A gift's place in the list."""

    at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of the list that a page is taken from, in its direction.

    At most one bound a side, because SQLite's planner heeds no more: the days are only
    compared where the cursor or the walk's end does not already lie within them.
    """

    older_than: Place | None = None
    newer_than: Place | None = None
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    is_upward: bool = False

    def conditions(self, end: Place | None = None, place: Columns = PLACE) -> Iterator[Condition]:
        """The bounds; `end`, itself included, stands for the one the page walks towards."""
        yield from self._upper(end if self.is_upward else None, place)
        yield from self._lower(end if not self.is_upward else None, place)

    def _upper(self, end: Place | None, place: Columns) -> Iterator[Condition]:
        if end is not None:
            yield sa.tuple_(*place) <= _at(end)
        elif self.older_than is not None:
            yield sa.tuple_(*place) < _at(self.older_than)
        elif self.ends_at is not None:
            yield place[0] < self.ends_at

    def _lower(self, end: Place | None, place: Columns) -> Iterator[Condition]:
        if end is not None:
            yield sa.tuple_(*place) >= _at(end)
        elif self.newer_than is not None:
            yield sa.tuple_(*place) > _at(self.newer_than)
        elif self.begins_at is not None:
            yield place[0] >= self.begins_at

    def ordered(self, statement: Any, place: Columns = PLACE) -> Any:
        """In the direction of the page, from where it begins."""
        if self.is_upward:
            return statement.order_by(*place)
        return statement.order_by(*(column.desc() for column in place))


def find_place(session: Session, gift_id: int) -> Place | None:
    """Where a gift stands; None where there is none of this id."""
    row = session.execute(sa.select(*PLACE).where(Gift.id == gift_id)).one_or_none()
    return Place(*row) if row else None


def find_stretch(session: Session, filters: GiftFilters, cursor: Cursor) -> Stretch:
    """The part of the list that the days and the cursor leave."""
    below = find_place(session, cursor.before) if cursor.before is not None else None
    above = find_place(session, cursor.after) if cursor.after is not None else None
    begins_at, ends_at = filters.begins_at, filters.ends_at
    return Stretch(
        older_than=below if below and (ends_at is None or below.at < ends_at) else None,
        newer_than=above if above and (begins_at is None or above.at >= begins_at) else None,
        begins_at=begins_at,
        ends_at=ends_at,
        is_upward=cursor.after is not None,
    )


def _at(place: Place) -> sa.Tuple:
    return sa.tuple_(place.at, place.id, types=[Gift.created_at.type, Gift.id.type])


PAGE = 50
# Index entries one page may walk through; some 20 ms of work on either engine.
LONGEST_WALK = 10_000

COLUMNS = (
    Gift.id,
    Gift.reference,
    Gift.created_at,
    Gift.first_name,
    Gift.last_name,
    Gift.email,
    Gift.anonymous,
    Gift.amount_minor,
    Gift.refunded_minor,
    Gift.currency,
    Gift.status,
    Gift.region,
    Gift.fund,
    Gift.code,
    Gift.mode,
    Gift.frequency,
)


@dataclass(frozen=True, slots=True)
class GiftPage:
    """Gifts, newest first.

    `older` and `newer` are the gifts the next pages begin below and above; `is_short` says
    that the walk was bounded before the page was full.
    """

    rows: Sequence[sa.Row[Any]]
    older: int | None = None
    newer: int | None = None
    is_short: bool = False
    begins_too_many: bool = False


def list_gifts(
    session: Session, filters: GiftFilters, search: Search | None, cursor: Cursor
) -> GiftPage:
    """The page of gifts at `cursor` that fit the filters and the search."""
    stretch = find_stretch(session, filters, cursor)
    walk = _Walk(filters, search, stretch)
    end = walk.find_end(session)
    rows = list(session.execute(walk.page(end)))
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
        begins_too_many=search is not None and not is_full and begins_too_many(session, search),
    )


def select_gifts(filters: GiftFilters, search: Search | None, *columns: Any) -> sa.Select[Any]:
    """All gifts that fit, in the order they were stored, without any bound: for the export."""
    driving = choose_driving(filters)
    days = Stretch(begins_at=filters.begins_at, ends_at=filters.ends_at)
    statement = sa.select(*columns).where(*remaining(filters, driving), *days.conditions())
    if driving is not None:
        statement = statement.where(driving.is_among(filters))
    if search is not None:
        found = [
            *known_by(search),
            *same_as(search),
            *beginning_like(search),
            *having_words(search, None),
        ]
        statement = statement.where(Gift.id.in_(united(found)))
    return statement.order_by(Gift.id)


def _newer_of(rows: Sequence[sa.Row[Any]], cursor: Cursor) -> int | None:
    if cursor.before is None:
        return None
    return rows[0].id if rows else cursor.before


def _older_of(rows: Sequence[sa.Row[Any]], cursor: Cursor) -> int | None:
    return rows[-1].id if rows else cursor.after


class _Walk:
    """The statements of one page."""

    def __init__(self, filters: GiftFilters, search: Search | None, stretch: Stretch) -> None:
        self.search, self.stretch = search, stretch
        driving = None if search else choose_driving(filters)
        self.driven = [driving.equals(filters)] if driving else []
        self.place = driving.place if driving else PLACE
        self.compared = remaining(filters, driving)

    def find_end(self, session: Session) -> Place | None:
        """Where the walk ends, read from the indexes alone; None where it needs no end."""
        if not self.compared:
            return None
        ends = [self._look_ahead(*way).subquery() for way in self._ways()]
        if not ends:
            return None
        found = sa.union_all(*(sa.select(end.c.created_at, end.c.id) for end in ends)).subquery()
        moment, gift_id = found.c
        # The nearest end of all: up to there, every way was walked.
        nearest = (moment, gift_id) if self.stretch.is_upward else (moment.desc(), gift_id.desc())
        row = session.execute(sa.select(found).order_by(*nearest).limit(1)).one_or_none()
        return Place(*row) if row else None

    def page(self, end: Place | None) -> sa.Select[Any]:
        """The gifts themselves, up to one more than a page."""
        fitting = [*self.stretch.conditions(end, self.place), *self.compared]
        statement: Any = sa.select(*COLUMNS).where(*self.driven, *fitting)
        if self.place[1] is not Gift.id:
            statement = statement.where(Gift.id == self.place[1])
        if self.search is not None:
            same = (self.stretch.ordered(ids.where(*fitting)) for ids in same_as(self.search))
            found = [
                *known_by(self.search),
                *(ids.limit(PAGE + 1) for ids in same),
                *(ids.limit(MOST_BEGINNINGS) for ids in beginning_like(self.search)),
                *having_words(self.search),
            ]
            statement = statement.where(Gift.id.in_(united(found)))
        ordered: sa.Select[Any] = self.stretch.ordered(statement, self.place)
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
        bounds = self.stretch.conditions(place=self.place)
        walked = ids.with_only_columns(
            self.place[0].label("created_at"), self.place[1].label("id")
        ).where(*bounds)
        ordered: sa.Select[Any] = self.stretch.ordered(walked, self.place)
        return ordered.offset(entries).limit(1)
