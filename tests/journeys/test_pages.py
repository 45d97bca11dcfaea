"""Every page a person can see, through axe, at two widths, in light and in dark."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]  # has no types
from axe_playwright_python.sync_playwright import (  # type: ignore[import-untyped]  # as above
    DEFAULT_OPTIONS,
)
from playwright.sync_api import Browser

from portal.app import create_app
from portal.codes.operations import Draft, add_code, add_policy
from portal.codes.terms import Kind
from portal.gifts.lifecycle import Status
from portal.regions.files import read_catalogue
from tests.conftest import NOW
from tests.demo_process import DemoProcess
from tests.journeys.browser import DESKTOP, PHONE, Visitor, visiting
from tests.journeys.giving import Donor, fill_form, give, new_donor, start
from tests.journeys.states import MAKE, make_gifts
from tests.journeys.test_reconcile import import_file
from tests.statements.clerk import rbc
from tests.workplace import make_settings

pytestmark = pytest.mark.slow

# What depends on width and colours alone is asked in each sight; all the rest once.
LOOKS = {"runOnly": ["color-contrast", "target-size"], "resultTypes": ["violations"]}
# Each width and each scheme of colours once; neither depends on the other.
SIGHTS = ((DESKTOP, "light", DEFAULT_OPTIONS), (PHONE, "dark", LOOKS))
FORMS = (
    "/give/ca",
    "/give/ca?lang=fr",
    "/give/ca?frequency=monthly",
    "/give/gb?code=LWCAN",
    "/give/us?code=GIVE100",
    "/give/de?code=LWEURO",
    "/give/jp",
    "/give/world?lang=fr",
    "/c/LWCAN",
    "/c/HARVEST",
    "/embed/LWCAN",
    "/embed/LWCAN?lang=fr&accent=%23ffcc00",
    "/embed/LWEURO?lang=de",
    "/embed/EASTER2026",
)
NOT_HTML = {
    "giving.embed_script",
    "health.alive",
    "health.ready",
    "health.metrics",
    "staff.export",
    "staff.export_lines",
    "staff.filing",
}


def simple_addresses() -> dict[str, str]:
    """Every page of the app that needs no argument, by endpoint."""
    with TemporaryDirectory() as folder:
        app = create_app(make_settings(f"sqlite:///{folder}/never-opened.db", None))
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    return {
        rule.endpoint: rule.rule
        for rule in rules
        if not rule.arguments and rule.endpoint not in NOT_HTML
    }


SIMPLE = simple_addresses()
# The partners' pages have a journey of their own.
SIGNED_IN = ("/staff", "/partners")
PUBLIC = {endpoint: url for endpoint, url in SIMPLE.items() if not url.startswith(SIGNED_IN)}
STAFF = {endpoint: url for endpoint, url in SIMPLE.items() if url.startswith("/staff")}


def audit(visitor: Visitor) -> None:
    """The page as it stands: nothing for axe to find, and nothing that runs out of the window."""
    found = []
    for size, scheme, how in SIGHTS:
        visitor.page.set_viewport_size(size)  # type: ignore[arg-type]  # width and height
        visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its words
        where = f"{visitor.page.url} at {size['width']}, {scheme}"
        found += [f"{where}: {text}" for text in _ask_axe(visitor, how)]
        wide = visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [f"{where}: {wide} px too wide"] if wide > 0 else []
    assert not found, "\n".join(found)


def _ask_axe(visitor: Visitor, options: dict[str, Any]) -> Iterator[str]:
    for violation in visitor.page.evaluate("how => axe.run(how)", options)["violations"]:
        for node in violation["nodes"]:
            yield f"{violation['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"


@pytest.fixture(scope="module")
def gifts(demo: DemoProcess) -> dict[Status, str]:
    """The address of a gift in each state."""
    return make_gifts(demo)


@contextmanager
def with_axe(browser: Browser, demo: DemoProcess, **options: Any) -> Iterator[Visitor]:
    """A window into every page of which axe comes with the browser: no policy forbids that."""
    with visiting(browser, demo, **options) as visitor:
        visitor.page.add_init_script(AXE_SCRIPT)
        yield visitor


@pytest.fixture(scope="module")
def window(browser: Browser, demo: DemoProcess) -> Iterator[Visitor]:
    """One window for all who only look: pages of ours leave no cookie in it."""
    with with_axe(browser, demo) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def staff_window(browser: Browser, demo: DemoProcess, staff_state: Any) -> Iterator[Visitor]:
    with with_axe(browser, demo, storage_state=staff_state) as visitor:
        yield visitor


@pytest.fixture
def auditor(window: Visitor, donor: Donor) -> Visitor:
    """Another donor in the window."""
    window.page.context.set_extra_http_headers(donor.headers)
    return start_anew(window)


@pytest.fixture
def staff_auditor(staff_window: Visitor) -> Visitor:
    return start_anew(staff_window)


def start_anew(window: Visitor) -> Visitor:
    window.problems.clear()
    window.expected.clear()
    window.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]  # width and height
    window.page.emulate_media(color_scheme="light")
    return window


@pytest.mark.parametrize("address", [*PUBLIC.values(), *FORMS])
def test_public_pages(auditor: Visitor, address: str) -> None:
    auditor.open(address)
    audit(auditor)


def test_a_codes_own_page(auditor: Visitor, demo: DemoProcess) -> None:
    words = {"en": "Wells for Adum", "fr": "Des puits pour Adum"}
    goal = {"CAD": "1000"}
    document = {"regions": ["ca"], "goal": goal, "headline": words, "message": words}
    with demo.database.write() as session:
        policy = add_policy(session, "Wells", Draft(document=document), NOW)
        add_code(session, "WELLS", policy, NOW, kind=Kind.CAMPAIGN)
    auditor.open("/c/WELLS")
    assert auditor.heading() == "Wells for Adum"
    audit(auditor)


def test_a_codes_share_kit(staff_auditor: Visitor) -> None:
    staff_auditor.open("/staff/codes/LWCAN/share")
    audit(staff_auditor)


def test_every_regions_form_has_room_for_an_own_amount(visit: Callable[..., Visitor]) -> None:
    visitor = visit(viewport=PHONE)
    for slug in read_catalogue().regions:
        visitor.open(f"/give/{slug}")
        box = visitor.page.locator("#amount-own").bounding_box()
        assert box is not None, slug
        assert box["width"] > 100, slug
        wide = visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{slug}: {wide} px too wide"


@pytest.mark.parametrize(
    ("address", "status"),
    [("/nothing", 404), ("/c/NOSUCHCODE", 404), ("/give/atlantis", 404), ("/gift/none", 404)],
)
def test_pages_that_are_not_there(auditor: Visitor, address: str, status: int) -> None:
    auditor.expect_status(status)
    auditor.open(address)
    audit(auditor)


def test_a_refused_form(auditor: Visitor) -> None:
    auditor.open("/give/ca")
    auditor.page.locator("input[name=ticket]").evaluate("field => field.form.method = 'post'")
    auditor.expect_status(422)
    auditor.send()
    assert auditor.page.locator("#error-summary").is_visible()
    audit(auditor)


def test_a_form_that_another_site_sent(visit: Callable[..., Visitor], demo: DemoProcess) -> None:
    """The sandbox's page stands for the other site: another origin, as the browser sees it.

    Its policy, that of a page of ours, lets no form go elsewhere; another site's might.
    """
    auditor = visit(bypass_csp=True)
    auditor.page.add_init_script(AXE_SCRIPT)
    auditor.open(demo.sandbox.url)
    auditor.expect_status(403)
    with auditor.page.expect_navigation():
        auditor.page.evaluate(
            """address => {
                const form = document.createElement("form");
                form.method = "post";
                form.action = address;
                document.body.append(form);
                form.submit();
            }""",
            f"{demo.portal}/give/ca",
        )
    auditor.look()
    audit(auditor)


@pytest.mark.parametrize("status", list(MAKE))
def test_a_gifts_page_in_each_state(
    auditor: Visitor, gifts: dict[Status, str], status: Status
) -> None:
    auditor.open(gifts[status])
    audit(auditor)


@pytest.mark.parametrize("arrival", ["trouble", "cancelled", "returned"])
def test_a_gifts_page_on_each_arrival(
    auditor: Visitor, gifts: dict[Status, str], arrival: str
) -> None:
    auditor.open(f"{gifts[Status.PENDING]}?{arrival}=1")
    audit(auditor)


@pytest.mark.parametrize("mode", ["interac", "bank_transfer", "cheque"])
def test_the_steps_of_a_transfer(auditor: Visitor, demo: DemoProcess, mode: str) -> None:
    auditor.open(start(demo, new_donor(), mode=mode, lang="fr_CA"))
    auditor.page.locator("#ways > summary").click()
    audit(auditor)


def test_a_transfer_its_donor_says_is_paid(auditor: Visitor, demo: DemoProcess) -> None:
    auditor.open(start(demo, new_donor(), mode="interac"))
    auditor.press("I have paid")
    audit(auditor)
    auditor.page.locator("#steps > summary").click()
    audit(auditor)
    auditor.expect_status(422)
    auditor.press("Send the proof")
    assert auditor.page.locator("#error-summary").is_visible()
    audit(auditor)


def test_stopping_the_reminders(auditor: Visitor, demo: DemoProcess) -> None:
    auditor.open(f"{start(demo, new_donor(), mode='interac')}/reminders")
    audit(auditor)
    auditor.press("Stop the reminders")
    audit(auditor)


def test_a_transfer_as_staff_see_it(staff_auditor: Visitor, demo: DemoProcess) -> None:
    reference = _reference(staff_auditor, start(demo, new_donor(), mode="interac"))
    staff_auditor.open(f"/staff/gifts/{reference}")
    audit(staff_auditor)


def test_a_monthly_gifts_page(auditor: Visitor, demo: DemoProcess) -> None:
    auditor.open(give(demo, new_donor(), frequency="monthly"))
    assert "Your monthly gift" in auditor.text()
    audit(auditor)
    auditor.follow("Change or stop it")
    audit(auditor)
    auditor.press("Stop my monthly gift")
    audit(auditor)


def test_the_page_that_ends_a_monthly_gift_for_its_donor(
    staff_auditor: Visitor, demo: DemoProcess
) -> None:
    path = give(demo, new_donor(), frequency="monthly")
    reference = _reference(staff_auditor, path)
    staff_auditor.open(f"/staff/gifts/{reference}/stop-monthly")
    audit(staff_auditor)
    staff_auditor.expect_status(422)
    staff_auditor.press("End it")
    audit(staff_auditor)


def test_the_question_before_giving_again(
    auditor: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    give(demo, donor, first_name="Adaeze")
    auditor.open("/give/ca")
    fill_form(auditor, donor, mode="card", amount="75.53")
    auditor.page.locator("#fund").select_option("general")
    auditor.expect_status(409)
    auditor.send()
    audit(auditor)


@pytest.mark.parametrize("endpoint", list(STAFF))
def test_staff_pages(staff_auditor: Visitor, endpoint: str) -> None:
    staff_auditor.open(STAFF[endpoint])
    audit(staff_auditor)


@pytest.mark.parametrize("status", [Status.PENDING, Status.PARTLY_REFUNDED, Status.CHARGED_BACK])
def test_a_gift_as_staff_see_it(
    staff_auditor: Visitor, gifts: dict[Status, str], status: Status
) -> None:
    reference = _reference(staff_auditor, gifts[status])
    staff_auditor.open(f"/staff/gifts/{reference}")
    audit(staff_auditor)


def test_the_refund_page_and_what_it_refuses(
    staff_auditor: Visitor, gifts: dict[Status, str]
) -> None:
    reference = _reference(staff_auditor, gifts[Status.PAID])
    staff_auditor.open(f"/staff/gifts/{reference}/refund")
    audit(staff_auditor)
    staff_auditor.fill(amount="999999")
    staff_auditor.expect_status(422)
    with staff_auditor.page.expect_navigation():
        staff_auditor.page.locator("main form button[type=submit]").click()
    staff_auditor.look()
    audit(staff_auditor)


@pytest.mark.parametrize("address", ["/staff/gifts?q=nobody-has-this", "/staff/gifts?status=paid"])
def test_a_search_of_the_gift_list(staff_auditor: Visitor, address: str) -> None:
    staff_auditor.open(address)
    audit(staff_auditor)


def test_a_page_of_staffs_that_is_not_there(staff_auditor: Visitor) -> None:
    staff_auditor.expect_status(404)
    staff_auditor.open("/staff/gifts/AAAA-AAAA-A")
    audit(staff_auditor)


def test_signing_in_with_a_wrong_password(auditor: Visitor, demo: DemoProcess) -> None:
    auditor.open("/staff/sign-in")
    auditor.fill(email="nobody@example.org", password="not the password")
    auditor.expect_status(422)
    auditor.press("Sign in")
    audit(auditor)


@pytest.mark.parametrize(
    "path",
    [
        "/staff/regions/ca",
        "/staff/regions/ca/modes/interac",
        "/staff/regions/ca/modes/card",
        "/staff/regions/ca/modes/other?account_kind=iban",
        "/staff/regions/ca/edit",
        "/staff/regions/ca/funds/tithe",
        "/staff/regions/new?like=jp",
        "/staff/issuers/sample-ca",
        "/staff/history/region/ca",
        "/staff/codes",
        "/staff/codes/new",
        "/staff/codes/1",
        "/staff/codes/1/edit",
        "/staff/codes/simulate?code=LWCAN&region=gb&amount=20",
        "/staff/scopes",
        "/staff/scopes/new",
        "/staff/scopes/1",
    ],
)
def test_the_desks_of_the_catalogue(staff_auditor: Visitor, path: str) -> None:
    staff_auditor.open(path)
    audit(staff_auditor)


def test_bank_lines(staff_auditor: Visitor, demo: DemoProcess) -> None:
    start(demo, new_donor(), mode="interac", amount="17.19")
    import_file(staff_auditor, rbc(("a page to look at", "17.19")), "audit.csv")
    audit(staff_auditor)
    with staff_auditor.page.expect_navigation():
        staff_auditor.page.locator("table.lines a").first.click()
    audit(staff_auditor)


def test_money_that_staff_saw(staff_auditor: Visitor, demo: DemoProcess) -> None:
    reference = _reference(staff_auditor, start(demo, new_donor(), mode="cheque"))
    staff_auditor.open(f"/staff/gifts/{reference}/receive")
    audit(staff_auditor)


def _reference(visitor: Visitor, path: str) -> str:
    visitor.open(path)
    return visitor.page.locator("dd.code-plain").last.inner_text()
