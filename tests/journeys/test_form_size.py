"""How much of a phone a form takes: Canada's with the code that most bring, and other scripts'."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.demo_process import DemoProcess
from tests.journeys.browser import PHONE, Visitor, visiting

MOST_SCREENS = 2.5
MOST_CONTROLS = 16
TALLEST_BAR = 72
ROW = 56
# What a donor may fill in or press before any choice opens more: radios of a name count once.
CONTROLS = """() => new Set(
    [...document.querySelectorAll("input, select, textarea, button, summary")]
        .filter(one => one.checkVisibility() && !one.closest(".trap, .visually-hidden"))
        .map(one => one.type === "radio" ? `radio ${one.name}` : one)
).size"""
STICKING = """() => [...document.querySelectorAll("form *")]
    .filter(one => getComputedStyle(one).position === "sticky")
    .map(one => one.getBoundingClientRect())
    .map(box => ({ height: box.height, bottom: box.bottom - innerHeight }))"""


@pytest.fixture(scope="module")
def phone(browser: Browser, demo: DemoProcess) -> Iterator[Visitor]:
    with visiting(browser, demo, viewport=PHONE) as visitor:
        yield visitor


@pytest.fixture
def form(phone: Visitor) -> Visitor:
    phone.page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # width and height
    phone.open("/give/ca?code=LWCAN")
    return phone


@pytest.mark.parametrize(
    "address",
    [
        "/give/ca?code=LWCAN",
        "/give/ca?code=LWCAN&lang=fr",
        "/give/de?lang=de",
        "/give/jp?lang=ja",
        "/give/kr?lang=ko",
        "/give/ng",
        "/give/world?lang=ar",
    ],
)
def test_a_form_is_short(phone: Visitor, address: str) -> None:
    phone.open(address)
    height = phone.page.evaluate("document.documentElement.scrollHeight")
    assert height <= MOST_SCREENS * PHONE["height"]
    assert phone.page.evaluate(CONTROLS) <= MOST_CONTROLS


def test_the_bar_is_one_line_at_the_edge(form: Visitor) -> None:
    form.page.fill("#amount-own", "12345.67")
    [bar] = form.page.evaluate(STICKING)
    assert bar["height"] <= TALLEST_BAR
    assert round(bar["bottom"]) == 0


def test_the_bar_lets_go_where_it_would_take_too_much(form: Visitor) -> None:
    form.page.set_viewport_size({"width": 390, "height": 340})
    assert not _is_at_the_edge(form)
    form.page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # width and height
    assert _is_at_the_edge(form)
    form.page.evaluate("document.documentElement.style.fontSize = '250%'")
    assert not _is_at_the_edge(form)


def test_the_bar_lets_go_while_there_is_something_to_mend(form: Visitor) -> None:
    form.expect_status(422)
    with form.page.expect_navigation():
        form.page.locator("#send").click()
    form.look()
    assert not form.page.evaluate(STICKING)


def _is_at_the_edge(form: Visitor) -> bool:
    form.page.evaluate("scrollTo(0, 0)")
    # A window that was only just made smaller is laid out with its next picture.
    form.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
    boxes = form.page.evaluate(STICKING)
    return any(abs(box["bottom"]) < 1 for box in boxes)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_each_mode_is_one_row(phone: Visitor, lang: str) -> None:
    phone.open(f"/give/ca?code=LWCAN&lang={lang}")
    rows = phone.page.locator(".mode-row").all()
    assert [row.evaluate("row => row.offsetHeight") for row in rows] == [ROW] * len(rows)


def test_the_chosen_mode_alone_is_open(form: Visitor) -> None:
    assert form.page.locator("#mode-interac").is_checked()
    assert form.page.locator(".mode-facts:visible").count() == 1
    form.page.locator("#mode-card").check(force=True)
    assert form.page.locator("#mode-card-facts").is_visible()
    assert form.page.locator(".mode-facts:visible").count() == 1


def test_every_field_that_is_seen_tells_the_browser_what_it_is(form: Visitor) -> None:
    for fold in form.page.locator("details > summary").all():
        fold.click()
    untold = form.page.evaluate(
        """() => [...document.querySelectorAll("input, select")]
            .filter(one => one.checkVisibility() && !["radio", "checkbox"].includes(one.type))
            .filter(one => !one.closest(".trap") && !one.autocomplete)
            .map(one => one.name)"""
    )
    assert not untold
    assert form.page.locator("#address_line2").is_visible()
