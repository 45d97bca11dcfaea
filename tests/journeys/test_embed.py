"""The panel on another's page: whatever is blocked there, there is a way to give."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser

from portal.codes.models import CodeUse
from portal.codes.operations import Draft, add_code, add_policy
from portal.codes.terms import Kind, Via
from portal.gifts.models import Gift
from portal.sharing.panel import make_element
from tests.conftest import NOW
from tests.demo_process import DemoProcess
from tests.journeys.browser import ARGUMENTS, PHONE, Visitor, find_chromium, visiting
from tests.journeys.giving import Donor, fill_form, gift_path, pay_by_card
from tests.journeys.hosts import Host, hosting

NO_COOKIES = "--test-third-party-cookie-phaseout"
FRAME = "portal-give iframe"
OWN = "Our own way to give"


@pytest.fixture(scope="module")
def host(demo: DemoProcess) -> Iterator[Host]:
    """A site that the code HOSTED lists, and LWCAN does not."""
    with hosting(demo.portal) as host:
        with demo.database.write() as session:
            document = {"regions": ["ca"], "modes": ["interac", "card"], "hosts": [host.name]}
            policy = add_policy(session, "Hosted", Draft(document=document), NOW)
            add_code(session, "HOSTED", policy, NOW, kind=Kind.PROMOTION)
        yield host


@pytest.fixture(scope="module")
def strict_browser(browser: Browser) -> Iterator[Browser]:
    """A browser that gives a frame of another site no cookie."""
    path = find_chromium()
    strict = browser.browser_type.launch(executable_path=path, args=[*ARGUMENTS, NO_COOKIES])
    yield strict
    strict.close()


@pytest.fixture
def reader(
    strict_browser: Browser, demo: DemoProcess, host: Host, donor: Donor
) -> Iterator[Callable[..., Visitor]]:
    """Opens windows of somebody who reads the host's pages."""
    with ExitStack() as windows:

        def open_window(**options: Any) -> Visitor:
            given = {"extra_http_headers": donor.headers, **options}
            visitor = windows.enter_context(visiting(strict_browser, demo, **given))
            visitor.expected.append(f"a request to a third party: http://{host.name}")
            return visitor

        yield open_window


def show(host: Host, path: str = "/", code: str = "HOSTED", **attributes: str) -> str:
    """A page with the element; its address."""
    said = "".join(f' {name}="{value}"' for name, value in attributes.items())
    own = f'<a href="{host.portal}/c/{code}">{OWN}</a>'
    body = f'<portal-give code="{code}"{said}>{own}</portal-give>'
    return host.put(path, body, head=f'<script async src="{host.portal}/embed.js"></script>')


def ways_of(demo: DemoProcess, donor: Donor) -> list[tuple[str | None, Via]]:
    """The code and the way of each gift of a donor."""
    with demo.database.read() as session:
        rows = session.execute(
            sa.select(Gift.code, CodeUse.via)
            .join(CodeUse, CodeUse.gift_id == Gift.id)
            .where(Gift.email == donor.email)
        )
        return [(code, via) for code, via in rows]


def finish_by_card(visitor: Visitor, donor: Donor) -> None:
    fill_form(visitor, donor, mode="card", amount=None)
    visitor.send()
    pay_by_card(visitor)
    assert visitor.heading() == "Thank you, Adaeze"


def finish_by_transfer(visitor: Visitor, donor: Donor, amount: str | None = "75.50") -> None:
    fill_form(visitor, donor, mode="interac", amount=amount)
    visitor.send()
    assert gift_path(visitor)
    assert "partnership@loveworldcan.ca" in visitor.text()


def test_a_gift_by_card_through_the_frame(
    reader: Callable[..., Visitor], demo: DemoProcess, host: Host, donor: Donor
) -> None:
    visitor = reader()
    visitor.open(show(host))
    frame = visitor.page.frame_locator(FRAME)
    visitor.page.locator(f"text={OWN}").wait_for(state="hidden")
    assert visitor.page.locator("portal-give a:visible").inner_text() == "Give with HOSTED"
    inside = frame.locator("body").evaluate("body => body.getBoundingClientRect().height")
    outside = visitor.page.locator(FRAME).evaluate("frame => frame.clientHeight")
    assert abs(inside - outside) <= 1
    assert "Code: HOSTED (For Canada only)" in " ".join(frame.locator("main").inner_text().split())
    frame.get_by_label("$100").check()
    button = frame.get_by_role("button", name="Card")
    button.focus()
    with visitor.page.expect_navigation():
        button.press("Enter")
    visitor.look()
    assert visitor.page.url.startswith(f"{demo.portal}/give/ca?code=HOSTED&via=embed")
    assert "HOSTED is applied to your gift." in visitor.text()
    finish_by_card(visitor, donor)
    assert "CAD 100.00" in visitor.text()
    assert ways_of(demo, donor) == [("HOSTED", Via.EMBED)]


def test_the_panel_leaves_nothing_in_the_browser(
    reader: Callable[..., Visitor], host: Host
) -> None:
    visitor = reader(extra_http_headers={})
    show(host)
    element = make_element(host.portal)
    lasting = f'src="{host.portal}{element.path}" integrity="{element.integrity}" crossorigin'
    host.pages["/"] = host.pages["/"].replace(f'src="{host.portal}/embed.js"', lasting)
    visitor.open(host.address("/"))
    visitor.page.locator(f"text={OWN}").wait_for(state="hidden")
    assert visitor.page.context.cookies() == []
    for page in visitor.page.frames:
        assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    known = visitor.page.evaluate("Object.keys(window).filter(name => /portal|give/i.test(name))")
    assert known == []


def test_a_gift_without_script_by_the_pages_own_link(
    reader: Callable[..., Visitor], demo: DemoProcess, host: Host, donor: Donor
) -> None:
    visitor = reader(java_script_enabled=False, viewport=PHONE)
    visitor.open(show(host))
    visitor.follow(OWN)
    finish_by_transfer(visitor, donor)
    assert ways_of(demo, donor) == [("HOSTED", Via.LINK)]


def test_a_gift_without_script_through_a_plain_frame(
    reader: Callable[..., Visitor], demo: DemoProcess, host: Host, donor: Donor
) -> None:
    visitor = reader(java_script_enabled=False)
    frame = f'<iframe src="{host.portal}/embed/HOSTED" title="Give" height="600"></iframe>'
    visitor.open(host.put("/plain-frame", frame))
    button = visitor.page.frame_locator("iframe").get_by_role("button", name="Interac")
    with visitor.page.expect_navigation():
        button.click()
    visitor.look()
    finish_by_transfer(visitor, donor)
    assert ways_of(demo, donor) == [("HOSTED", Via.EMBED)]


def test_a_gift_where_the_frame_is_blocked(
    reader: Callable[..., Visitor], demo: DemoProcess, host: Host, donor: Donor
) -> None:
    visitor = reader()
    visitor.expected += ["failed: GET", "ERR_FAILED"]
    visitor.page.route("**/embed/HOSTED?*", lambda route: route.abort())
    visitor.open(show(host))
    assert visitor.page.get_by_text(OWN).is_visible()
    visitor.follow("Give with HOSTED")
    finish_by_transfer(visitor, donor)
    assert ways_of(demo, donor) == [("HOSTED", Via.EMBED)]


def test_a_gift_where_the_script_is_blocked(
    reader: Callable[..., Visitor], host: Host, donor: Donor
) -> None:
    visitor = reader()
    visitor.expected += ["failed: GET", "ERR_FAILED"]
    visitor.page.route("**/embed.js", lambda route: route.abort())
    visitor.open(show(host))
    visitor.follow(OWN)
    finish_by_transfer(visitor, donor)


def test_a_host_that_is_not_listed_has_links_alone(
    reader: Callable[..., Visitor], demo: DemoProcess, host: Host
) -> None:
    visitor = reader()
    visitor.expected += ["frame-ancestors", "failed: GET"]
    visitor.open(show(host, code="LWCAN"))
    framed = visitor.page.frames[1]
    assert "preferred mode" not in framed.content()
    assert visitor.page.get_by_text(OWN).is_visible()
    visitor.follow("Give with LWCAN")
    assert visitor.page.url.startswith(f"{demo.portal}/give/ca?code=LWCAN&via=embed")


def test_a_button_and_a_hosts_language(reader: Callable[..., Visitor], host: Host) -> None:
    visitor = reader()
    visitor.open(show(host, "/button", mode="button", lang="fr-CA"))
    assert visitor.page.locator("portal-give iframe").count() == 0
    visitor.follow("Donner avec HOSTED")
    assert visitor.page.locator("html").get_attribute("lang") == "fr-CA"


def test_a_message_from_anybody_else_changes_no_height(
    reader: Callable[..., Visitor], host: Host
) -> None:
    visitor = reader()
    visitor.open(show(host))
    visitor.page.locator(f"text={OWN}").wait_for(state="hidden")
    measure = "frame => frame.clientHeight"
    before = visitor.page.locator(FRAME).evaluate(measure)
    visitor.page.evaluate("postMessage({ type: 'portal:height', height: 3000 }, '*')")
    frame = visitor.page.frames[1]
    for height in ("'900'", "null", "Infinity", "{}"):
        frame.evaluate(f"parent.postMessage({{ type: 'portal:height', height: {height} }}, '*')")
    assert visitor.page.locator(FRAME).evaluate(measure) == before
    frame.evaluate("parent.postMessage({ type: 'portal:height', height: 99999 }, '*')")
    visitor.page.wait_for_function(
        "document.querySelector('portal-give').shadowRoot.querySelector('iframe').clientHeight"
        " === 4000"
    )


def test_it_is_whole_in_a_column_of_200_pixels(reader: Callable[..., Visitor], host: Host) -> None:
    visitor = reader(viewport={"width": 216, "height": 800})
    visitor.open(show(host))
    visitor.page.locator(f"text={OWN}").wait_for(state="hidden")
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert visitor.page.frames[1].evaluate(wide) <= 0


def test_a_host_that_changes_the_element_is_followed(
    reader: Callable[..., Visitor], host: Host
) -> None:
    visitor = reader()
    visitor.open(show(host, "/changing", mode="button"))
    visitor.page.locator("portal-give a:visible").get_by_text("Give with HOSTED").wait_for()
    visitor.page.evaluate("document.querySelector('portal-give').setAttribute('code', 'LWCAN')")
    visitor.page.get_by_text("Give with LWCAN").wait_for()
    visitor.page.evaluate("document.querySelector('portal-give').removeAttribute('code')")
    visitor.page.get_by_text(OWN).wait_for()


def test_a_hosts_colour_is_taken_however_it_is_named(
    reader: Callable[..., Visitor], host: Host
) -> None:
    visitor = reader(bypass_csp=True)
    address = show(host, "/colours")
    sheet = "<style>portal-give { --portal-accent: teal; --portal-scheme: dark; }</style></head>"
    host.pages["/colours"] = host.pages["/colours"].replace("</head>", sheet)
    visitor.open(address)
    visitor.page.locator(f"text={OWN}").wait_for(state="hidden")
    frame = visitor.page.frames[1]
    assert "accent=008080&scheme=dark" in frame.url
    paper = frame.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(25, 31, 29)"


def test_a_printed_code_is_read_and_given_through(
    clerk: Visitor, visitor: Visitor, demo: DemoProcess, donor: Donor
) -> None:
    clerk.open("/staff/codes/LWCAN/share")
    clerk.page.frame_locator("iframe").get_by_text("Interac e-Transfer").wait_for()
    picture = clerk.fetch("/staff/codes/LWCAN/share/qr.png")
    (found,) = zxingcpp.read_barcodes(Image.open(BytesIO(picture)).convert("L"))
    visitor.open(found.text)
    finish_by_transfer(visitor, donor)
    assert ways_of(demo, donor) == [("LWCAN", Via.QR)]


def test_a_page_that_isolates_itself_has_the_panel(
    reader: Callable[..., Visitor], host: Host
) -> None:
    visitor = reader()
    host.isolated.add("/isolated")
    visitor.open(show(host, "/isolated"))
    visitor.page.locator(f"text={OWN}").wait_for(state="hidden")
    assert visitor.page.frame_locator(FRAME).get_by_text("Code: HOSTED").is_visible()
