"""Gifts to receipt: plain objects for pure tests, booked rows for the others."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from itertools import count
from typing import Any

from portal.codes.terms import Frequency, Pledge
from portal.database import Database
from portal.donors import DonorDetails
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift
from portal.gifts.operations import add_gift, book_claims, lock_gift
from portal.money import Money
from portal.payments.stripe.reading import stripe_claim
from portal.receipts.operations import reserve_receipt
from portal.regions.catalogue import Catalogue, Region
from portal.regions.files import read_catalogue
from tests.workplace import act_in

RECEIVED = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_numbers = count(1)


@cache
def catalogue() -> Catalogue:
    return read_catalogue()


def region(slug: str = "ca") -> Region:
    found = catalogue().by_slug(slug)
    assert found is not None
    return found


def make_gift(**changes: Any) -> Gift:
    """A gift from Montréal that was paid whole, in no database."""
    values = {
        "id": 1,
        "token": "token",
        "reference": "LW7K-3QXD-9",
        "region": "ca",
        "fund": "missions",
        "mode": "card",
        "frequency": "once",
        "amount_minor": 7550,
        "cover_minor": 0,
        "refunded_minor": 0,
        "currency": "CAD",
        "first_name": "Grace",
        "last_name": "Okafor",
        "email": "grace@example.org",
        "address_line1": "12 rue Saint-Paul Ouest",
        "address_line2": "",
        "city": "Montréal",
        "province": "QC",
        "postal_code": "H2Y 1Y9",
        "country": "CA",
        "locale": "en_CA",
        "dedication": "",
        "anonymous": False,
        "status": Status.PAID,
        "received_at": RECEIVED,
    }
    values |= changes
    return Gift(**{"paid_minor": values["amount_minor"], **values})


def make_donor(**changes: Any) -> DonorDetails:
    values = {
        "first_name": "Grace",
        "last_name": "Okafor",
        "email": "grace@example.org",
        "address_line1": "12 rue Saint-Paul Ouest",
        "city": "Montréal",
        "province": "QC",
        "postal_code": "H2Y 1Y9",
        "country": "CA",
        "locale": "en_CA",
    }
    return DonorDetails(**{**values, **changes})


def book_gift(database: Database, *, slug: str = "ca", **donor: Any) -> int:
    """A gift that was paid, without a receipt yet."""
    currency = region(slug).currencies[0].currency
    pledge = Pledge(
        given=Money(7550, currency),
        cover=Money(0, currency),
        region=slug,
        fund="missions",
        mode="card",
        frequency=Frequency.ONCE,
    )
    with database.write() as session:
        gift = add_gift(
            act_in(session, RECEIVED),
            pledge,
            make_donor(**donor),
            donor_id=None,
            partner=None,
        )
    claim(database, gift.id, FactKind.PAID, f"pi_{next(_numbers)}", Money(7550, currency))
    return gift.id


def claim(database: Database, gift_id: int, fact: FactKind, subject: str, money: Money) -> None:
    """Book a fact about a gift, at the time the money came."""
    with database.write() as session:
        gift = lock_gift(session, gift_id)
        told = stripe_claim(fact=fact, subject=subject, occurred_at=RECEIVED, money=money)
        book_claims(act_in(session, RECEIVED), gift, [told])


def issue(database: Database, gift_id: int, at: datetime = NOW) -> int:
    """Reserve a gift's receipt in a transaction of its own."""
    with database.write() as session:
        gift = lock_gift(session, gift_id)
        receipt = reserve_receipt(act_in(session, at), gift, region(gift.region))
        assert receipt is not None
        return receipt.id


# What an issuer has to say beside its sample before its official series opens.
CONFIRMED: dict[str, dict[str, Any]] = {
    "ca": {"registration_number": "123456782RR0001"},
    "au": {"registration_number": "51 824 753 556"},
    "nz": {"registration_number": "CC12345", "tax_number": "49-098-576"},
    "za": {"registration_number": "930012345"},
    "de": {"exemption": "Wir sind nach dem Freistellungsbescheid des Finanzamts X befreit."},
    "fr": {"registration_number": "W123456789", "exemption": "Rescrit du 3 mars 2024"},
}
REVIEWED = {"official_reviewer": "Jo Counsel", "official_reviewed_on": date(2026, 1, 5)}


def official_region(slug: str, **changes: Any) -> Region:
    """A region whose issuer has confirmed that it gives out official receipts."""
    said = {"official_receipts_from": date(2026, 1, 1), **REVIEWED, **CONFIRMED[slug], **changes}
    here = region(slug)
    return replace(here, sample=False, issuer=replace(here.issuer, **said))


@dataclass(frozen=True)
class Said:
    """What staff said of a gift beside the money."""

    advantage_minor: int = 0
    advantage: str = ""
    is_intangible: bool = False
    given: str = ""
    appraiser: str = ""
