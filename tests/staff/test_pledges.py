"""Pledges as staff write them down, change and cancel them."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from portal.database import Database
from portal.gifts.code_counting import find_wrong_sums
from tests.giving.visits import text_of
from tests.partners.conftest import plant_tree
from tests.partners.gifts import email_of, plant_gifts
from tests.staff.conftest import Browser

SignedIn = Callable[[str], Browser]
PLEDGES = "/staff/pledges"
SAID = {
    "amount": "50.00",
    "currency": "CAD",
    "frequency": "monthly",
    "since": "2026-09-01",
    "until": "2026-11-30",
    "fund": "",
}


@pytest.fixture
def tree(catalogued: Database) -> dict[str, int]:
    return plant_tree(catalogued)


def make(browser: Browser, **typed: str) -> Any:
    return browser.post(PLEDGES, page=PLEDGES, **{**SAID, "partner": "grace", **typed})


def plant(database: Database, *gifts: dict[str, Any]) -> None:
    with database.write() as session:
        plant_gifts(session, "grace", gifts)


@pytest.mark.both_engines
@pytest.mark.usefixtures("tree")
def test_one_is_made_changed_and_cancelled(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    plant(catalogued, {"donor": 1, "minor": 4000, "day": date(2026, 10, 1)})
    assert "Nothing here yet" in browser.get(PLEDGES).text
    answer = make(browser)
    assert answer.status_code == 303
    page = answer.location
    told = text_of(browser.get(page))
    assert "CAD 40.00 / CAD 150.00 (26 %)" in told
    assert "Behind" in told
    plant(catalogued, {"donor": 2, "minor": 11_000, "day": date(2026, 11, 1)})
    assert "Fulfilled" in text_of(browser.get(PLEDGES))
    browser.post(page, page=page, **{**SAID, "amount": "60", "until": ""})
    told = text_of(browser.get(page))
    assert "from Sep 1, 2026 on" in told
    assert told.count("CAD 50.00") == 1, "its history has what it said before"
    browser.post(f"{page}/cancel", page=page)
    assert "Cancelled" in text_of(browser.get(page))
    assert "Keep the pledge" not in browser.get(page).text
    with catalogued.read() as session:
        assert find_wrong_sums(session, 20) == []
    assert "Cancelled a pledge Pledge 1" in text_of(browser.get("/staff/audit"))


@pytest.mark.usefixtures("tree")
def test_a_donors_is_by_their_address(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("finance")
    plant(catalogued, {"donor": 1, "minor": 4000}, {"donor": 2, "minor": 99})
    page = make(browser, email=email_of(1), partner="", code="grace").location
    told = text_of(browser.get(page))
    assert f"{email_of(1)} → House grace (GRACE)" in told
    assert "CAD 40.00 / CAD 150.00" in told


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"amount": ""}, "Enter an amount"),
        ({"amount": "0"}, "Enter an amount above nothing"),
        ({"amount": "1.005"}, "CAD"),
        ({"currency": "XXX"}, "Choose one of the currencies"),
        ({"frequency": "daily"}, "Choose how often"),
        ({"since": ""}, "Enter a day like"),
        ({"since": "1 March"}, "Enter a day like"),
        ({"since": "0001-01-01"}, "Enter a day like"),
        ({"until": "2026-08-31"}, "not before the first one"),
        ({"until": "soon"}, "not before the first one"),
        ({"fund": "none"}, "Choose one of the funds"),
        ({"partner": "nobody"}, "Choose a partner, a code or a donor"),
        ({"partner": ""}, "Choose a partner, a code or a donor"),
        ({"partner": "other", "code": "GRACE"}, "Enter a code that there is"),
        ({"code": "\u200b", "partner": "grace", "amount": "x"}, "amount"),
        ({"email": "nobody"}, "Enter a full e-mail address"),
    ],
)
@pytest.mark.usefixtures("tree")
def test_a_wrong_one_keeps_what_was_typed(
    signed_in: SignedIn, typed: dict[str, str], says: str
) -> None:
    answer = make(signed_in("admin"), note="By letter", **typed)
    assert answer.status_code == 422
    assert says in text_of(answer)
    assert 'value="By letter"' in answer.text


@pytest.mark.usefixtures("tree")
def test_viewers_only_look(signed_in: SignedIn) -> None:
    page = make(signed_in("admin")).location
    viewer = signed_in("viewer")
    assert viewer.get(page).status_code == viewer.get(PLEDGES).status_code == 200
    for address in (PLEDGES, page, f"{page}/cancel"):
        assert viewer.post(address, page=PLEDGES).status_code == 403
    assert viewer.get(f"{PLEDGES}/99").status_code == 404
