"""The share kit on the staff's pages."""

import io
from collections.abc import Callable
from html import unescape

import pytest
import zxingcpp
from PIL import Image

from portal.codes.operations import Draft, add_code, add_policy
from portal.codes.terms import CodeState, Kind
from portal.database import Database
from tests.conftest import NOW
from tests.giving.visits import text_of
from tests.staff.conftest import Browser

SignedIn = Callable[[str], Browser]
ADDRESS = "/staff/codes/LWCAN/share"


@pytest.fixture
def codes(catalogued: Database) -> None:
    with catalogued.write() as session:
        hosted = add_policy(session, "Hosted", Draft(document={"hosts": ["news.example.org"]}), NOW)
        add_code(session, "HOSTED", hosted, NOW, kind=Kind.PROMOTION)
        add_code(session, "SECRET7QZ", hosted, NOW, kind=Kind.PROMOTION, is_secret=True)
        add_code(session, "REST", hosted, NOW, kind=Kind.PROMOTION, state=CodeState.PAUSED)
        add_code(session, "عطاء", hosted, NOW, kind=Kind.PROMOTION)


def test_it_has_all_that_brings_a_code_to_people(signed_in: SignedIn) -> None:
    page = signed_in("viewer").get(ADDRESS)
    said = unescape(text_of(page))
    for told in (
        "Share LWCAN",
        "localhost/c/LWCAN",
        '<script async src="http://localhost/embed.js"></script>',
        'integrity="sha384-',
        '<iframe src="http://localhost/embed/LWCAN?lang=en"',
        "script-src http://localhost; frame-src http://localhost",
        "None: on other pages browsers refuse the panel",
    ):
        assert told in said
    assert 'src="/embed/LWCAN?lang=en"' in page.text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


def test_its_files_are_read_by_a_machine(signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    picture = browser.get(f"{ADDRESS}/qr.png")
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.data)).convert("L"))
    assert found.text == "http://localhost/c/LWCAN?via=qr"
    assert browser.client.get(found.text).location.endswith("code=LWCAN&via=qr&lang=en")
    drawn = browser.get(f"{ADDRESS}/qr.svg")
    assert drawn.mimetype == "image/svg+xml"
    poster = browser.get(f"{ADDRESS}/poster.pdf?in=ar")
    assert poster.mimetype == "application/pdf"
    assert poster.data.startswith(b"%PDF")
    assert browser.get(f"{ADDRESS}/other.exe").status_code == 404


def test_it_speaks_the_donors_language_apart_from_the_staffs(signed_in: SignedIn) -> None:
    said = unescape(text_of(signed_in("viewer").get(f"{ADDRESS}?in=de")))
    assert "Share LWCAN" in said
    assert "Mit LWCAN spenden" in said
    assert "Nur für Spenden aus Kanada" in said


@pytest.mark.usefixtures("codes")
def test_it_says_what_stands_in_the_way(signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    assert "news.example.org" in text_of(browser.get("/staff/codes/HOSTED/share"))
    assert "This code is secret" in text_of(browser.get("/staff/codes/SECRET7QZ/share"))
    assert "can’t be given with now" in text_of(browser.get("/staff/codes/REST/share"))
    assert browser.get("/staff/codes/NOBODYS/share").status_code == 404


@pytest.mark.usefixtures("codes")
def test_a_code_of_other_letters_has_files_too(signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    assert "localhost/c/عطاء" in text_of(browser.get("/staff/codes/عطاء/share"))
    assert browser.get("/staff/codes/عطاء/share/poster.pdf").status_code == 200
