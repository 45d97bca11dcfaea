"""The gift that an event of Stripe's is about: found and locked, or made for a plan's month.

A booking decides by the gift that a reading leads to, and by what is known of it. On PostgreSQL
all is asked in one go. Two statements, since one that waits for a row's lock sees only that row as
it is then, and all else as it was before the wait.

Monthly gifts have a plan behind them, and each paid month makes a gift. A plan follows one
subscription at Stripe. Every other that names its gift is kept beside it, so that none can charge
a donor unknown; `subscriptions` ends them.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.codes import uses
from portal.codes.models import find_code
from portal.codes.terms import Frequency, Pledge
from portal.database import insert_new, table_of
from portal.donors import DonorDetails
from portal.driver import ask, hold, pipelined
from portal.gifts.lifecycle import EventKind
from portal.gifts.models import Evidence, Gift, Plan, PlanStatus, Subscription, SubscriptionState
from portal.gifts.operations import add_gift, lock_gift, record_event
from portal.jobs.promising import SendLetter, SettlePlan
from portal.mail.outbox import LetterKind
from portal.money import Money
from portal.payments.models import Checkout, Installation, StripeEvent, StripeLink
from portal.payments.stripe.reading import STRIPE, PlanChange, Reading, Renewal, link_row
from portal.receipts.register import Receipt
from portal.services import Act

# So many ids lead to a gift at most, and of so many links it is asked who waits for them.
MOST_KNOWN, MOST_LINKS = 2, 3


@dataclass(frozen=True, slots=True)
class Seen:
    """How things stood for a reading, once its gift was locked.

    `is_anothers` where its metadata name another installation. `is_first` where nothing is
    claimed of the gift and it never had a receipt; `is_told` where what the reading claims is
    known, of this gift or another. `has_waiting` where an event may wait for one of its links.
    """

    gift: Gift | None
    is_anothers: bool
    is_first: bool
    is_told: bool
    has_waiting: bool


def look_up(session: Session, reading: Reading, *, is_claimed: bool = False) -> Seen:
    """Lock the gift of a reading: by the ids that we stored, else as its metadata name it.

    Metadata that name another installation count only where a person said that it is ours.
    """
    values = _values(reading, is_claimed=is_claimed)
    with pipelined(session):
        locked = ask(session, _LOCK, values)
        flags = ask(session, _FLAGS, values)
        row, flag = locked.first(), flags.rows()[0]
    is_anothers, is_known, is_told, has_waiting = map(bool, flag)
    return Seen(
        gift=None if row is None else hold(session, Gift, row),
        is_anothers=is_anothers,
        is_first=not is_known,
        is_told=is_told and len(reading.claims) == 1,
        has_waiting=has_waiting or len(reading.links) > MOST_LINKS,
    )


def _values(reading: Reading, *, is_claimed: bool) -> dict[str, Any]:
    known, links = reading.known_by, reading.links[:MOST_LINKS]
    return {
        **dict(zip(_KNOWN_NAMES, (*known, *_nothing(MOST_KNOWN - len(known))), strict=True)),
        **dict(zip(_LINK_NAMES, (*links, *_nothing(MOST_LINKS - len(links))), strict=True)),
        "reference": reading.reference,
        "mention": reading.mention,
        "installation": reading.installation,
        "is_claimed": is_claimed,
        "key": reading.claims[0].key if reading.claims else None,
    }


def _nothing(count: int) -> tuple[None, ...]:
    return (None,) * count


_KNOWN_NAMES = tuple(f"known_{at}" for at in range(MOST_KNOWN))
_LINK_NAMES = tuple(f"link_{at}" for at in range(MOST_LINKS))


def _text(name: str) -> sa.BindParameter[str | None]:
    return sa.bindparam(name, type_=sa.String)


def _first(found: sa.Select[Any]) -> sa.ScalarSelect[Any]:
    return found.limit(sa.literal_column("1")).scalar_subquery()


_GIFTS, _NAMED = table_of(Gift), table_of(Gift).alias("named")
_LINKS, _CHECKOUTS = table_of(StripeLink).c, table_of(Checkout).c
_SUBSCRIPTIONS, _EVIDENCE = table_of(Subscription).c, table_of(Evidence).c
_RECEIPTS, _EVENTS = table_of(Receipt).c, table_of(StripeEvent).c
_KNOWN = [_text(name) for name in _KNOWN_NAMES]
_ANOTHERS = sa.and_(
    _text("installation").is_not(None),
    _text("installation") != sa.select(table_of(Installation).c.id).scalar_subquery(),
)


def _named(name: str) -> sa.ScalarSelect[Any]:
    return sa.select(_NAMED.c.id).where(_NAMED.c.reference == _text(name)).scalar_subquery()


# Whose it is: linked, handed off to, or of the plan that it begins; else as it is named.
_WHOSE = sa.func.coalesce(
    _first(
        sa.select(_LINKS.gift_id).where(_LINKS.provider == STRIPE, _LINKS.stripe_id.in_(_KNOWN))
    ),
    _first(
        sa.select(_CHECKOUTS.gift_id).where(
            _CHECKOUTS.provider == STRIPE, _CHECKOUTS.stripe_session_id.in_(_KNOWN)
        )
    ),
    _first(
        sa.select(_NAMED.c.id)
        .join_from(_NAMED, table_of(Subscription), _NAMED.c.plan_id == _SUBSCRIPTIONS.plan_id)
        .where(_SUBSCRIPTIONS.provider == STRIPE, _SUBSCRIPTIONS.stripe_id.in_(_KNOWN))
        .order_by(_NAMED.c.id)
    ),
    sa.case(
        (
            sa.or_(sa.bindparam("is_claimed", type_=sa.Boolean), sa.not_(_ANOTHERS)),
            sa.func.coalesce(_named("reference"), _named("mention")),
        )
    ),
)
_FOUND = sa.select(_WHOSE.label("id")).cte("found")
_LOCK = (
    sa.select(_GIFTS)
    .where(_GIFTS.c.id == sa.select(_WHOSE).scalar_subquery())
    .with_for_update(of=_GIFTS)
)
_FLAGS = sa.select(
    _ANOTHERS,
    sa.or_(
        sa.exists().where(_EVIDENCE.gift_id == _FOUND.c.id),
        sa.exists().where(_RECEIPTS.gift_id == _FOUND.c.id),
    ),
    sa.exists().where(_EVIDENCE.key == _text("key")),
    # By this column alone, so that no engine takes another index: few events wait.
    sa.exists().where(_EVENTS.waits_for.in_([_text(name) for name in _LINK_NAMES])),
).select_from(_FOUND)


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
        if change.is_whole:
            _follow(plan, change)
        elif plan.status != PlanStatus.PAUSED:
            # What is told of one month doesn't end a pause; the subscription itself does.
            plan.status = change.status or plan.status
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
    """Take over its status, its end and its pause, which may have been called off, its amount."""
    plan.status = change.status or plan.status
    plan.cancel_at, plan.paused_until = change.cancel_at, change.paused_until
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
        is_only_acknowledged=first.is_only_acknowledged,
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
