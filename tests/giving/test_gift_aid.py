"""Gift Aid in the form: one tick, its words kept, and the home asked for with it alone."""

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.gifts.models import Gift
from portal.receipts.declarations import WORDING_VERSION, Declaration
from portal.receipts.gift_aid import Covers, How
from tests.conftest import NOW
from tests.giving.visits import give, tag_of, text_of
from tests.pages import CheckedClient

HOME = {"mode": "bank_transfer", "city": "Exeter", "province": "", "postal_code": "ex11aa"}


def declarations(database: Database) -> list[Declaration]:
    with database.read() as session:
        return list(session.scalars(sa.select(Declaration)))


@pytest.mark.both_engines
def test_the_words_are_kept_as_they_were_shown(client: CheckedClient, catalogued: Database) -> None:
    shown = text_of(client.get("/give/gb"))
    assert give(client, "gb", gift_aid="1", **HOME).status_code == 303
    [one] = declarations(catalogued)
    assert all(part in shown for part in one.wording.splitlines())
    for must in ("Sample Ministries UK", "I am a UK taxpayer", "responsibility to pay any"):
        assert must in one.wording
    with catalogued.read() as session:
        [gift] = session.scalars(sa.select(Gift)).all()
    assert (one.gift_id, one.donor_id, one.issuer) == (gift.id, gift.donor_id, "sample-gb")
    assert (one.how, one.covers, one.made_at) == (How.FORM, Covers.ALL, NOW)
    assert (one.address, one.postal_code) == (("1 Main Street", "Exeter"), "EX1 1AA")
    assert one.wording_version == WORDING_VERSION
    assert gift.postal_code == "EX1 1AA"


def test_french_donors_declare_in_french(client: CheckedClient, catalogued: Database) -> None:
    assert give(client, "gb", gift_aid="1", lang="fr", **HOME).status_code == 303
    [one] = declarations(catalogued)
    assert (one.locale, "Je suis contribuable" in one.wording) == ("fr", True)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"address_line1": ""}, "Enter your address"),
        ({"postal_code": ""}, "Enter your postcode"),
        ({"postal_code": "12345"}, "Enter a postcode like EX1 1AA"),
    ],
)
def test_the_home_is_needed_with_the_tick_and_all_is_kept(
    client: CheckedClient, catalogued: Database, wrong: dict[str, str], sentence: str
) -> None:
    page = give(client, "gb", gift_aid="1", **{**HOME, **wrong})
    assert page.status_code == 422
    assert sentence in text_of(page)
    assert "checked" in tag_of(page, "gift_aid")
    assert 'value="Exeter"' in page.text
    assert not declarations(catalogued)


def test_without_the_tick_no_home_is_asked_for_nor_kept(
    client: CheckedClient, catalogued: Database
) -> None:
    assert give(client, "gb", **{**HOME, "postal_code": "12345"}).status_code == 303
    assert not declarations(catalogued)
    with catalogued.read() as session:
        assert session.scalars(sa.select(Gift.address_line1)).all() == [""]


def test_where_there_is_no_gift_aid_a_tick_is_none(
    client: CheckedClient, catalogued: Database
) -> None:
    assert give(client, "ca", gift_aid="1").status_code == 303
    assert not declarations(catalogued)
