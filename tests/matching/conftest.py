"""Properties here have no deadline: machines are shared, and time has its own test."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("matching", deadline=None)


@pytest.fixture(scope="package", autouse=True)
def _without_deadline() -> Iterator[None]:
    before = settings.get_current_profile_name()
    settings.load_profile("matching")
    yield
    settings.load_profile(before)
