"""An operator's tree, from its network to the printed poster; what its partner then sees."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
import typst
import zxingcpp
from PIL import Image

from portal.codes.operations import find_scope
from portal.records.partners import FEWEST_DONORS
from portal.signin.accounts import PartnerRole, Person, add_partner_user
from tests.demo_process import DemoProcess
from tests.journeys.books import charges
from tests.journeys.browser import Visitor
from tests.journeys.giving import Donor, fill_form, give, new_donor, pay_by_card
from tests.journeys.test_staff import refund
from tests.workplace import act_in

pytestmark = pytest.mark.slow
LEVELS = (("northern", "network", ""), ("prairies", "zone", "northern"))
PARTNER, CODE, OWNER = "wheatland", "WHEATLAND", "owner@wheatland.example"
EACH = "40.00"


def make_tree(clerk: Visitor) -> None:
    for key, kind, below in (*LEVELS, (PARTNER, "partner", "prairies")):
        clerk.open(f"/staff/scopes/new?below={below}")
        clerk.fill(name=key.title(), key=key)
        clerk.page.locator("select[name=kind]").select_option(kind)
        clerk.press("Keep")
        assert clerk.heading() == key.title()
    clerk.open("/staff/codes/new")
    clerk.fill(display=CODE)
    clerk.page.locator("select[name=scope]").select_option(PARTNER)
    clerk.page.locator("select[name=kind]").select_option("partner")
    clerk.page.locator("[name=regions_ca]").check()
    clerk.press("Keep")
    assert "Wheatland" in clerk.text()


def read_poster(clerk: Visitor, folder: Path) -> str:
    """What a camera reads on the poster, as it would be printed."""
    (folder / "poster.pdf").write_bytes(clerk.fetch(f"/staff/codes/{CODE}/share/poster.pdf"))
    paper = folder / "paper.typ"
    paper.write_text('#set page(width: 21cm, height: 29.7cm, margin: 0pt)\n#image("poster.pdf")')
    page = typst.compile(paper, format="png", ppi=150)
    (found,) = zxingcpp.read_barcodes(Image.open(BytesIO(page)).convert("L"))
    return str(found.text)


def let_in(demo: DemoProcess, window: Visitor) -> None:
    """The partner's owner comes in by the mailed link."""
    with demo.database.write() as session:
        scope = find_scope(session, PARTNER)
        assert scope is not None
        person = Person(OWNER, PartnerRole.OWNER)
        add_partner_user(act_in(session, datetime.now(UTC)), scope, person)
    window.open("/partners/")
    window.fill(email=OWNER)
    window.press("Send me a link")
    [letter] = demo.await_messages(OWNER, 1)
    link = re.search(r"https?://\S+/partners/sign-in/\S+", letter["text"])
    assert link
    window.open(link[0])
    window.press("Sign in")


def refund_at_stripe(demo: DemoProcess, donor: Donor) -> None:
    """As somebody does in Stripe's own dashboard."""
    (charge,) = charges(demo, donor)
    asked = {"payment_intent": charge["payment_intent"]}
    assert demo.sandbox.api("POST", "/v1/refunds", asked).status == 200


def test_from_a_network_to_its_partners_figures(
    clerk: Visitor, visit: Callable[..., Visitor], donor: Donor, tmp_path: Path
) -> None:
    demo, visitor = clerk.demo, visit()
    make_tree(clerk)
    visitor.open(read_poster(clerk, tmp_path))
    fill_form(visitor, donor, mode="card", amount=EACH)
    visitor.send()
    pay_by_card(visitor)
    # What fewer than five gave is nobody's business, nor what a subtraction would tell of it.
    others = [new_donor() for _ in range(2 * FEWEST_DONORS - 1)]
    for one in others:
        give(demo, one, amount=EACH, code=CODE)
    demo.settle()
    window = visit()
    let_in(demo, window)
    assert "Raised CA$400.00 After refunds CA$400.00" in window.text()
    assert donor.email not in window.text()
    refund(clerk, donor, EACH)
    for one in others[: FEWEST_DONORS - 1]:
        refund_at_stripe(demo, one)
    demo.settle()
    window.open("/partners/")
    assert "Raised CA$400.00 After refunds CA$200.00" in window.text()
    assert "Gone back CA$200.00" in window.text()
