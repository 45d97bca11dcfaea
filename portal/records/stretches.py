"""The part of the gift list that a page is taken from: between a cursor, the days and an end.

Every list walks from the newest gift down, or up from a gift to newer ones.
"""

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Document
from portal.driver import ask
from portal.gifts.models import Gift
from portal.records.filters import PLACE, Condition, GiftFilters, bind

# A gift's moment and its number, as the table says them whose index is walked along.
Columns = tuple[Any, Any]


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

    @property
    def bounds(self) -> "Bounds":
        upper = "older" if self.older_than else "ends_at" if self.ends_at else ""
        lower = "newer" if self.newer_than else "begins_at" if self.begins_at else ""
        return Bounds(upper, lower, self.is_upward)

    @property
    def values(self) -> Document:
        """What statements within its bounds are run with, by their names there."""
        return {
            "begins_at": self.begins_at,
            "ends_at": self.ends_at,
            **name_place("older", self.older_than),
            **name_place("newer", self.newer_than),
        }


def name_place(name: str, place: Place | None) -> Document:
    return {f"{name}_at": place.at, f"{name}_id": place.id} if place else {}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which bounds a stretch has, by the names of their values; empty where it is open."""

    upper: str = ""
    lower: str = ""
    is_upward: bool = False

    def conditions(self, place: Columns = PLACE, *, has_end: bool = False) -> Iterator[Condition]:
        """The bounds; an end, itself included, stands for the one the page walks towards."""
        upper = END if has_end and self.is_upward else self.upper
        lower = END if has_end and not self.is_upward else self.lower
        if upper == "ends_at":
            yield place[0] < bind(upper, place[0])
        elif upper:
            yield _compare(operator.le if upper == END else operator.lt, place, upper)
        if lower == "begins_at":
            yield place[0] >= bind(lower, place[0])
        elif lower:
            yield _compare(operator.ge if lower == END else operator.gt, place, lower)

    def ordered(self, statement: Any, place: Columns = PLACE) -> Any:
        """In the direction of the page, from where it begins."""
        if self.is_upward:
            return statement.order_by(*place)
        return statement.order_by(*(column.desc() for column in place))


END = "end"


def _compare(compare: Callable[[Any, Any], Condition], place: Columns, name: str) -> Condition:
    """A place with another's, as rows of two values."""
    moment, gift_id = place
    values = bind(f"{name}_at", moment), bind(f"{name}_id", gift_id)
    return compare(sa.tuple_(*place), sa.tuple_(*values, types=[moment.type, gift_id.type]))


def find_place(session: Session, gift_id: int) -> Place | None:
    """Where a gift stands; None where there is none of this id."""
    row = ask(session, _PLACE_OF, {"gift_id": gift_id}).first()
    return Place(*row) if row else None


_PLACE_OF = sa.select(*PLACE).where(Gift.id == bind("gift_id", Gift.id))


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
