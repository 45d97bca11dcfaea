"""The one door: every piece of evidence about money is booked by `accept`.

One transaction stores the evidence, posts the ledger, derives the status, reserves the
receipt's number and promises the mail. Repeating it, in any order, changes nothing more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes.pledge import Frequency, Pledge
from portal.database import Database
from portal.donors.giver import Giver
from portal.gifts.evidence import Claim
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift
from portal.gifts.operations import Booked, add_gift, book_claims, lock_gift, record_event
from portal.jobs import Jobs
from portal.money import Money
from portal.receipts.models import Receipt
from portal.receipts.operations import reserve_receipt
from portal.regions.catalogue import Catalogue

UNATTRIBUTED_FUND = "general"
UNATTRIBUTED_REGION = "world"


class MoneyDiffers(Exception):
    """What was paid is not what the gift promised, in amount or currency."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What booking needs besides the transaction: where jobs go, and the regions' rules."""

    jobs: Jobs
    catalogue: Catalogue


def accept(
    session: Session, desk: Desk, gift_id: int, claims: Sequence[Claim], now: datetime
) -> Booked:
    """Book claims about a gift; `MoneyDiffers` where a payment is not the one promised."""
    return accept_for(session, desk, lock_gift(session, gift_id), claims, now)


def accept_for(
    session: Session, desk: Desk, gift: Gift, claims: Sequence[Claim], now: datetime
) -> Booked:
    """The same for a gift whose row this transaction has locked."""
    for claim in claims:
        if claim.fact is FactKind.PAID and claim.money != gift.money:
            raise MoneyDiffers(f"{claim.money} for {gift.money}")
    booked = book_claims(session, gift, claims, now)
    if booked.has_payment:
        _promise_receipt(session, desk, gift, now)
    for claim in booked.new:
        _promise_notice(session, desk, gift, claim)
    return booked


def _promise_receipt(session: Session, desk: Desk, gift: Gift, now: datetime) -> None:
    region = desk.catalogue.by_slug(gift.region) or desk.catalogue.rest
    if region is None:
        raise LookupError("the catalogue has no region for this gift")
    receipt = reserve_receipt(session, gift, region, now)
    if receipt is not None:
        desk.jobs.enqueue(session, "send_receipt", receipt.id)


# The facts a donor is written to about, each by its own letter.
NOTICES = {
    FactKind.PROCESSING: "payment_processing",
    FactKind.FAILED: "payment_failed",
    FactKind.REFUNDED: "refund_made",
    FactKind.DISPUTE_LOST: "payment_returned",
}


def _promise_notice(session: Session, desk: Desk, gift: Gift, claim: Claim) -> None:
    is_part = claim.fact is FactKind.PAID and gift.status is Status.PARTLY_PAID
    message = "part_received" if is_part else NOTICES.get(claim.fact)
    is_moot = claim.fact is FactKind.FAILED and gift.status is not Status.FAILED
    if message and gift.email and not is_moot:
        desk.jobs.enqueue(session, "send_notice", f"{message}:{gift.id}:{claim.subject}")


def accept_unattributed(
    session: Session, desk: Desk, claim: Claim, now: datetime, *, why: str, beside: Gift | None
) -> Booked:
    """Book money that no gift promised as a gift without a giver, so that none is dropped.

    `beside` is the gift it came with and did not fit.
    """
    if claim.money is None:
        raise ValueError("only money can be unattributed")
    origin = f"unattributed:{claim.subject}"
    gift = session.scalar(sa.select(Gift).where(Gift.origin == origin))
    if gift is None:
        pledge = Pledge(
            money=claim.money,
            region=beside.region if beside else UNATTRIBUTED_REGION,
            fund=beside.fund if beside else UNATTRIBUTED_FUND,
            mode=beside.mode if beside else "card",
            frequency=Frequency.ONCE,
            code=None,
        )
        nobody = Giver(first_name="", last_name="", email="")
        gift = add_gift(
            session,
            pledge,
            nobody,
            now,
            donor_id=None,
            cover=Money(0, claim.money.currency),
            partner=None,
            origin=origin,
        )
        record_event(session, gift, "unattributed", now, actor="system", why=why)
        if beside is not None:
            data = {"unattributed": gift.reference}
            record_event(session, beside, "money_differs", now, actor="system", why=why, data=data)
    return accept(session, desk, gift.id, [claim], now)


def issue_missing_receipts(database: Database, desk: Desk, now: datetime) -> int:
    """Number the receipts of received gifts that have none; how many there were."""
    with database.read() as session:
        missing = session.scalars(
            sa.select(Gift.id)
            .outerjoin(Receipt, sa.and_(Receipt.gift_id == Gift.id, Receipt.voided_at.is_(None)))
            .where(Gift.received_at.is_not(None), Gift.email != "", Receipt.id.is_(None))
        ).all()
    for gift_id in missing:
        with database.write() as session:
            _promise_receipt(session, desk, lock_gift(session, gift_id), now)
    return len(missing)
