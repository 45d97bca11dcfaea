"""The filters as conditions: one that chooses the index, and the rest, that must not.

A planner that may choose takes the wrong index now and then, and a page that is quick
today takes seconds at ten million gifts; so all but one are out of every index's reach.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.staff.filters import GiftFilters

Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Equality:
    """One filter by one column, which has an index with the gift's moment behind it."""

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
    compared = [
        one.compares(filters)
        for one in EQUALITIES
        if getattr(filters, one.name) and one is not driving
    ]
    return compared + _received(filters)


def _received(filters: GiftFilters) -> list[Condition]:
    """The days of receiving: no index that a list walks begins with them."""
    conditions: list[Condition] = []
    if filters.received_since:
        conditions.append(Gift.received_on >= filters.received_since)
    if filters.received_until:
        conditions.append(Gift.received_on <= filters.received_until)
    return conditions
