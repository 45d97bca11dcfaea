"""A British donor declares Gift Aid by one tick, and staff claim for the gift that was paid."""

import csv
import io

import pytest

from tests.demo_process import DemoProcess
from tests.journeys.browser import Visitor
from tests.journeys.giving import Donor, pay_by_card
from tests.journeys.test_pages import audit, with_axe

pytestmark = pytest.mark.slow
HOME = {"address_line1": "12 Mill Lane", "city": "Exeter", "postal_code": "ex1 1aa"}


def test_gift_aid_from_the_tick_to_the_schedule(
    browser: object, demo: DemoProcess, clerk: Visitor, donor: Donor
) -> None:
    with with_axe(browser, demo) as visitor:  # type: ignore[arg-type]  # the fixture's browser
        visitor.open("/give/gb")
        home = visitor.page.locator("#address_line1")
        assert not home.is_visible()
        visitor.page.locator("#gift_aid").check()
        assert home.is_visible()
        audit(visitor)
        visitor.fill(amount="25.37", email=donor.email, first_name="Ada", last_name="House-Martin")
        visitor.page.locator("#mode-card").check()
        visitor.expect_status(422)
        visitor.send()
        assert "Enter your address" in visitor.text(".error-summary")
        assert visitor.page.locator("#gift_aid").is_checked()
        visitor.fill(**HOME)
        visitor.send()
        pay_by_card(visitor)
    demo.settle()
    clerk.open("/staff/gift-aid")
    assert "£6.34" in clerk.text()
    clerk.press("Make a claim")
    link = clerk.page.get_by_role("link", name="CSV 1").first.get_attribute("href")
    [row] = csv.reader(io.StringIO(clerk.fetch(str(link)).decode()))
    assert row[1:7] == ["Ada", "House Martin", "12 Mill Lane, Exeter", "EX1 1AA", "", ""]
    assert row[8] == "25.37"
