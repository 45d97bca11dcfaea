"""What the giving form's small script adds, in a real browser, and that nothing breaks it."""

import threading
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page
from werkzeug.serving import make_server

from portal.giving.texts import coded_money
from portal.i18n import use_locale
from portal.money import AmountError, Money, parse_amount
from portal.regions.files import read_catalogue

pytestmark = pytest.mark.browser


WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    """The app on a port of its own."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """A page that fails the test on a script error or a request to another site."""
    context = browser.new_context(base_url=site, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.set_default_timeout(10_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda told: problems.append(told.text) if is_problem(told) else None)
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(site) else problems.append(asked.url),
    )
    yield page
    context.close()
    assert not problems


def is_problem(told: ConsoleMessage) -> bool:
    """An error or a breach of the page's own policy; a form's 422 is none."""
    return told.type == "error" and not told.text.startswith("Failed to load resource")


TYPED = (
    *("5", "75.5", "75.50", "1,50", "1.505", "1,505", "0.505", "0,505", "012,345", "1500.505"),
    *("5,000", "5.000", "12,345", "12.345", "1,500,000", "1.500.000", "1 500", "1'500", "1’500"),
    *("1\u202f500", "1\u00a0500,50", "1.500,00", "1,500.00", "1 234,5", "1'234.50", "1,234.567"),
    *("12,34,567", "12,34,567.50", "1,23,456", "1.234.56", "1,2,3", "1 50", "1 234.567", "1 2"),
    *("５０００", "１，５００", "٥٠", "١٬٢٣٤٫٥٠", "١٬٥٠٠", "١٫٥٠٥", "৫০", "𝟓𝟎", "७५.५०", "10²"),
    *("$20", "20 €", "CA$20", "$ca 20", "20 EUR", "eur20", "CAD 20", "¥5,000", "5 000 ¥", "₹ 500"),
    *("R 1 500,50", "20 R", "kr 20", "$", "EUR", "-5", "−5", "$-5", "1e9", "fifty", "NaN", "5,"),
    *("9" * 12, "9" * 13, "0", "0,00", "50.00", "50.0", "50.000", "1.2345", ".5", ",50", " 20 "),
)
# Each address with the currency and the locale its page has.
READERS = (
    ("/give/ca", "CAD", "en_CA"),
    ("/give/ca?lang=fr", "CAD", "fr_CA"),
    ("/give/de?lang=en", "EUR", "en_DE"),
    ("/give/fr", "EUR", "fr_FR"),
    ("/give/jp?lang=en", "JPY", "en"),
    ("/give/jp?lang=fr", "JPY", "fr"),
    ("/give/de", "EUR", "de_DE"),
    ("/give/jp", "JPY", "ja"),
    ("/give/kr", "KRW", "ko"),
    ("/give/us?lang=es", "USD", "es_US"),
    ("/give/world?lang=ar", "USD", "ar"),
    ("/give/in", "INR", "en_IN"),
    ("/give/za", "ZAR", "en_ZA"),
)
TYPE_ALL = """texts => texts.map(text => {
  const own = document.querySelector("#amount-own");
  own.value = text;
  own.dispatchEvent(new Event("input", { bubbles: true }));
  return document.querySelector("#summary .summary").textContent;
})"""


def say_line(texts: dict[str, str], typed: str, currency: str, locale: str) -> str:
    """What the summary is to say of `typed`, by the server's own reading and writing."""
    try:
        money = parse_amount(typed, currency, locale)
    except AmountError as error:
        return texts["ask" if error.reason == AmountError.EMPTY else "unread"]
    with use_locale(locale):
        once = texts["once"].replace("{fund}", texts["fund"])
        return once.replace("{amount}", coded_money(money)) if money else texts["ask"]


def summary(page: Page) -> str:
    return page.inner_text("#summary .summary").replace("\u00a0", " ")


def test_the_summary_says_what_will_be_given(page: Page) -> None:
    page.goto("/give/ca")
    assert summary(page) == "Choose an amount to give."
    page.fill("#amount-own", "75.50")
    page.select_option("#fund", "missions")
    assert summary(page) == "CAD 75.50 to Missions"
    page.check("#frequency-monthly", force=True)
    page.wait_for_selector("#amount-4[value='100.00']")
    page.fill("#code", "lwcan")
    page.click("[name=apply_code]")
    page.wait_for_selector("#code-accepted")
    assert summary(page) == "CAD 75.50 a month to Partnership, with LWCAN"
    assert page.evaluate("document.activeElement.id") == "code-accepted"


def test_the_summary_writes_amounts_as_the_rest_of_the_page(page: Page) -> None:
    page.goto("/give/de?amount=1500.00&lang=en")
    assert summary(page).startswith("1.500,00 EUR to ")
    page.goto("/give/in?amount=150000.00")
    assert summary(page).startswith("INR 1,50,000.00 to ")


@pytest.mark.parametrize(("address", "currency", "locale"), READERS)
def test_the_summary_reads_and_writes_as_the_server_does(
    page: Page, address: str, currency: str, locale: str
) -> None:
    page.goto(address)
    texts = page.evaluate("({ ...document.querySelector('#summary').dataset })")
    texts["fund"] = page.evaluate(
        "document.querySelector('[name=fund]').selectedOptions[0].dataset.label"
    )
    said = dict(zip(TYPED, page.evaluate(TYPE_ALL, TYPED), strict=True))
    assert said == {typed: say_line(texts, typed, currency, locale) for typed in TYPED}
    assert len(set(said.values())) > 10


def test_the_button_says_what_was_chosen(page: Page) -> None:
    def button() -> str:
        return page.inner_text("#send").replace("\u00a0", " ")

    page.goto("/give/ca?code=LWCAN")
    assert button() == "Choose an amount"
    page.check("#amount-2", force=True)
    assert button() == "Show me how to send CAD 50.00"
    page.check("#mode-card", force=True)
    page.fill("#amount-own", "75.50")
    assert button() == "Give CAD 75.50"
    assert page.inner_text("label[for=cover_fee]") == "Add $2.57 so that all of $75.50 arrives"
    page.check("#cover_fee")
    assert button() == "Give CAD 78.07"
    page.click("#rather-monthly")
    assert page.is_checked("#frequency-monthly")
    assert button() == "Give CAD 78.07 a month"
    page.wait_for_selector("#amount-4[value='100.00']")
    assert button() == "Give CAD 78.07 a month"
    assert page.is_hidden("#rather-monthly")


def test_the_heading_follows_the_fund(page: Page) -> None:
    page.goto("/give/ca")
    page.select_option("#fund", "missions")
    assert page.inner_text("h1") == "Give to Missions"


def test_without_script_the_button_says_nothing_that_is_no_longer_so(
    browser: Browser, site: str
) -> None:
    context = browser.new_context(base_url=site, java_script_enabled=False)
    page = context.new_page()

    def button() -> str:
        return page.inner_text("#send").replace("\u00a0", " ")

    page.goto("/give/ca")
    assert button() == "Choose an amount"
    page.check("#amount-2", force=True)
    assert button() == "Give this amount"
    page.check("#frequency-monthly", force=True)
    assert button() == "Give this amount a month"
    page.check("#frequency-once", force=True)
    page.check("#mode-interac", force=True)
    assert button() == "Show me how to send it"
    page.goto("/give/ca?amount=75.50&mode=card")
    assert button() == "Give CAD 75.50"
    page.check("#cover_fee")
    assert button() == "Give this amount"
    page.uncheck("#cover_fee")
    page.fill("#amount-own", "80")
    page.press("#amount-own", "Tab")
    assert button() == "Give this amount"
    page.fill("#amount-own", "")
    assert button() == "Choose an amount"
    context.close()


def test_what_cannot_be_read_is_not_taken_for_nothing(page: Page) -> None:
    page.goto("/give/fr?lang=en")
    neutral = summary(page)
    page.fill("#amount-own", "1,500 or so")
    assert summary(page).startswith("Your gift to ")
    page.fill("#amount-own", "")
    assert summary(page) == neutral == "Choose an amount to give."


def test_a_set_sum_empties_the_box_and_typing_lets_go_of_it(page: Page) -> None:
    page.goto("/give/ca?amount=75.50")
    page.check("#amount-2", force=True)
    assert page.input_value("#amount-own") == ""
    assert summary(page).startswith("CAD 50.00")
    page.fill("#amount-own", "12")
    assert not page.is_checked("#amount-2")


def test_a_refused_code_explains_itself_and_can_be_taken_off(page: Page) -> None:
    page.goto("/give/gb?amount=20.00")
    page.fill("#first_name", "Ada")
    page.fill("#code", "LWCAN")
    page.press("#code", "Enter")
    page.wait_for_selector("#code-refused")
    assert "LWCAN is for gifts from Canada." in page.inner_text("#code-refused")
    page.click("[name=remove_code]")
    page.wait_for_selector("#code-refused", state="detached")
    assert page.input_value("#code") == ""
    assert page.input_value("#first_name") == "Ada"
    assert summary(page).startswith("GBP 20.00")


def test_the_box_of_a_partner_comes_and_goes_with_the_code(page: Page) -> None:
    box = "#consent_partner"
    page.goto("/give/ca")
    page.fill("#code", "LWCAN")
    page.press("#code", "Enter")
    page.wait_for_selector(box, state="attached")
    page.click("#more summary")
    assert not page.is_checked(box)
    page.check(box, force=True)
    with page.expect_response(lambda answer: "frequency=monthly" in answer.url):
        page.check("#frequency-monthly", force=True)
    page.wait_for_function("document.querySelector('[name=frequency]:checked').value == 'monthly'")
    assert page.is_checked(box)
    page.click("[name=remove_code]")
    page.wait_for_selector(box, state="detached")


def test_a_mode_for_one_time_gifts_steps_back_when_monthly_is_chosen(page: Page) -> None:
    page.goto("/give/ca")
    page.check("#mode-interac", force=True)
    page.check("#frequency-monthly", force=True)
    assert page.is_disabled("#mode-interac")
    assert not page.is_checked("#mode-interac")
    page.check("#frequency-once", force=True)
    assert page.is_enabled("#mode-interac")


@pytest.mark.parametrize("mode", ["card", "bank_debit"])
@pytest.mark.parametrize("minor", [100, 333, 7550, 49999, 60000, 5000000])
def test_the_fee_shown_is_the_fee_the_server_adds(page: Page, mode: str, minor: int) -> None:
    money = Money(minor, "CAD")
    region = read_catalogue().by_slug("ca")
    chosen = region.mode(mode) if region else None
    assert chosen is not None
    page.goto(f"/give/ca?mode={mode}&amount={money.plain()}")
    page.check("#cover_fee")
    with use_locale("en_CA"):
        cover, total = coded_money(chosen.cover(money)), coded_money(money + chosen.cover(money))
    note = page.inner_text("#summary .summary-note")
    assert note == f"{cover} is added for the cost of processing: {total} in all."


def test_errors_are_announced_and_lead_to_their_fields(page: Page) -> None:
    page.goto("/give/ca")
    page.click("#send")
    page.wait_for_selector("#error-summary")
    assert page.evaluate("document.activeElement.id") == "error-summary"
    page.click("#error-summary a[href='#email']")
    assert page.evaluate("document.activeElement.id") == "email"


def test_regions_are_narrowed_as_a_name_is_typed(page: Page) -> None:
    page.goto("/")
    shown = page.locator("#regions > li:visible")
    page.fill("#region", "COREE")
    assert shown.all_inner_texts() == ["KR\nSouth Korea\nKRW"]
    page.fill("#region", "atlantis")
    assert shown.count() == 0
    assert page.inner_text("#no-region").startswith("No region has this name.")
    page.fill("#region", "allemagne")
    page.press("#region", "Enter")
    page.wait_for_url("**/give/de?lang=en")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "address",
    ["/", "/give/ca?code=LWCAN", "/give/world?lang=fr&frequency=monthly", "/give/gb?code=LWCAN"],
)
def test_axe_finds_nothing(page: Page, scheme: str, address: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(address)
    results = Axe().run(page, options=WCAG)
    assert results.violations_count == 0, results.generate_report()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "the page scrolls sideways"
