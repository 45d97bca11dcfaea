"""An Irish donor says their PPS number, and staff see it in part and in Revenue's list."""

import csv
import io

import pytest
from playwright.sync_api import Browser

from tests.demo_process import DemoProcess
from tests.journeys.browser import Visitor
from tests.journeys.giving import Donor, pay_by_card
from tests.journeys.test_account import ask
from tests.journeys.test_pages import audit, with_axe

pytestmark = pytest.mark.slow


def test_a_number_from_the_account_to_the_offices_file(
    browser: Browser, demo: DemoProcess, clerk: Visitor, donor: Donor
) -> None:
    with with_axe(browser, demo) as window:
        window.open("/give/ie")
        window.fill(amount="300.07", email=donor.email, first_name="Aoife", last_name="Byrne")
        window.page.locator("#mode-card").check()
        window.send()
        pay_by_card(window)
        demo.await_messages(donor.email, 1)
        window.open(ask(window, demo, donor, 2))
        window.press("Sign in")
        window.open("/account/details")
        window.follow("See, enter or remove tax numbers")
        audit(window)
        window.expect_status(422)
        window.fill(id_number="1234567W")
        window.press("Save")
        assert "enter it like 1234567T" in window.text()
        audit(window)
        window.fill(id_number="1234567 t")
        window.press("Save")
        assert "PPS number ••••7T" in window.text()
        audit(window)
        window.open("/account/tax-numbers?lang=ar")
        audit(window)
    clerk.open("/staff/filings")
    year = clerk.page.locator("#year").input_value()
    file = clerk.fetch(f"/staff/filings/file?key=ie&issuer=sample-ie&year={year}")
    rows = list(csv.DictReader(io.StringIO(file.decode())))
    assert {
        "name": "Aoife Byrne",
        "ppsn": "1234567T",
        "amount": "300.07",
        "associated": "no",
    } in rows
