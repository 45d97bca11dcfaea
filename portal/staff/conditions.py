"""The filters as conditions: one that chooses the index, and the rest, that must not.

A planner that may choose takes the wrong index now and then, and a page that is quick
today takes seconds at ten million gifts; so all but one are out of every index's reach.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.staff.filters import GiftFilters

# Gifts get their ids in the order they begin, but for those that begin at the same time.
SKEW = timedelta(hours=1)

Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Equality:
    """One filter by one column, which has an index with the id behind it."""

    name: str
    column: InstrumentedAttribute[Any]
    neutral: str | Status = ""

    def equals(self, filters: GiftFilters) -> Condition:
        return sa.type_coerce(self.column == getattr(filters, self.name), sa.Boolean)

    def compares(self, filters: GiftFilters) -> Condition:
        """The same, out of reach of every index."""
        kept = sa.func.coalesce(self.column, self.neutral)
        return sa.type_coerce(kept == getattr(filters, self.name), sa.Boolean)


# In the order of how few gifts one value usually has.
EQUALITIES = (
    Equality("code", Gift.code),
    Equality("status", Gift.status, Status.PENDING),
    Equality("fund", Gift.fund),
    Equality("mode", Gift.mode),
    Equality("region", Gift.region),
)


def choose_driving(filters: GiftFilters) -> Equality | None:
    """The filter whose index is walked; most gifts are paid, so that one comes last."""
    wanted = [one for one in EQUALITIES if getattr(filters, one.name)]
    if filters.status is Status.PAID:
        wanted.sort(key=lambda one: one.name == "status")
    return wanted[0] if wanted else None


def remaining(filters: GiftFilters, driving: Equality | None) -> list[Condition]:
    """The equalities that the walk along `driving` has to compare gift by gift."""
    return [
        one.compares(filters)
        for one in EQUALITIES
        if getattr(filters, one.name) and one is not driving
    ]


def first_of_days(filters: GiftFilters) -> sa.ScalarSelect[int] | None:
    """The first id of the days, found by index, with `SKEW` before it."""
    if filters.begins_at is None:
        return None
    began = sa.select(Gift.id).where(Gift.created_at >= filters.begins_at - SKEW)
    return began.order_by(Gift.created_at, Gift.id).limit(1).scalar_subquery()


def last_of_days(filters: GiftFilters) -> sa.ScalarSelect[int] | None:
    """The last id of the days, found by index, with `SKEW` behind it."""
    if filters.ends_at is None:
        return None
    began = sa.select(Gift.id).where(Gift.created_at < filters.ends_at + SKEW)
    newest = began.order_by(Gift.created_at.desc(), Gift.id.desc())
    return newest.limit(1).scalar_subquery()


def ids_between(
    filters: GiftFilters, *, above: int | None = None, below: int | None = None
) -> Iterator[Condition]:
    """Within the days and beside the cursor: one bound a side, as SQLite heeds no more."""
    first, last = first_of_days(filters), last_of_days(filters)
    if last is not None:
        yield Gift.id <= (
            last if below is None else sa.case((last >= below, below - 1), else_=last)
        )
    elif below is not None:
        yield Gift.id < below
    if first is not None:
        yield Gift.id >= (
            first if above is None else sa.case((first <= above, above + 1), else_=first)
        )
    elif above is not None:
        yield Gift.id > above


def days_exactly(filters: GiftFilters) -> Iterator[Condition]:
    """Begun within the days."""
    if filters.begins_at is not None:
        yield sa.func.coalesce(Gift.created_at, filters.begins_at) >= filters.begins_at
    if filters.ends_at is not None:
        yield sa.func.coalesce(Gift.created_at, filters.ends_at) < filters.ends_at
