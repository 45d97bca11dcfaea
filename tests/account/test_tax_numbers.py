"""Donors say, see in part, replace and remove the numbers that a tax law asks of them."""

import json
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.gifts.models import Gift
from portal.receipts.donor_numbers import DonorNumber
from portal.receipts.register import Receipt
from tests.account.conftest import ADA, ZOE
from tests.account.test_details import DETAILS, forget, stop_all
from tests.giving.visits import text_of
from tests.partners.conftest import Visitor
from tests.receipts.number_samples import confirm_issuer, give

SignedIn = Callable[[str], Visitor]
PAGE = "/account/tax-numbers"
ALL = {
    "name": "zoeson zoe",
    "id_kind": "za_id",
    "id_number": "800101 5009 087",
    "tax_reference": "0001339050",
    "donor_phone": "+27 11 555 0100",
}


@pytest.fixture
def gift(catalogued: Database) -> Gift:
    """Zoë gave in South Africa, too, whose issuer gives out section 18A receipts."""
    with catalogued.write() as session:
        confirm_issuer(session)
        return give(session, email=ZOE, first_name="Zoe", last_name="Zoeson")


@pytest.fixture
def zoe(signed_in: SignedIn, gift: Gift) -> Visitor:
    return signed_in(ZOE)


def kinds(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.scalars(sa.select(DonorNumber.kind)))


def classes(database: Database, gift: Gift) -> list[tuple[str, bool]]:
    with database.read() as session:
        own = sa.select(Receipt).where(Receipt.gift_id == gift.id).order_by(Receipt.id)
        return [(one.snapshot["class"], one.voided_at is None) for one in session.scalars(own)]


def test_numbers_are_said_seen_in_part_replaced_and_removed(
    zoe: Visitor, catalogued: Database, gift: Gift
) -> None:
    assert "See, enter or remove tax numbers" in text_of(zoe.get("/account/details"))
    zoe.post("/account/details", **{**DETAILS, "locale": "en"})
    assert f'value="{DETAILS["phone"]}"' in zoe.get(PAGE).text
    assert zoe.post(f"{PAGE}/za", page=PAGE, **{**ALL, "donor_phone": ""}).status_code == 303
    assert classes(catalogued, gift) == []
    sent = zoe.post(f"{PAGE}/za", page=PAGE, name=ALL["name"], donor_phone=ALL["donor_phone"])
    assert sent.status_code == 303
    assert classes(catalogued, gift) == [("official", True)]
    page = zoe.get(PAGE)
    said = text_of(page)
    assert "South African ID number ••••87 since 23 November 2026" in said
    assert "on their way to you" in said
    for number in ("8001015009087", "0001339050", "555 0100"):
        assert number not in page.text
    zoe.post(
        f"{PAGE}/za",
        page=PAGE,
        name=ALL["name"],
        id_kind="passport",
        id_number="a0123456",
        id_country="ZW",
    )
    assert kinds(catalogued) == ["passport", "phone", "za_income_tax"]
    assert classes(catalogued, gift) == [("official", False), ("official", True)]
    data = zoe.get("/account/data.json").json
    assert data is not None
    assert {one["number"] for one in data["tax_numbers"]} == {
        *("A0123456", "0001339050", "+27 11 555 0100")
    }
    with catalogued.read() as session:
        own = sa.select(DonorNumber.id).where(DonorNumber.kind == "passport")
        number_id = session.scalars(own).one()
    assert zoe.post(f"{PAGE}/{number_id}/remove", page=PAGE).status_code == 303
    assert kinds(catalogued) == ["phone", "za_income_tax"]
    assert classes(catalogued, gift)[-1] == ("official", True), "what was issued stays"
    zoe.post("/account/details", **{**DETAILS, "first_name": "Zoë", "last_name": "Zoeson"})
    assert len(kinds(catalogued)) == 2, "an accent makes nobody else"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"id_number": "8001015009086"}, "enter it like 8001015009087"),
        ({"id_kind": ""}, "Choose which number it is"),
        ({"id_kind": "in_pan"}, "Choose which number it is"),
        ({"id_kind": "passport", "id_number": "A0123456"}, "Choose a country from the list"),
        ({"tax_reference": "1"}, "enter it like 0001339050"),
        ({"name": "somebody else"}, "Choose in whose name"),
        (dict.fromkeys(("id_number", "tax_reference", "donor_phone"), ""), "Enter what is to be"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    zoe: Visitor, catalogued: Database, wrong: dict[str, str], sentence: str
) -> None:
    answer = zoe.post(f"{PAGE}/za", page=PAGE, **{**ALL, **wrong})
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert f'value="{wrong.get("id_number", ALL["id_number"])}"' in answer.text
    assert kinds(catalogued) == []


def test_nobody_is_asked_who_gave_where_no_law_asks(
    signed_in: SignedIn, zoe: Visitor, catalogued: Database
) -> None:
    zoe.post(f"{PAGE}/za", page=PAGE, **ALL)
    ada = signed_in(ADA)
    assert "Tax numbers" not in text_of(ada.get("/account/details"))
    assert "Nobody whom you have given to needs" in text_of(ada.get(PAGE))
    assert ada.post(f"{PAGE}/za", page="/account/details", **ALL).status_code == 404
    with catalogued.read() as session:
        number_id = session.scalars(sa.select(DonorNumber.id).limit(1)).one()
    assert ada.post(f"{PAGE}/{number_id}/remove", page="/account/details").status_code == 404
    with catalogued.write() as session:
        give(session, slug="ie", email=ADA, first_name="Ada", last_name="Adason")
    said = text_of(ada.get(PAGE))
    assert "PPS number (optional)" in said
    assert "You need not give it" in said


def test_forgetting_lets_go_of_numbers_but_for_those_on_documents(
    zoe: Visitor, catalogued: Database, gift: Gift
) -> None:
    zoe.post(f"{PAGE}/za", page=PAGE, **ALL)
    stop_all(catalogued)
    assert "tax numbers" in text_of(zoe.get("/account/forget"))
    assert forget(zoe) == 303
    assert kinds(catalogued) == []
    with catalogued.read() as session:
        kept = session.scalars(sa.select(Receipt).where(Receipt.gift_id == gift.id)).one()
    assert "8001015009087" in json.dumps(kept.snapshot)
