"""Gifts for staff to find: booked as real ones are."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.terms import Frequency, Pledge
from portal.database import Database
from portal.donors import DonorDetails
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.gifts.operations import add_gift, book_claims
from portal.money import Money
from portal.payments.models import StripeLink
from portal.payments.stripe.reading import link_row, stripe_claim
from portal.receipts.operations import reserve_receipt
from portal.regions.queries import load_catalogue
from tests.conftest import NOW
from tests.workplace import act_in

SAMPLE = {
    "region": "ca",
    "fund": "missions",
    "mode": "card",
    "code": None,
    "money": Money(7553, "CAD"),
    "first_name": "Zoë",
    "last_name": "Tremblay",
    "email": "zoe@example.org",
}


def add_sample(session: Session, at: datetime = NOW, **choices: Any) -> Gift:
    """A pending gift."""
    given = {**SAMPLE, **choices}
    nothing = Money(0, given["money"].currency)
    pledge = Pledge(
        given=given["money"] - nothing,
        cover=nothing,
        region=given["region"],
        fund=given["fund"],
        mode=given["mode"],
        frequency=Frequency.ONCE,
        code=given["code"],
    )
    donor = DonorDetails(
        **{
            name: given[name]
            for name in ("first_name", "last_name", "email", "dedication", "city")
            if name in given
        }
    )
    return add_gift(
        act_in(session, at),
        pledge,
        donor,
        donor_id=None,
        partner=given.get("partner"),
    )


def pay_sample(session: Session, gift: Gift, subject: str, at: datetime = NOW) -> None:
    """Stripe says that it is paid; the receipt gets its number."""
    claim = stripe_claim(fact=FactKind.PAID, subject=subject, occurred_at=at, money=gift.money)
    region = load_catalogue(session).by_slug(gift.region)
    assert region is not None
    book_claims(act_in(session, at), gift, [claim], timezone=region.issuer.timezone)
    session.add(StripeLink(**link_row(subject, gift.id)))
    reserve_receipt(act_in(session, at), gift, region)


def add_many(database: Database, count: int, **choices: Any) -> Sequence[str]:
    """Gifts a minute apart, oldest first; their references."""
    with database.write() as session:
        return [
            add_sample(session, NOW - timedelta(minutes=count - number), **choices).reference
            for number in range(count)
        ]


def add_crowd(database: Database, count: int) -> None:
    """Very many gifts like the sample, each a second older than the one before."""
    with database.write() as session:
        sample = add_sample(session)
        row = {
            column.key: getattr(sample, column.key)
            for column in sa.inspect(Gift).columns
            if column.key != "id"
        }
        rows = [
            {
                **row,
                "token": f"crowd-{number}",
                "reference": f"CROWD-{number}",
                "created_at": NOW - timedelta(seconds=number),
            }
            for number in range(1, count)
        ]
        session.execute(sa.insert(Gift), rows)
