"""Staff enter what a tax law asks of a gift's donor, and see it in part alone."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.gifts.models import Gift
from portal.receipts.donor_numbers import DonorNumber
from portal.receipts.register import find_receipt
from portal.services import AuditEntry
from tests.receipts.number_samples import confirm_issuer, give
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample

SignedIn = Callable[[str], Browser]


@pytest.fixture
def gift(catalogued: Database) -> Gift:
    with catalogued.write() as session:
        confirm_issuer(session)
        return give(session)


def test_staff_enter_see_in_part_and_remove(
    signed_in: SignedIn, catalogued: Database, gift: Gift
) -> None:
    browser, address = signed_in("finance"), f"/staff/gifts/{gift.reference}/tax-numbers"
    page = browser.get(f"/staff/gifts/{gift.reference}").text
    assert "No official receipt: Something the receipt must show is missing." in page
    assert "None was given." in page
    said = {
        "name": "mokoena thabo",
        "id_kind": "za_id",
        "id_number": "8001015009087",
        "tax_reference": "0001339050",
        "donor_phone": "+27 11 555 0100",
    }
    wrong = browser.post(address, **{**said, "tax_reference": "0001339051"})
    assert wrong.status_code == 422
    assert "enter it like 0001339050" in wrong.text
    assert browser.post(address, **said).status_code == 303
    for place in (address, f"/staff/gifts/{gift.reference}", "/staff/audit"):
        text = signed_in("admin").get(place).text
        assert "8001015009087" not in text
        assert "South African ID number" in text
    assert "••••87" in browser.get(address).text
    with catalogued.read() as session:
        receipt = find_receipt(session, gift.id)
        number_id = session.scalars(
            sa.select(DonorNumber.id).where(DonorNumber.kind == "za_id")
        ).one()
    assert receipt is not None
    assert receipt.snapshot["scheme"] == "za-18a"
    assert "No official receipt" not in browser.get(f"/staff/gifts/{gift.reference}").text
    assert browser.post(f"{address}/{number_id}/remove", page=address).status_code == 303
    with catalogued.read() as session:
        acts = session.scalars(sa.select(AuditEntry.act).order_by(AuditEntry.id)).all()
    assert acts.count("donor_number_keep") == 3
    assert acts.count("donor_number_remove") == 1


def test_only_finance_and_only_where_it_is_asked(
    signed_in: SignedIn, catalogued: Database, gift: Gift
) -> None:
    address = f"/staff/gifts/{gift.reference}/tax-numbers"
    assert signed_in("viewer").get(address).status_code == 403
    with catalogued.write() as session:
        elsewhere = add_sample(session)
    browser = signed_in("finance")
    assert browser.get(f"/staff/gifts/{elsewhere.reference}/tax-numbers").status_code == 404
    assert "Tax numbers" not in browser.get(f"/staff/gifts/{elsewhere.reference}").text
