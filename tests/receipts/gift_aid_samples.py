"""British gifts whose donors declared Gift Aid, booked as real ones are."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.codes.terms import Frequency, Pledge
from portal.donors import find_or_add_donor
from portal.gifts.evidence import Claim
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.gifts.operations import add_gift, book_claims
from portal.money import Money
from portal.payments.stripe.reading import stripe_claim
from portal.receipts.declarations import declare_with_gift
from portal.regions.queries import load_catalogue
from tests.conftest import NOW
from tests.workplace import SAMPLE_DONOR, act_in

ADA = replace(
    SAMPLE_DONOR,
    first_name="Ada",
    last_name="House-Martin",
    email="ada@example.org",
    address_line1="1 High Street",
    city="Exeter",
    province="",
    postal_code="EX1 1AA",
    country="GB",
    locale="en_GB",
)


def give(
    session: Session,
    minor: int = 25_37,
    at: datetime = NOW,
    *,
    declares: bool = True,
    currency: str = "GBP",
    mode: str = "card",
    **person: Any,
) -> Gift:
    """A paid gift, with a declaration of its donor unless they made none."""
    act, donor = act_in(session, at), replace(ADA, **person)
    pledge = Pledge(
        given=Money(minor, currency),
        cover=Money(0, currency),
        region="gb",
        fund="general",
        mode=mode,
        frequency=Frequency.ONCE,
        code=None,
    )
    donor_id = find_or_add_donor(act, donor.email)
    gift = add_gift(act, pledge, donor, donor_id=donor_id, partner=None)
    book(session, gift, FactKind.PAID, f"pi_{gift.id}", minor, at=at)
    region = load_catalogue(session).by_slug("gb")
    assert region is not None
    if declares:
        declare_with_gift(act, gift, region, "I want to Gift Aid this.")
    return gift


def book(
    session: Session,
    gift: Gift,
    fact: FactKind,
    subject: str,
    minor: int,
    *,
    at: datetime = NOW,
) -> None:
    claim: Claim = stripe_claim(
        fact=fact,
        subject=subject,
        occurred_at=at,
        money=Money(minor, gift.currency),
        payment=None if fact is FactKind.PAID else f"pi_{gift.id}",
    )
    book_claims(act_in(session, at), gift, [claim], timezone="Europe/London")
