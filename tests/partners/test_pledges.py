"""What a partner sees of pledges: its own, donors' as sums, names by consent, nothing of few."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.database import Database
from portal.donors import PARTNER, record_consent
from portal.gifts.commitments import NAMED, Owner, Said, add_commitment, committing
from portal.gifts.progress import Rhythm
from portal.money import Money
from portal.services import Services
from tests.giving.visits import text_of
from tests.partners.conftest import Visitor
from tests.partners.gifts import email_of, plant_gifts

SignedIn = Callable[[str], Visitor]
PLEDGES = "/partners/pledges"


def pledge(app: Flask, *, minor: int = 10_000, named: bool = False, **said: Any) -> int:
    """Kept by staff; with `donor` it is of the donor of this number."""
    services: Services = app.extensions["portal"]
    donor = said.pop("donor", None)
    owner = Owner(
        email=email_of(donor) if donor else "",
        partner=said.pop("partner", ""),
        code=said.pop("code", ""),
    )
    span = {"since": date(2026, 1, 1), "until": date(2026, 12, 31)}
    terms = Said(money=Money(minor, "CAD"), rhythm=Rhythm.ONCE, **{**span, **said})
    with committing(services, "system", is_partners=donor is None) as act:
        row = add_commitment(act, owner, terms)
        if named:
            words = {"wording": "Yes", "locale": "en", "channel": PARTNER}
            record_consent(act, row.donor_id or 0, source=f"{NAMED}{row.id}", **words)
        return row.id


def plant(database: Database, key: str, donors: range, **said: Any) -> None:
    with database.write() as session:
        plant_gifts(session, key, [{"donor": one, "minor": 1000, **said} for one in donors])


def see(signed_in: SignedIn, key: str) -> str:
    return text_of(signed_in(f"viewer@{key}.example").get(PLEDGES))


@pytest.mark.both_engines
def test_its_own_stand_against_what_came(
    app: Flask, signed_in: SignedIn, catalogued: Database
) -> None:
    plant(catalogued, "grace", range(1, 8))
    pledge(app, partner="grace")
    pledge(app, partner="other", minor=55_500)
    told = see(signed_in, "grace")
    assert "CAD 70.00 given of CAD 100.00" in told
    assert "555" not in told
    assert "House grace" in see(signed_in, "net"), "who is above sees it"
    assert "Nobody pledged" in see(signed_in, "hope")


def test_what_few_gave_is_told_by_no_pledge(
    app: Flask, signed_in: SignedIn, catalogued: Database
) -> None:
    plant(catalogued, "grace", range(1, 8), day=date(2026, 10, 5))
    plant(catalogued, "grace", range(1, 8), day=date(2026, 9, 5))
    plant(catalogued, "grace", range(8, 10), day=date(2026, 8, 5), fund="media")
    pledge(app, partner="grace", since=date(2026, 9, 1))
    pledge(app, partner="grace", fund="media")
    pledge(app, partner="grace", until=date(2026, 8, 31))
    told = see(signed_in, "grace")
    # August is withheld with another month: no span that has the one without the other is told.
    assert told.count("withheld") >= 3
    assert "given of" not in told
    pledge(app, partner="grace")
    assert "CAD 160.00 given of" in see(signed_in, "grace")


def test_donors_pledges_are_sums_and_names_only_by_consent(
    app: Flask, signed_in: SignedIn, catalogued: Database
) -> None:
    plant(catalogued, "grace", range(1, 13))
    for donor in range(1, 5):
        pledge(app, donor=donor, code="GRACE")
    assert "withheld" in see(signed_in, "grace"), "four people"
    pledge(app, donor=5, code="GRACE", since=date(2026, 1, 1), until=date(2026, 11, 22))
    page = signed_in("viewer@grace.example").get(PLEDGES)
    assert "CAD 5 5 CA$50.00 CA$100.00" in text_of(page)
    assert "Secretson" not in page.text
    assert email_of(1) not in page.text
    pledge(app, donor=6, code="GRACE", named=True)
    told = see(signed_in, "grace")
    assert re.search(r"Secret Secretson ?: CAD 100.00 Once", told)
    assert "CAD 6 6 CA$60.00" in told
    assert "Secret" not in see(signed_in, "other")
    with catalogued.write() as session:
        session.execute(sa.text("UPDATE consents SET withdrawn_at = given_at"))
    assert "Secretson" not in see(signed_in, "grace")


def test_the_rest_of_few_is_not_told_either(
    app: Flask, signed_in: SignedIn, catalogued: Database
) -> None:
    plant(catalogued, "grace", range(1, 9))
    for donor in range(1, 6):
        pledge(app, donor=donor, code="GRACE")
    # Three more gave: the total less what the pledges brought would tell of them.
    assert "CAD 5 5 withheld" in see(signed_in, "grace")
    pledge(app, donor=6, code="GRACE", named=True)
    pledge(app, donor=7, code="GRACE", named=True)
    told = see(signed_in, "grace")
    assert told.count("Secret Secretson") == 2
    pledge(app, donor=1, code="GRACE", named=True)
    assert "CAD 8 7 withheld" in see(signed_in, "grace")
