"""Where in the list a page lies: gifts stand by when they began, then by their id."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.models import Gift
from portal.records.listing.filters import Condition, GiftFilters

PLACE = (Gift.created_at, Gift.id)


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

    def conditions(self, end: Place | None = None) -> Iterator[Condition]:
        """The bounds; `end`, itself included, stands for the one the page walks towards."""
        yield from self._upper(end if self.is_upward else None)
        yield from self._lower(end if not self.is_upward else None)

    def _upper(self, end: Place | None) -> Iterator[Condition]:
        if end is not None:
            yield _place() <= _at(end)
        elif self.older_than is not None:
            yield _place() < _at(self.older_than)
        elif self.ends_at is not None:
            yield Gift.created_at < self.ends_at

    def _lower(self, end: Place | None) -> Iterator[Condition]:
        if end is not None:
            yield _place() >= _at(end)
        elif self.newer_than is not None:
            yield _place() > _at(self.newer_than)
        elif self.begins_at is not None:
            yield Gift.created_at >= self.begins_at

    def ordered(self, statement: Any) -> Any:
        """In the direction of the page, from where it begins."""
        if self.is_upward:
            return statement.order_by(*PLACE)
        return statement.order_by(*(column.desc() for column in PLACE))


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


def _place() -> sa.Tuple:
    return sa.tuple_(*PLACE)


def _at(place: Place) -> sa.Tuple:
    return sa.tuple_(place.at, place.id, types=[Gift.created_at.type, Gift.id.type])
