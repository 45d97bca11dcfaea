"""A catalogued workplace for each test, without Stripe."""

from collections.abc import Iterator

import pytest

from portal.database import Database
from tests.statements.clerk import Clerk
from tests.workplace import make_workplace


@pytest.fixture
def clerk(catalogued: Database, database_url: str) -> Iterator[Clerk]:
    """Somebody who imports files and decides lines."""
    place = make_workplace(database_url, None)
    yield Clerk(place)
    place.close()


@pytest.fixture
def other(clerk: Clerk) -> Iterator[Clerk]:
    """A colleague with connections of their own."""
    place = make_workplace(clerk.place.services.settings.database_url, None)
    yield Clerk(place, by="staff:8")
    place.close()
