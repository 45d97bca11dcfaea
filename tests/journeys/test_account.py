"""A donor signs in by link, keeps the papers, raises, pauses and stops a monthly gift."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.demo_process import DemoProcess
from tests.journeys.browser import Visitor
from tests.journeys.giving import Donor, give
from tests.journeys.test_pages import audit, with_axe

pytestmark = pytest.mark.slow
PAGES = ("/account/", "/account/statement/", "/account/details", "/account/forget")


@pytest.fixture
def window(browser: Browser, demo: DemoProcess) -> Iterator[Visitor]:
    with with_axe(browser, demo) as visitor:
        yield visitor


def ask(window: Visitor, demo: DemoProcess, donor: Donor, count: int) -> str:
    """Ask for a link from the sign-in page; the link in the newest of so many letters."""
    window.open("/account/sign-in")
    audit(window)
    window.fill(email=donor.email)
    window.press("Send me a link")
    audit(window)
    texts = [one["text"] for one in demo.await_messages(donor.email, count)]
    [link] = re.findall(r"https?://\S+/account/sign-in/\S+", "\n".join(texts))
    return str(link)


def test_a_donors_account(
    window: Visitor, visit: Callable[..., Visitor], demo: DemoProcess, donor: Donor
) -> None:
    give(demo, donor, frequency="monthly", amount="25.13")
    [receipt] = demo.await_messages(donor.email, 1)
    assert f"{demo.portal}/account/" in receipt["text"]
    link = ask(window, demo, donor, 2)
    scan(visit(), link)
    window.open(link)
    audit(window)
    window.press("Sign in")
    assert window.heading() == "All your gifts and documents"
    assert "CAD 25.13" in window.text()
    keep_documents(window)
    change_plan(window, demo)
    look_around(window)
    window.press("Sign out")
    assert window.heading() == "All your gifts and documents"
    window.open("/account/")
    assert "Send me a link" in window.text()


def scan(other: Visitor, link: str) -> None:
    """A second browser, whose scripts run, opens the link as scanners do, and gets no further."""
    for _ in range(3):
        other.open(link)
        other.page.wait_for_load_state("networkidle")
    assert "This is not the browser in which the link was asked for." in other.text()
    other.expect_status(422)
    other.press("Sign in")
    other.fill(code="ABCD-EFGH")
    other.press("Sign in")
    other.open("/account/")
    assert "Send me a link" in other.text(), "it is nobody's"


def keep_documents(window: Visitor) -> None:
    address = window.page.locator('a[href^="/account/receipts/"]').first.get_attribute("href")
    assert window.fetch(str(address)).startswith(b"%PDF")
    window.follow("Yearly statement")
    assert "It is not a tax receipt" in window.text()
    address = window.page.get_by_role("link", name="Download as PDF").get_attribute("href")
    assert window.fetch(str(address)).startswith(b"%PDF")


def change_plan(window: Visitor, demo: DemoProcess) -> None:
    window.open("/account/")
    window.follow("Change or stop it")
    audit(window)
    window.fill(amount="40.01")
    window.press("Save")
    assert "Saved: from the next time on, CAD 40.01 is taken." in window.text()
    window.page.locator("#months").select_option("3")
    window.press("Pause")
    assert "Saved: nothing is taken until" in window.text()
    audit(window)
    window.press("End the pause")
    assert "Saved: your monthly gift goes on." in window.text()
    window.press("Stop my monthly gift")
    assert "Begin a new monthly gift" in window.text()
    audit(window)
    demo.settle()


def look_around(window: Visitor) -> None:
    for lang in ("ar", "en"):
        for path in PAGES:
            window.open(f"{path}?lang={lang}")
            audit(window)
