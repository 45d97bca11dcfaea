"""A partner's person comes in by the mailed link, looks, and leaves; every page through axe."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import Browser

from portal.codes.models import Scope
from portal.signin.accounts import PartnerRole, Person, add_partner_user
from tests.demo_process import DemoProcess
from tests.journeys.browser import Visitor
from tests.journeys.test_pages import audit, with_axe
from tests.partners.conftest import plant_tree
from tests.partners.gifts import plant_gifts
from tests.workplace import act_in

pytestmark = pytest.mark.slow
OWNER = "owner@grace.example"


@pytest.fixture(scope="module")
def partner(demo: DemoProcess) -> str:
    """An owner of a partner to whose code many gave; their address."""
    ids = plant_tree(demo.database)
    months = [date(2026, month, 12) for month in range(5, 12)]
    gifts = [{"donor": at, "minor": 1000 + at * 37, "day": months[at % 7]} for at in range(60)]
    gifts += [{"donor": 100 + at, "fund": "media", "minor": 5000} for at in range(3)]
    gifts += [{"donor": 200 + at, "currency": "USD"} for at in range(2)]
    with demo.database.write() as session:
        plant_gifts(session, "grace", gifts)
        scope = session.get_one(Scope, ids["grace"])
        person = Person(OWNER, PartnerRole.OWNER)
        add_partner_user(act_in(session, datetime.now(UTC)), scope, person)
    return OWNER


@pytest.fixture
def window(browser: Browser, demo: DemoProcess) -> Iterator[Visitor]:
    with with_axe(browser, demo) as visitor:
        yield visitor


def test_a_partners_person_sees_what_came(window: Visitor, demo: DemoProcess, partner: str) -> None:
    window.open("/partners/")
    audit(window)
    window.fill(email=partner)
    window.press("Send me a link")
    audit(window)
    [letter] = demo.await_messages(partner, 1)
    link = re.search(r"https?://\S+/partners/sign-in/\S+", letter["text"])
    assert link
    window.open(link[0])
    audit(window)
    window.press("Sign in")
    assert window.heading() == "What your codes brought"
    for path in ("/partners/", "/partners/gifts", "/partners/people", "/partners/?currency=USD"):
        for lang in ("en", "ar"):
            window.open(f"{path}{'&' if '?' in path else '?'}lang={lang}")
            audit(window)
    window.open("/partners/?lang=en")
    window.press("Sign out")
    assert window.heading() == "Sign in to see your figures"
