"""The staff's overview says loudly when nothing can be given, and says nothing when it can."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.staff.conftest import Browser

CLOSED = "Nothing can be given yet: no region of your own has a mode of payment that works."


@pytest.fixture
def settings_values(environment: str) -> dict[str, Any]:
    return {"environment": environment}


@pytest.mark.parametrize(("environment", "is_said"), [("production", True), ("demo", False)])
def test_the_overview_says_when_nothing_can_be_given(
    signed_in: Callable[[str], Browser], is_said: bool
) -> None:
    overview = signed_in("viewer").get("/staff/")
    assert overview.status_code == 200
    assert (CLOSED in overview.text) is is_said


@pytest.mark.parametrize("environment", ["production"])
def test_it_says_so_in_french(signed_in: Callable[[str], Browser]) -> None:
    overview = signed_in("viewer").get("/staff/?lang=fr").text
    assert CLOSED not in overview
    assert "portal doctor" in overview
