"""Staff say what was received for a gift; its page says why there is no receipt."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.gifts.models import Gift
from portal.receipts.register import GiftParticulars, Receipt
from portal.regions.queries import CatalogueState, RegionRecord
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample, pay_sample

SignedIn = Callable[[str], Browser]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def paid(catalogued: Database) -> Gift:
    with catalogued.write() as session:
        gift = add_sample(session)
        pay_sample(session, gift, "pi_1")
        return gift


def say(browser: Browser, gift: Gift, **fields: str) -> Any:
    return browser.post(f"/staff/gifts/{gift.reference}/particulars", **fields)


def read_receipts(database: Database) -> list[Receipt]:
    with database.read() as session:
        return list(session.scalars(sa.select(Receipt).order_by(Receipt.id)))


def test_the_receipt_is_replaced_by_one_that_says_it(
    signed_in: SignedIn, catalogued: Database, paid: Gift
) -> None:
    browser = signed_in("finance")
    assert say(browser, paid, value="20.00", advantage="A dinner").status_code == 303
    before, after = read_receipts(catalogued)
    assert before.voided_at is not None
    assert before.label in after.snapshot["replaces"]
    assert after.snapshot["advantage_minor"] == 2000
    assert after.snapshot["eligible_minor"] == paid.amount_minor - 2000
    page = browser.get(f"/staff/gifts/{paid.reference}/particulars").text
    assert 'value="20.00"' in page
    assert "A dinner" in page


def test_what_leaves_no_gift_leaves_no_receipt(
    signed_in: SignedIn, catalogued: Database, paid: Gift
) -> None:
    browser = signed_in("finance")
    say(browser, paid, value="5000", advantage="A car")
    (only,) = read_receipts(catalogued)
    assert only.voided_at is not None
    page = browser.get(f"/staff/gifts/{paid.reference}").text
    assert "No receipt: What the donor received in return is worth too much for a gift." in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"value": "20"}, "Say what the donor received"),
        ({"value": "2x"}, "figures only"),
        ({"value": "1", "advantage": "Mass", "is_intangible": "y"}, "no value in money"),
    ],
)
def test_what_is_wrong_is_said_and_kept_in_the_form(
    signed_in: SignedIn, catalogued: Database, paid: Gift, fields: dict[str, str], sentence: str
) -> None:
    answer = say(signed_in("finance"), paid, **fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'value="{fields["value"]}"' in answer.text
    with catalogued.read() as session:
        assert session.get(GiftParticulars, paid.id) is None


def test_the_gifts_page_says_why_there_is_no_official_receipt(
    signed_in: SignedIn, catalogued: Database, paid: Gift
) -> None:
    with catalogued.write() as session:
        record = session.get_one(RegionRecord, "ca")
        issuer = {
            **record.document["issuer"],
            "official_receipts_from": "2026-01-01",
            "place": "",
        }
        record.document = {**record.document, "sample": False, "issuer": issuer}
        session.execute(sa.update(CatalogueState).values(version=CatalogueState.version + 1))
    page = signed_in("viewer").get(f"/staff/gifts/{paid.reference}").text
    assert "No official receipt: What the issuer must show is not complete." in page
    assert "Missing: Place of issue." in page
