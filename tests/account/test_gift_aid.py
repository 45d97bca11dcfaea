"""Donors see, make, correct and cancel their Gift Aid declaration, and take a copy of it."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.database import Database
from portal.receipts.claims import list_charities, make_claim
from portal.receipts.declarations import Declaration
from portal.services import Services
from tests.account.conftest import ADA, ZOE
from tests.account.test_details import forget, stop_all
from tests.giving.visits import text_of
from tests.partners.conftest import Visitor
from tests.receipts.gift_aid_samples import give

SignedIn = Callable[[str], Visitor]
PAGE = "/account/gift-aid"
HOME = {
    "first_name": "Zoe",
    "last_name": "Zoeson",
    "address_line1": "1 High Street",
    "city": "Exeter",
    "postal_code": "ex11aa",
    "country": "GB",
}


@pytest.fixture
def zoe(signed_in: SignedIn, catalogued: Database) -> Visitor:
    """Zoë, who gave in the United Kingdom, too."""
    with catalogued.write() as session:
        give(session, declares=False, email=ZOE, first_name="Zoe", last_name="Zoeson")
    return signed_in(ZOE)


def versions(database: Database) -> list[tuple[int, str, bool]]:
    with database.read() as session:
        rows = session.scalars(sa.select(Declaration).order_by(Declaration.id)).all()
        return [(one.version, one.city, one.cancelled_at is not None) for one in rows]


def test_a_declaration_is_made_corrected_and_cancelled(zoe: Visitor, catalogued: Database) -> None:
    assert "See, make or cancel a declaration" in text_of(zoe.get("/account/details"))
    missing = zoe.post(f"{PAGE}/sample-gb", page=PAGE, **HOME)
    assert missing.status_code == 422
    assert "Tick the box to declare Gift Aid" in text_of(missing)
    wrong = zoe.post(f"{PAGE}/sample-gb", page=PAGE, **{**HOME, "postal_code": "1"}, gift_aid="1")
    assert 'value="1 High Street"' in wrong.text
    assert zoe.post(f"{PAGE}/sample-gb", page=PAGE, **HOME, gift_aid="1").status_code == 303
    assert "You declared Gift Aid on 23 November 2026" in text_of(zoe.get(PAGE))
    zoe.post(f"{PAGE}/sample-gb", page=PAGE, **{**HOME, "city": "Bath"})
    zoe.post(f"{PAGE}/sample-gb/cancel", page=PAGE)
    assert versions(catalogued) == [(1, "Exeter", False), (2, "Bath", False), (3, "Bath", True)]
    assert "Declare Gift Aid" in text_of(zoe.get(PAGE))
    data = zoe.get("/account/data.json").json
    assert data is not None
    assert len(data["gift_aid_declarations"]) == 3


def test_other_details_are_the_declarations_too(zoe: Visitor, catalogued: Database) -> None:
    zoe.post(f"{PAGE}/sample-gb", page=PAGE, **HOME, gift_aid="1")
    said = {"first_name": "Zoe", "last_name": "Eze", "country": "", "phone": "", "locale": "en"}
    assert zoe.post("/account/details", **said).status_code == 303
    with catalogued.read() as session:
        last = session.scalars(sa.select(Declaration).order_by(Declaration.id.desc())).first()
    assert last is not None
    assert (last.version, last.last_name, last.city) == (2, "Eze", "Exeter")


def test_who_gave_elsewhere_is_told_so(signed_in: SignedIn, given: object) -> None:
    visitor = signed_in(ADA)
    assert "You have given to none of them here" in text_of(visitor.get(PAGE))
    assert visitor.post(f"{PAGE}/sample-gb", page="/account/details", **HOME).status_code == 404


@pytest.mark.parametrize("is_claimed", [False, True])
def test_forgetting_keeps_only_what_a_claim_needs(
    app: Flask, zoe: Visitor, catalogued: Database, is_claimed: bool
) -> None:
    zoe.post(f"{PAGE}/sample-gb", page=PAGE, **HOME, gift_aid="1")
    services: Services = app.extensions["portal"]
    [charity] = list_charities(services.catalogue)
    if is_claimed:
        with services.write() as act:
            make_claim(act, charity)
    stop_all(catalogued)
    assert forget(zoe) == 303
    kept = [(1, "Exeter", False), (2, "Exeter", True)] if is_claimed else []
    assert versions(catalogued) == kept
