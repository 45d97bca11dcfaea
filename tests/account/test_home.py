"""A donor sees all that they gave, its receipts, and nothing of anybody else."""

import html
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.database import Database
from portal.gifts.models import Gift, Plan
from portal.receipts.operations import void_receipt
from portal.receipts.register import Receipt, find_receipt
from portal.records.own import PAGE
from portal.signin.donor_accounts import DonorAddress
from tests.account.conftest import ADA, ZOE, Given
from tests.account.test_sign_in import addresses
from tests.conftest import NOW
from tests.giving.visits import text_of
from tests.partners.conftest import Visitor
from tests.staff.samples import add_sample
from tests.workplace import act_in

SignedIn = Callable[[str], Visitor]


def receipt_of(database: Database, gift: Gift) -> Receipt:
    with database.read() as session:
        found = find_receipt(session, gift.id)
        assert found is not None
        return found


@pytest.mark.both_engines
def test_all_gifts_stand_there_with_their_states(
    signed_in: SignedIn, given: dict[str, Given]
) -> None:
    page = signed_in(ZOE).get("/account/")
    words = text_of(page)
    assert "CAD 75.53" in words
    assert "CAD 9.99" in words
    assert "Not paid yet" in words
    assert words.count("Received") >= 2
    for gift in (given[ZOE].paid, given[ZOE].open, given[ZOE].month):
        assert f"/gift/{gift.token}" in page.text


@pytest.mark.both_engines
def test_receipts_are_downloaded(
    signed_in: SignedIn, given: dict[str, Given], catalogued: Database
) -> None:
    visitor, receipt = signed_in(ZOE), receipt_of(catalogued, given[ZOE].paid)
    address = f"/account/receipts/{receipt.id}.pdf"
    assert f'href="{address}"' in visitor.get("/account/").text
    answer = visitor.get(address)
    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF")
    with catalogued.write() as session:
        void_receipt(act_in(session, NOW), session.get_one(Receipt, receipt.id), "wrong")
    assert visitor.get(address).status_code == 404, "only one that stands"


def test_nothing_of_others_is_shown_by_any_address(
    app: Flask, signed_in: SignedIn, given: dict[str, Given], catalogued: Database
) -> None:
    """Every route that names something, with what is Ada's, as Zoë; and all plain pages."""
    signed_in(ADA)
    visitor, theirs = signed_in(ZOE), given[ADA]
    receipts = [receipt_of(catalogued, gift).id for gift in (theirs.paid, theirs.month)]
    with catalogued.read() as session:
        address_id = session.scalars(
            sa.select(DonorAddress.id).where(DonorAddress.email == ADA)
        ).one()
    names = f"{ADA}|Adason|{theirs.paid.reference}|{theirs.plan.token}"
    secrets = re.compile(names.encode())
    for endpoint, method, path in addresses(app):
        place = path
        if "/receipts/" in path:
            place = f"/account/receipts/{receipts[0]}.pdf"
        elif "NOT-THERE" in path and "/monthly/" in path:
            place = path.replace("NOT-THERE", theirs.plan.token)
        elif endpoint == "account.drop_address":
            place = path.replace("2026", str(address_id))
        if endpoint == "account.sign_out":
            continue
        answer = visitor.get(place) if method == "GET" else visitor.post(place, page="/account/")
        is_named = place != path
        assert answer.status_code == 404 or not is_named, place
        assert not secrets.search(answer.data), place
    with catalogued.read() as session:
        assert session.get_one(Plan, theirs.plan.id).status == "active"
        assert session.get(DonorAddress, address_id)


def test_many_gifts_come_page_by_page_newest_first(
    signed_in: SignedIn, catalogued: Database
) -> None:
    with catalogued.write() as session:
        for at in range(PAGE):
            add_sample(session, NOW + timedelta(minutes=at), fund="missions")
    visitor = signed_in(ZOE)
    first, second = visitor.get("/account/").text, visitor.get("/account/?page=2").text
    pattern = re.compile(r'class="figures" href="/gift/([^"]+)"')
    seen = pattern.findall(first) + pattern.findall(second)
    assert len(seen) == len(set(seen)) == PAGE + 3
    assert "?page=2" in first
    for page in ("0", "-1", "401"):
        assert visitor.get(f"/account/?page={page}").status_code == 404


def test_failing_and_failed_stand_apart_with_one_button(
    signed_in: SignedIn, given: dict[str, Given], catalogued: Database
) -> None:
    mine = given[ZOE]
    with catalogued.write() as session:
        session.get_one(Plan, mine.plan.id).status = "past_due"
        for status, mode in (("failed", "card"), ("expired", "interac")):
            gift = add_sample(session, mode=mode)
            gift.status = status
    page = signed_in(ZOE).get("/account/")
    failing, _, failed = html.unescape(page.text).partition('id="failed-title"')
    assert 'id="failing-title"' in failing
    assert f"/account/monthly/{mine.plan.token}" in failing
    assert failed.partition('id="monthly-title"')[0].count("Try again") == 2
    assert re.search(r'action="/gift/[^"]+/pay"', failed)
    assert "http://127.0.0.1:9" in page.headers["Content-Security-Policy"]


def test_who_gave_nothing_yet_is_told_so(signed_in: SignedIn, catalogued: Database) -> None:
    with catalogued.write() as session:
        session.execute(sa.update(Gift).values(email="", donor_id=None))
    assert "No gifts here." in signed_in(ZOE).get("/account/").text


@pytest.mark.parametrize("count", [1, 20])
def test_a_page_takes_as_many_statements_however_many_gifts(
    app: Flask, signed_in: SignedIn, catalogued: Database, count: int
) -> None:
    with catalogued.write() as session:
        for _ in range(count):
            add_sample(session)
    visitor, seen = signed_in(ZOE), []
    engine = app.extensions["portal"].database.reader

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    visitor.get("/account/")
    sa.event.remove(engine, "before_cursor_execute", note)
    assert len(seen) <= 12
