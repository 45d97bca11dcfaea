"""One page of the gift list, quick however many gifts there are.

Every list walks one index from the newest gift down and stops at a full page. Where
further filters make that walk long it is bounded: a page then may come up short, and says
from which gift on to look further.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.models import Gift
from portal.staff.conditions import (
    Condition,
    choose_driving,
    days_exactly,
    ids_between,
    remaining,
)
from portal.staff.filters import GiftFilters
from portal.staff.finding import (
    MOST_BEGINNINGS,
    Ids,
    beginning_like,
    begins_too_many,
    known_by,
    same_as,
    united,
)
from portal.staff.searching import Search

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
class Cursor:
    """Where a page begins: below the gift `before`, or just above the gift `after`."""

    before: int | None = None
    after: int | None = None


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
    walk = _Walk(filters, search, cursor)
    bound = walk.bound()
    end: int | None = session.scalar(bound) if bound is not None else None
    rows = list(session.execute(walk.page(end)))
    is_full = len(rows) > PAGE
    rows = rows[:PAGE]
    beyond = rows[-1].id if is_full else end
    if walk.is_upward:
        rows.reverse()
        before = rows[-1].id if rows else (cursor.after or 0) + 1
        return GiftPage(rows, older=before, newer=beyond, is_short=not is_full and bool(end))
    return GiftPage(
        rows,
        older=beyond,
        newer=_newer_of(rows, cursor),
        is_short=not is_full and end is not None,
        begins_too_many=search is not None and not is_full and begins_too_many(session, search),
    )


def select_gifts(filters: GiftFilters, search: Search | None, *columns: Any) -> sa.Select[Any]:
    """All gifts that fit, oldest first, without any bound: for the export."""
    driving = choose_driving(filters)
    days = (*ids_between(filters), *days_exactly(filters))
    statement = sa.select(*columns).where(*remaining(filters, driving), *days)
    if driving is not None:
        statement = statement.where(driving.equals(filters))
    if search is not None:
        found = [*known_by(search), *same_as(search), *beginning_like(search)]
        statement = statement.where(Gift.id.in_(united(found)))
    return statement.order_by(Gift.id)


def _newer_of(rows: Sequence[sa.Row[Any]], cursor: Cursor) -> int | None:
    if cursor.before is None:
        return None
    return rows[0].id if rows else cursor.before - 1


class _Walk:
    """The statements of one page."""

    def __init__(self, filters: GiftFilters, search: Search | None, cursor: Cursor) -> None:
        self.search, self.cursor = search, cursor
        self.is_upward = cursor.after is not None
        driving = None if search else choose_driving(filters)
        self.driven = [driving.equals(filters)] if driving else []
        self.compared = remaining(filters, driving)
        self.range = list(ids_between(filters, above=cursor.after, below=cursor.before))
        self.days = list(days_exactly(filters))

    def bound(self) -> sa.Select[Any] | None:
        """Which gift the walk ends at, read from the index alone; None where it needs no end."""
        if not self.compared:
            return None
        if self.search is None:
            return self._walked(sa.select(Gift.id).where(*self.driven), LONGEST_WALK)
        ends = [self._walked(ids, MOST_BEGINNINGS) for ids in same_as(self.search)]
        if not ends:
            return None
        nearest = sa.func.min if self.is_upward else sa.func.max
        return sa.select(nearest(united(ends).subquery().c[0]))

    def page(self, end: int | None) -> sa.Select[Any]:
        """The gifts themselves, up to one more than a page."""
        fitting = (*self.range, *self._until(end), *self.days, *self.compared)
        statement: Any = sa.select(*COLUMNS).where(*self.driven, *fitting)
        if self.search is not None:
            found = [
                *known_by(self.search),
                *(
                    self._ordered(ids.where(*fitting)).limit(PAGE + 1)
                    for ids in same_as(self.search)
                ),
                *(ids.limit(MOST_BEGINNINGS) for ids in beginning_like(self.search)),
            ]
            statement = statement.where(Gift.id.in_(united(found)))
        return self._ordered(statement).limit(PAGE + 1)

    def _walked(self, ids: Ids, entries: int) -> Ids:
        """The id so many entries on from the cursor."""
        return self._ordered(ids.where(*self.range)).offset(entries).limit(1)

    def _until(self, end: int | None) -> Iterator[Condition]:
        if end is not None:
            yield Gift.id <= end if self.is_upward else Gift.id >= end

    def _ordered(self, statement: sa.Select[Any]) -> sa.Select[Any]:
        return statement.order_by(Gift.id.asc() if self.is_upward else Gift.id.desc())
