"""Somebody who reads in large letters: twice the usual size, on a phone."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.demo_process import DemoProcess
from tests.journeys.browser import ARGUMENTS, PHONE, Visitor, find_chromium, visiting
from tests.journeys.giving import give, new_donor, start

LARGE = "--blink-settings=defaultFontSize=32,defaultFixedFontSize=26"
RUNS_OUT = """() => [...document.querySelectorAll("main *")]
    .filter(one => !one.closest(".visually-hidden, .trap"))
    .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
    .map(one => `${one.tagName} ${one.className} ${one.textContent.trim().slice(0, 30)}`)"""


@pytest.fixture(scope="module")
def reader(browser: Browser, demo: DemoProcess) -> Iterator[Visitor]:
    """A window of a browser that is set to large letters."""
    large = browser.browser_type.launch(executable_path=find_chromium(), args=[*ARGUMENTS, LARGE])
    with visiting(large, demo, viewport=PHONE) as visitor:
        yield visitor
    large.close()


def _transfer(mode: str) -> Callable[[DemoProcess], str]:
    return lambda demo: start(demo, new_donor(), mode=mode, amount="1250.75")


def _monthly(demo: DemoProcess) -> str:
    return give(demo, new_donor(), frequency="monthly", amount="1250.75")


PAGES: dict[str, Callable[[DemoProcess], str]] = {
    "form": lambda _: "/give/ca",
    "form in French": lambda _: "/give/de?code=LWEURO&lang=fr",
    "transfer": _transfer("interac"),
    "bank transfer": _transfer("bank_transfer"),
    "paid gift": lambda demo: give(demo, new_donor(), amount="1250.75"),
    "monthly gift": _monthly,
    "monthly page": lambda demo: f"{_monthly(demo)}/monthly",
}


@pytest.mark.parametrize("page", list(PAGES))
def test_nothing_runs_out_of_a_phone_with_large_letters(
    reader: Visitor, demo: DemoProcess, page: str
) -> None:
    reader.open(PAGES[page](demo))
    ask = reader.page.evaluate
    assert ask("getComputedStyle(document.documentElement).fontSize") == "32px"
    for fold in reader.page.locator("details > summary").all():
        fold.click()
    assert not ask(RUNS_OUT)
    assert ask("document.documentElement.scrollWidth <= innerWidth")
