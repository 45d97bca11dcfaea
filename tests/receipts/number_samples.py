"""South African gifts, an issuer that gives out section 18A receipts, and the numbers it asks."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.terms import Frequency, Pledge
from portal.donors import DonorDetails, find_or_add_donor
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.gifts.operations import add_gift, book_claims
from portal.money import Money
from portal.payments.stripe.reading import stripe_claim
from portal.receipts.donor_numbers import Bearer, bearer_of, keep_number
from portal.regions.donor_numbers import RULES
from portal.regions.queries import CatalogueState, RegionRecord
from portal.regions.schemes import NumberKind
from portal.services import Act
from tests.conftest import NOW
from tests.receipts.samples import CONFIRMED
from tests.workplace import act_in

THABO = DonorDetails(
    first_name="Thabo",
    last_name="Mokoena",
    email="thabo@example.org",
    address_line1="7 Jorissen Street",
    city="Johannesburg",
    province="GP",
    postal_code="2001",
    country="ZA",
    locale="en_ZA",
)
NATURAL = (NumberKind.ZA_INCOME_TAX, NumberKind.ZA_ID, NumberKind.PHONE)
CURRENCIES = {"za": "ZAR", "in": "INR", "ie": "EUR"}


def confirm_issuer(session: Session, slug: str = "za", **said: Any) -> None:
    """Let a sample's issuer be somebody who gives out official receipts."""
    record = session.get_one(RegionRecord, slug)
    issuer = {
        **record.document["issuer"],
        "official_receipts_from": "2026-03-01",
        **CONFIRMED[slug],
        **said,
    }
    record.document = {**record.document, "sample": False, "issuer": issuer}
    session.execute(sa.update(CatalogueState).values(version=CatalogueState.version + 1))


def give(
    session: Session, minor: int = 250_37, *, slug: str = "za", at: datetime = NOW, **person: Any
) -> Gift:
    """A paid gift of Thabo's, unless `person` says otherwise; it has no receipt yet."""
    act, donor = act_in(session, at), DonorDetails(**{**_fields(THABO), **person})
    money = Money(minor, CURRENCIES[slug])
    pledge = Pledge(
        given=money,
        cover=Money(0, money.currency),
        region=slug,
        fund="general",
        mode="card",
        frequency=Frequency.ONCE,
    )
    donor_id = find_or_add_donor(act, donor.email)
    gift = add_gift(act, pledge, donor, donor_id=donor_id, partner=None)
    told = stripe_claim(fact=FactKind.PAID, subject=f"pi_{gift.id}", occurred_at=at, money=money)
    book_claims(act, gift, [told])
    return gift


def _fields(donor: DonorDetails) -> dict[str, Any]:
    return {name: getattr(donor, name) for name in DonorDetails.__dataclass_fields__}


def whose(gift: Gift) -> Bearer:
    bearer = bearer_of(gift)
    assert bearer is not None
    return bearer


def say(act: Act, gift: Gift, *kinds: NumberKind, country: str = "") -> None:
    """Keep the example of each kind for a gift's donor."""
    for kind in kinds:
        own = country if RULES[kind].wants_country else ""
        keep_number(act, whose(gift), kind, RULES[kind].example, country=own)
