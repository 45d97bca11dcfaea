"""The shipped catalogue, and builders of valid codes and pledges."""

from datetime import UTC, datetime
from typing import Any

from portal.codes.policy import Code, Kind
from portal.codes.terms import Frequency, Pledge
from portal.money import Money
from portal.regions.files import read_catalogue

CATALOGUE = read_catalogue()
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def region(slug: str) -> Any:
    found = CATALOGUE.by_slug(slug)
    assert found is not None
    return found


def make_code(**changes: Any) -> Code:
    """LWCAN as partners know it: Canada only, for partnership."""
    values: dict[str, Any] = {
        "code": "LWCAN",
        "display": "LWCAN",
        "kind": Kind.PARTNER,
        "partner": "loveworld-canada",
        "regions": frozenset({"ca"}),
        "funds": ("partnership",),
    }
    return Code(**{**values, **changes})


def make_pledge(**changes: Any) -> Pledge:
    """CAD 75.50 to partnership from Canada by card, once, with LWCAN."""
    values: dict[str, Any] = {
        "money": Money(7550, "CAD"),
        "region": "ca",
        "fund": "partnership",
        "mode": "card",
        "frequency": Frequency.ONCE,
        "code": "LWCAN",
    }
    values |= changes
    given = values.pop("money")
    return Pledge(given=given, cover=Money(0, given.currency), **values)
