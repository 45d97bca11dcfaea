"""The list's rows: what they say, and how little work each is."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape

from portal.database import Database
from portal.gifts.lifecycle import FactKind
from portal.gifts.operations import book_claims
from portal.money import Money
from portal.payments.stripe.reading import stripe_claim
from portal.records.listing import PAGE
from tests.conftest import NOW
from tests.staff.conftest import Browser
from tests.staff.samples import add_many, add_sample, pay_sample
from tests.workplace import act_in

SignedIn = Callable[[str], Browser]
ODD = "<b>\"Ann\" & 'Co'</b>{{ 7 * 7 }}%s"

# Calls in these are what making a page costs; reading it belongs to the test.
COUNTED = ("/portal/", "/templates/", "/jinja2/", "/markupsafe/", "/babel/", "/werkzeug/routing/")
MOST_CALLS_A_ROW = 70


def test_what_donors_typed_is_shown_as_they_typed_it(
    catalogued: Database, signed_in: SignedIn
) -> None:
    with catalogued.write() as session:
        add_sample(session, first_name=ODD, last_name="", email=f"{ODD}@example.org")
    page = signed_in("viewer").get("/staff/gifts").text
    assert escape(ODD) in page
    assert escape(ODD.lower()) in page
    assert "<b>" not in page


def test_a_row_says_what_is_rare(catalogued: Database, signed_in: SignedIn) -> None:
    with catalogued.write() as session:
        monthly = add_sample(session, first_name="", last_name="", region="gone", fund="gone")
        monthly.frequency = "monthly"
        gift = add_sample(session, code="LWCAN")
        pay_sample(session, gift, "pi_1")
        back = stripe_claim(
            fact=FactKind.REFUNDED, subject="re_1", occurred_at=NOW, money=Money(1250, "CAD")
        )
        book_claims(act_in(session, NOW), gift, [back])
    browser = signed_in("viewer")
    page = browser.get("/staff/gifts").text
    assert f'href="/staff/gifts/{gift.reference}">{gift.reference}</a>' in page
    assert '<span class="soft small">monthly</span>' in page
    assert '<span class="name">Unknown</span>' in page
    assert page.count('<td class="wide">gone</td>') == 2
    assert '<span class="code">LWCAN</span>' in page
    assert "CA$75.53" in page
    assert '<span class="soft small under">−CA$12.50</span>' in page
    assert page.count('<span class="status status--wait">Partly refunded</span>') == 2
    french = browser.get("/staff/gifts?lang=fr").text
    assert '<span class="soft small">mensuel</span>' in french
    assert "75,53\N{NO-BREAK SPACE}$CA" in french
    assert page.count("<time ") == french.count("<time ") == 4


def calls_of(client: FlaskClient, path: str) -> int:
    """How many Python functions were called to make a page."""
    count = 0

    def note(frame: FrameType, event: str, _given: object) -> None:
        nonlocal count
        if event == "call" and any(part in frame.f_code.co_filename for part in COUNTED):
            count += 1

    client.get(path)
    sys.setprofile(note)
    try:
        assert client.get(path).status_code == 200
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_row_costs_little(
    catalogued: Database, app: Flask, signed_in: SignedIn, language: str
) -> None:
    browser, path = signed_in("viewer"), f"/staff/gifts?lang={language}"
    add_many(catalogued, 5)
    few = calls_of(browser.client, path)
    add_many(catalogued, PAGE)
    many = calls_of(browser.client, path)
    assert (many - few) / (PAGE - 5) < MOST_CALLS_A_ROW
