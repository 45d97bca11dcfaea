"""Trying a code out: the real verdict in the donor's languages, and where each term is from."""

from collections.abc import Callable

import pytest

from portal.codes.operations import Draft, add_code
from portal.codes.terms import Kind
from portal.database import Database
from tests.conftest import NOW
from tests.staff.conftest import Browser

SignedIn = Callable[[str], Browser]
PAGE = "/staff/codes/simulate"


@pytest.fixture
def viewer(signed_in: SignedIn, catalogued: Database) -> Browser:
    with catalogued.write() as session:
        draft = Draft(document={"regions": ["ca"], "first_gift_only": True}, ends_at=NOW)
        add_code(session, "7K3QXDLW9MPA", draft, NOW, kind=Kind.PROMOTION, is_secret=True)
    return signed_in("viewer")


def test_a_gift_that_is_allowed_leads_to_the_page(viewer: Browser) -> None:
    asked = "code=lw-can&region=ca&amount=20&mode=interac&on=2026-03-03"
    page = viewer.get(f"{PAGE}?{asked}").text
    assert "This gift can be given" in page
    assert "You give as a partner of Loveworld Canada. Thank you." in page
    assert "Vous donnez à titre de partenaire" in page
    assert "/give/ca?lang=fr_CA&amp;code=LWCAN&amp;amount=20.00&amp;currency=CAD" in page
    assert "the code itself" in page


def test_a_refusal_speaks_each_language_and_marks_its_term(viewer: Browser) -> None:
    page = viewer.get(f"{PAGE}?code=LWCAN&region=gb&amount=20").text
    assert "This gift is refused" in page
    assert "LWCAN is for gifts from Canada." in page
    assert "refuses" in page.partition("Only these regions")[2][:200]
    french = viewer.get(f"{PAGE}?code=LWCAN&region=ca&mode=cheque&amount=1").text
    assert 'lang="fr-CA"' in french


def test_why_a_secret_code_is_refused_is_told_to_staff_alone(viewer: Browser) -> None:
    page = viewer.get(f"{PAGE}?code=7k3q-xdlw-9mpa&region=ca").text
    assert "We don’t know the code 7K3QXDLW9MPA." in page
    assert "7K3QXDLW9MPA ended on" in page
    assert "Whether this donor gave before isn’t known here" in page


def test_nobodys_code_and_none_at_all(viewer: Browser) -> None:
    assert "We don’t know the code NOBODY." in viewer.get(f"{PAGE}?code=nobody&region=ca").text
    assert "This gift can be given" in viewer.get(f"{PAGE}?code=&region=ca").text
    assert "This gift" not in viewer.get(PAGE).text
    assert "This gift" not in viewer.get(f"{PAGE}?region=zz").text


def test_what_can_not_be_read_is_said_at_its_field(viewer: Browser) -> None:
    wrong = {"amount": ("x", "in figures only"), "on": ("soon", "Enter a day like")}
    for name, (typed, sentence) in wrong.items():
        page = viewer.get(f"{PAGE}?code=LWCAN&region=ca&{name}={typed}")
        assert page.status_code == 422
        assert sentence in page.text.partition(f'id="{name}-error"')[2].partition("</p>")[0]
        assert 'value="LWCAN"' in page.text
