"""A gift whose region was taken out of the catalogue: reminded, booked, receipted and refunded."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from portal.commands.doctor import _examine_regions
from portal.database import Database
from portal.gifts.models import Gift
from portal.receipts.register import Receipt
from portal.regions.operations import find_document, load_region_files, take_out
from portal.regions.queries import CatalogueCache, RegionRecord
from tests.payments.test_refunds import ask, hear, refunds
from tests.payments.test_refunds import pay as pay_by_card
from tests.payments.test_transfers import look, pay, reminders
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace, make_workplace


@pytest.fixture
def office(catalogued: Database, database_url: str) -> Iterator[Workplace]:
    place = make_workplace(database_url, None)
    yield place
    place.close()


def remove(place: Workplace, slug: str = "ca") -> Workplace:
    """The workplace after a region was taken out, as another process sees it."""
    with place.services.write("staff:1") as act:
        record = find_document(act.session, slug)
        assert record is not None
        take_out(act, record, is_out=True)
    anew = replace(place.services, regions=CatalogueCache(place.database))
    return Workplace(anew)


def receipt_of(place: Workplace, gift: Gift) -> Receipt:
    with place.database.read() as session:
        return session.scalars(sa.select(Receipt).where(Receipt.gift_id == gift.id)).one()


def test_a_transfer_is_reminded_booked_and_receipted_by_its_own_issuer(office: Workplace) -> None:
    gift = office.gift(office.start(mode="interac").token)
    issuer = office.services.catalogue.home_of(gift).region.issuer
    office = remove(office)
    assert office.services.catalogue.by_slug("ca") is None
    assert len(reminders(look(office, gift, 2.5))) == 1
    pay(office, gift)
    assert office.gift(gift.token).status == "paid"
    snapshot = receipt_of(office, gift).snapshot
    assert snapshot["issuer"]["legal_name"] == issuer.legal_name


def test_a_card_gift_is_booked_and_refunded(place: Workplace, sandbox: SandboxProcess) -> None:
    gift = pay_by_card(place, sandbox)
    place = remove(place)
    ask(place, gift, 10_001)
    hear(place, sandbox)
    assert refunds(sandbox) == [10_001]
    assert place.gift(gift.token).status == "refunded"


def delete_by_hand(place: Workplace, slug: str) -> None:
    with place.database.write() as session:
        session.execute(sa.delete(RegionRecord).where(RegionRecord.slug == slug))


def test_no_hand_deletes_a_region_that_gifts_name(office: Workplace) -> None:
    office.start(mode="interac")
    with pytest.raises(sa.exc.DatabaseError, match="take them out of the catalogue instead"):
        delete_by_hand(office, "ca")
    with (
        pytest.raises(sa.exc.DatabaseError, match="that gifts name stay"),
        office.database.write() as session,
    ):
        session.execute(sa.update(RegionRecord).where(RegionRecord.slug == "ca").values(slug="cb"))
    delete_by_hand(office, "jp")


def test_gifts_of_a_region_that_is_gone_are_told_loudly(office: Workplace) -> None:
    settings = office.services.settings
    office.start(mode="interac")
    assert not any("are gone" in one.text for one in _examine_regions(office.database, settings))
    with office.database.write() as session:
        session.execute(sa.update(Gift).values(region="xx"))
    told = next(one for one in _examine_regions(office.database, settings) if "gone" in one.text)
    assert (told.is_well, told.text) == (False, "gifts name regions that are gone: xx")


def test_its_files_do_not_bring_a_region_back(office: Workplace) -> None:
    remove(office)
    with office.database.write() as session:
        load_region_files(session, datetime.now(UTC))
    assert CatalogueCache(office.database).get().by_slug("ca") is None
