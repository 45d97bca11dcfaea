"""Monthly gifts: the plan behind them, and the gift each paid month makes.

A plan follows one subscription at Stripe. Every other that names its gift is kept beside it, so
that none can charge a donor unknown; `subscriptions` ends them.
"""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes import uses
from portal.codes.queries import find_code
from portal.codes.terms import Frequency, Pledge
from portal.database import insert_new
from portal.donors.operations import DonorDetails
from portal.gifts.lifecycle import EventKind
from portal.gifts.models import Gift, Plan, PlanStatus, Subscription, SubscriptionState
from portal.gifts.operations import add_gift, lock_gift, record_event
from portal.jobs.promising import SendLetter, SettlePlan
from portal.mail.outbox import LetterKind
from portal.money import Money
from portal.payments.models import StripeLink
from portal.payments.stripe.reading import STRIPE, PlanChange, Reading, Renewal, link_row
from portal.services import Act


def lock_plan(session: Session, plan_id: int) -> Plan:
    """A plan's row, held until the transaction ends; the gift's row is always locked before."""
    wanted = sa.select(Plan).where(Plan.id == plan_id).with_for_update()
    return session.scalars(wanted.execution_options(populate_existing=True)).one()


def change_plan(act: Act, gift: Gift, change: PlanChange) -> bool:
    """Bring a gift's plan up to what Stripe says; older news never overwrites newer.

    False where it is said of a subscription that the plan does not follow: nothing changes.
    """
    if gift.plan_id is None:
        return True
    plan = lock_plan(act.session, gift.plan_id)
    if not _follows(act, plan, gift, change.subscription_id):
        return False
    if change.is_ended and plan.status != PlanStatus.CANCELLED and not change.never_began:
        record_event(act, gift, EventKind.MONTHLY_ENDED, actor="stripe")
        _promise_letter(act, gift, LetterKind.MONTHLY_ENDED, change.subscription_id)
    plan.stripe_customer_id = plan.stripe_customer_id or change.customer_id
    is_news = plan.stripe_changed_at is None or change.at >= plan.stripe_changed_at
    if change.is_ended:
        plan.status, plan.cancelled_at = PlanStatus.CANCELLED, plan.cancelled_at or change.at
        _date_end(act.session, change)
    elif is_news and plan.status != PlanStatus.CANCELLED:
        plan.status = change.status or plan.status
        if change.is_whole:
            _follow(plan, change)
    if is_news:
        plan.stripe_changed_at = change.at
    act.session.flush()
    return True


def _follows(act: Act, plan: Plan, gift: Gift, subscription_id: str) -> bool:
    """Whether a plan follows a subscription: its own, or the first it hears of.

    One heard of beside the plan's own is kept beside it, and looked at by a job. One that is
    known already was ended for another, or waits for that look.
    """
    if plan.stripe_subscription_id == subscription_id:
        return True
    insert_new(act.session, StripeLink, link_row(subscription_id, gift.id))
    has_own = plan.stripe_subscription_id is not None
    state = SubscriptionState.BESIDE if has_own else SubscriptionState.FOLLOWED
    is_new = keep_subscription(act, plan.id, subscription_id, state)
    if is_new and has_own:
        act.promise(SettlePlan(gift.id, subscription_id))
    return is_new and not has_own


def keep_subscription(
    act: Act, plan_id: int, subscription_id: str, state: SubscriptionState
) -> bool:
    """Keep a subscription of a plan, whose row must be locked; whether it was unknown."""
    row = {
        "provider": STRIPE,
        "stripe_id": subscription_id,
        "plan_id": plan_id,
        "state": state,
        "heard_at": act.now,
        "ended_at": None,
    }
    return bool(insert_new(act.session, Subscription, row))


def _date_end(session: Session, change: PlanChange) -> None:
    session.execute(
        sa.update(Subscription)
        .where(
            Subscription.provider == STRIPE,
            Subscription.stripe_id == change.subscription_id,
            Subscription.ended_at.is_(None),
        )
        .values(ended_at=change.at)
    )


def _follow(plan: Plan, change: PlanChange) -> None:
    """Take over its end, which may have been called off, and its amount."""
    plan.cancel_at = change.cancel_at
    if change.money is not None and change.money.currency == plan.currency:
        plan.amount_minor = change.money.minor


def find_or_add_renewal(act: Act, first: Gift, renewal: Renewal) -> Gift:
    """The gift of one paid month: the donor's promise once more, named by its invoice."""
    lock_gift(act.session, first.id)
    gift = act.session.scalar(sa.select(Gift).where(Gift.origin == renewal.invoice_id))
    if gift is not None:
        return gift
    cover = Money(first.cover_minor if renewal.money == first.money else 0, first.currency)
    pledge = Pledge(
        given=renewal.money - cover,
        cover=cover,
        region=first.region,
        fund=first.fund,
        mode=first.mode,
        frequency=Frequency.MONTHLY,
        code=first.code,
    )
    code = find_code(act.session, first.code) if first.code else None
    use = uses.renew(act, code, first.id) if code else None
    gift = add_gift(
        act,
        pledge,
        donor_of(first),
        donor_id=first.donor_id,
        partner=first.partner if use else None,
        plan_id=first.plan_id,
        origin=renewal.invoice_id,
    )
    if use:
        uses.keep_renewal(act, gift.id, use)
    return gift


def donor_of(gift: Gift) -> DonorDetails:
    """The donor as an earlier gift knows them."""
    return DonorDetails(
        first_name=gift.first_name,
        last_name=gift.last_name,
        email=gift.email,
        address_line1=gift.address_line1,
        address_line2=gift.address_line2,
        city=gift.city,
        province=gift.province,
        postal_code=gift.postal_code,
        country=gift.country,
        locale=gift.locale,
        dedication=gift.dedication,
        anonymous=gift.anonymous,
    )


def note_failed_renewal(act: Act, gift: Gift, reading: Reading) -> None:
    """Put a month that could not be charged on the gift's history, and tell the donor."""
    if reading.plan is None:
        return
    record_event(act, gift, EventKind.RENEWAL_FAILED, actor="stripe")
    _promise_letter(act, gift, LetterKind.RENEWAL_FAILED, f"{reading.plan.at:%Y%m%d}")


def _promise_letter(act: Act, gift: Gift, letter: LetterKind, about: str) -> None:
    if gift.email:
        act.promise(SendLetter(letter, gift.id, about))
