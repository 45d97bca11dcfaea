"""What one person gave: their gifts, receipts and monthly gifts, and nobody else's."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.donors import Own
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, Plan, PlanStatus
from portal.gifts.queries import is_own
from portal.receipts.donor_numbers import Bearer, bearer_of
from portal.receipts.register import Receipt, ReceiptGift, covers

PAGE = 25
MOST_PAGES = 400
# What its donor can still make good, as long as it is fresh in mind.
FAILED = (Status.FAILED, Status.EXPIRED)
MOST_FAILED = 3


@dataclass(frozen=True, slots=True)
class OwnGift:
    """A gift with the receipt of it that stands."""

    gift: Gift
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class OwnPlan:
    """A monthly gift with the first gift of it, which says what and how."""

    plan: Plan
    gift: Gift


def list_gifts(session: Session, own: Own, page: int) -> list[OwnGift]:
    """A page of gifts, newest first, and one more where there is another page."""
    wanted = (
        sa.select(Gift, Receipt)
        .outerjoin(ReceiptGift, covers(Gift.id))
        .outerjoin(Receipt, Receipt.id == ReceiptGift.receipt_id)
        .where(is_own(own))
        .order_by(Gift.created_at.desc(), Gift.id.desc())
        .limit(PAGE + 1)
        .offset((page - 1) * PAGE)
    )
    return [OwnGift(gift, receipt) for gift, receipt in session.execute(wanted)]


def list_failed(session: Session, own: Own) -> Sequence[Gift]:
    """The newest gifts that failed for good or ran out; a month's charge is never one."""
    wanted = sa.select(Gift).where(is_own(own), Gift.status.in_(FAILED), Gift.origin.is_(None))
    newest = wanted.order_by(Gift.created_at.desc(), Gift.id.desc())
    return session.scalars(newest.limit(MOST_FAILED)).all()


def find_newest(session: Session, own: Own) -> Gift | None:
    """The newest gift, which knows its donor best."""
    newest = sa.select(Gift).where(is_own(own)).order_by(Gift.created_at.desc(), Gift.id.desc())
    return session.scalars(newest.limit(1)).first()


def list_regions_of(session: Session, own: Own) -> Sequence[str]:
    """The slugs of the regions they gave in."""
    return session.scalars(sa.select(Gift.region).where(is_own(own)).distinct()).all()


def list_bearers(session: Session, own: Own, region: str) -> list[tuple[Bearer, str]]:
    """Whose tax numbers their gifts in a region may be by, the newest first, as names are shown."""
    gifts = session.scalars(
        sa.select(Gift)
        .where(is_own(own), Gift.region == region, Gift.received_on.is_not(None))
        .order_by(Gift.id.desc())
        .limit(PAGE * MOST_PAGES)
    )
    found: dict[str, tuple[Bearer, str]] = {}
    for gift in gifts:
        bearer = bearer_of(gift)
        if bearer is not None:
            found.setdefault(bearer.name, (bearer, gift.name))
    return [*found.values()]


def find_receipt_of(session: Session, own: Own, receipt_id: int) -> OwnGift | None:
    """A receipt of theirs that stands."""
    wanted = (
        sa.select(Gift, Receipt)
        .join(ReceiptGift, covers(Gift.id))
        .join(Receipt, Receipt.id == ReceiptGift.receipt_id)
        .where(Receipt.id == receipt_id, is_own(own))
        .order_by(Gift.id.desc())
        .limit(1)
    )
    found = session.execute(wanted).first()
    return OwnGift(*found) if found else None


def list_plans(session: Session, own: Own) -> list[OwnPlan]:
    """Monthly gifts that began, those that go on first, the newest first."""
    is_over = Plan.status == PlanStatus.CANCELLED
    wanted = _plans(own).order_by(is_over, Plan.created_at.desc(), Plan.id.desc())
    return [OwnPlan(plan, gift) for plan, gift in session.execute(wanted)]


def find_plan_of(session: Session, own: Own, token: str) -> OwnPlan | None:
    """A monthly gift of theirs, once it began."""
    found = session.execute(_plans(own).where(Plan.token == token)).first()
    return OwnPlan(*found) if found else None


def _plans(own: Own) -> sa.Select[Plan, Gift]:
    first = sa.select(sa.func.min(Gift.id)).where(Gift.plan_id == Plan.id)
    return (
        sa.select(Plan, Gift)
        .join(Gift, Gift.id == first.correlate(Plan).scalar_subquery())
        .where(Plan.donor_id.in_(own.donor_ids), Plan.stripe_subscription_id.is_not(None))
    )
