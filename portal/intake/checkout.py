"""Handing a kept gift to Stripe, and looking up how it went when the donor is back.

The hand-off's row is committed before Stripe is called, and no transaction is open while
Stripe is asked.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal import limits
from portal.codes.terms import Frequency
from portal.gifts.models import Gift
from portal.gifts.operations import record_event
from portal.i18n import gettext, pick, use_locale
from portal.intake.admission import Caller, admit
from portal.logs import get_logger
from portal.payments.models import Checkout, find_installation
from portal.payments.stripe.comparison import look_up_checkout
from portal.payments.stripe.gateway import (
    CheckoutOrder,
    StripeRefused,
    StripeUnavailable,
    at,
)
from portal.payments.stripe.plans import find_plan
from portal.payments.stripe.subscriptions import free_plan
from portal.regions.catalogue import Region
from portal.services import Act, Services

log = get_logger()

CHECKOUT_LIFE = timedelta(hours=23)
LOOK_UPS_A_MINUTE = 4


def page_url(gift: Gift) -> str:
    """The gift's own page, without the site's address."""
    return f"/gift/{gift.token}"


def find_checkout(session: Session, gift: Gift, now: datetime) -> Checkout | None:
    """The hand-off of a gift that still holds."""
    return session.scalar(
        sa.select(Checkout)
        .where(
            Checkout.gift_id == gift.id,
            Checkout.state.in_(("new", "open")),
            Checkout.expires_at > now + timedelta(minutes=1),
        )
        .order_by(Checkout.id.desc())
        .limit(1)
    )


def open_checkout(act: Act, gift: Gift, caller: Caller) -> Checkout | None:
    """The hand-off that still holds, or a new row for one, where `admit` lets it begin.

    The gift must be locked or new, so that two at once open one. The rows of `admit` are locked
    after the gift's, here as everywhere.

    None where the gift's plan follows a subscription: a second would charge beside it.
    """
    checkout = find_checkout(act.session, gift, act.now)
    if checkout is not None and checkout.url:
        return checkout
    plan = find_plan(act.session, gift)
    if plan is not None and plan.stripe_subscription_id is not None:
        return None
    if checkout is not None:
        return checkout
    admit(act, caller)
    checkout = Checkout(
        gift_id=gift.id,
        url="",
        state="new",
        expires_at=act.now + CHECKOUT_LIFE,
        created_at=act.now,
    )
    act.session.add(checkout)
    act.session.flush()
    return checkout


def end_earlier(services: Services, gift: Gift) -> bool:
    """End the subscription of an attempt that failed; False where Stripe can't be asked."""
    try:
        free_plan(services, gift.id)
    except (StripeUnavailable, StripeRefused) as error:
        log.warning("subscription_not_ended", gift_id=gift.id, why=type(error).__name__)
        return False
    return True


def hand_off(services: Services, region: Region, gift: Gift, checkout: Checkout) -> str:
    """Where the donor pays: Stripe's page, or the gift's own when Stripe can't be had."""
    if checkout.url:
        return checkout.url
    try:
        made = services.gateway.create_checkout(_checkout_order(services, region, gift, checkout))
    except (StripeUnavailable, StripeRefused) as error:
        log.warning("hand_off_failed", gift_id=gift.id, why=type(error).__name__)
        _note_trouble(services, gift, checkout, error)
        return f"{page_url(gift)}?trouble=1"
    url = str(made["url"])
    with services.write() as act:
        act.session.execute(
            sa.update(Checkout)
            .where(Checkout.id == checkout.id)
            .values(
                stripe_session_id=made["id"],
                url=url,
                state=made["status"],
                expires_at=at(made["expires_at"]),
            )
        )
        record_event(act, gift, "handed_off", actor="system")
    return url


def _checkout_order(
    services: Services, region: Region, gift: Gift, checkout: Checkout
) -> CheckoutOrder:
    mode, fund = region.mode(gift.mode), region.fund(gift.fund)
    with services.database.read() as session:
        installation = find_installation(session)
    page = f"{services.settings.base_url}{page_url(gift)}"
    with use_locale(gift.locale):
        what = gettext(
            "Gift to %(issuer)s: %(fund)s",
            issuer=region.issuer.legal_name,
            fund=pick(fund.names) if fund else gift.fund,
        )
    return CheckoutOrder(
        key=f"checkout-{gift.reference}-{checkout.id}",
        reference=gift.reference,
        money=gift.money,
        monthly=gift.frequency == Frequency.MONTHLY,
        description=what,
        email=gift.email,
        locale=gift.locale,
        success_url=f"{page}?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=f"{page}?cancelled=1",
        expires_at=checkout.expires_at,
        installation=installation,
        allowed_types=mode.stripe_allowed if mode else (),
        excluded_types=mode.stripe_excluded if mode else (),
    )


def _note_trouble(services: Services, gift: Gift, checkout: Checkout, error: Exception) -> None:
    """Keep the hand-off for another try, unless Stripe refused this very request."""
    with services.write() as act:
        if isinstance(error, StripeRefused):
            act.session.execute(
                sa.update(Checkout).where(Checkout.id == checkout.id).values(state="refused")
            )
        record_event(act, gift, "hand_off_failed", actor="system", why=type(error).__name__)


def may_look_up(services: Services, gift: Gift) -> bool:
    """Whether a donor's return is looked up: few of one gift a minute, as each asks Stripe.

    Nobody is turned away for it: the webhook or the comparison tells the same.
    """
    with services.database.write() as session:
        return limits.hit(
            session,
            "returns",
            gift.reference,
            limit=LOOK_UPS_A_MINUTE,
            seconds=60,
            now=services.now(),
        )


def look_up_return(services: Services, gift: Gift, *, session_id: str) -> bool:
    """The donor is back from Stripe: ask how it went, and book it if we are first.

    A session that is not this gift's is not asked about. False where Stripe doesn't answer;
    then the webhook will tell.
    """
    with services.database.read() as session:
        known = session.scalar(
            sa.select(Checkout.id).where(
                Checkout.gift_id == gift.id, Checkout.stripe_session_id == session_id
            )
        )
    if known is None or gift.status.is_received:
        return True
    try:
        look_up_checkout(services, session_id)
    except (StripeUnavailable, StripeRefused) as error:
        log.warning("return_not_looked_up", gift_id=gift.id, why=type(error).__name__)
        return isinstance(error, StripeRefused)
    return True
