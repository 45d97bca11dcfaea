"""Handing a kept gift to who takes its payment, and looking up how it went afterwards.

The hand-off's row is committed before the provider is called, and no transaction is open while
it is asked.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from portal import limits
from portal.codes.terms import Frequency
from portal.database import table_of
from portal.gifts.evidence import Claim, Provider, Source
from portal.gifts.lifecycle import EventKind, FactKind, Status
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift, record_event
from portal.gifts.queries import find_plan
from portal.i18n import gettext, pick, use_locale
from portal.intake.admission import TURN_HOLDS, Caller, TooManyTries, admit, turn_url
from portal.limits import Limit
from portal.logs import get_logger
from portal.payments.models import Checkout, CheckoutState, find_installation
from portal.payments.operations import accept_for
from portal.payments.providers import (
    PayOrder,
    ProviderBusy,
    ProviderRefused,
    ProviderUnavailable,
)
from portal.payments.transfers import TransferWatch
from portal.regions.catalogue import Region
from portal.services import Act, Services

log = get_logger()

CHECKOUT_LIFE = timedelta(hours=23)
LOOK_UPS_A_MINUTE = 4
# What may still be paid.
HOLDING = (CheckoutState.NEW, CheckoutState.OPEN)


def page_url(gift: Gift) -> str:
    """The gift's own page, without the site's address."""
    return f"/gift/{gift.token}"


def find_checkout(session: Session, gift: Gift, now: datetime) -> Checkout | None:
    """The hand-off of a gift that still holds."""
    return session.scalar(
        sa.select(Checkout)
        .where(
            Checkout.gift_id == gift.id,
            Checkout.state.in_(HOLDING),
            Checkout.expires_at > now + timedelta(minutes=1),
        )
        .order_by(Checkout.id.desc())
        .limit(1)
    )


def list_open_sessions(session: Session, gift_id: int) -> list[tuple[Provider, str]]:
    """A gift's hand-offs that can be paid: whose each is, and what they call it."""
    found = session.execute(
        sa.select(Checkout.provider, Checkout.stripe_session_id).where(
            Checkout.gift_id == gift_id, Checkout.state == CheckoutState.OPEN
        )
    )
    return [(provider, session_id) for provider, session_id in found if session_id]


def open_checkout(
    act: Act,
    gift: Gift,
    caller: Caller,
    *,
    tries: Limit | None = None,
    is_new: bool = False,
) -> Checkout | None:
    """The hand-off that still holds, or a new row for one, where `admit` lets it begin.

    `tries` are counted either way. The gift must be locked, or `is_new`: made by this act; so two
    at once open one. The rows of `admit` are locked after the gift's, here as everywhere.

    None where the gift's plan follows a subscription: a second would charge beside it.
    """
    checkout = None if is_new else find_checkout(act.session, gift, act.now)
    is_open = checkout is not None and bool(checkout.url)
    is_over = not is_new and not is_open and is_charged(act.session, gift)
    if checkout is None and not is_over:
        admit(act, caller, tries)
        return _add_checkout(act, gift)
    if tries is not None and not all(limits.hit_all(act.session, tries, now=act.now)):
        raise TooManyTries
    return None if is_over else checkout


def is_charged(session: Session, gift: Gift) -> bool:
    """Whether the gift's plan follows a subscription by now."""
    plan = find_plan(session, gift)
    return plan is not None and plan.stripe_subscription_id is not None


def _add_checkout(act: Act, gift: Gift) -> Checkout:
    row = {
        "gift_id": gift.id,
        "provider": _provider_of(act, gift),
        "stripe_session_id": None,
        "url": "",
        "state": CheckoutState.NEW,
        "expires_at": act.now + CHECKOUT_LIFE,
        "created_at": act.now,
    }
    return Checkout(id=act.session.scalars(_ADD, row).one(), **row)


def _provider_of(act: Act, gift: Gift) -> Provider:
    """Who takes the payments of the gift's mode; a gift that is instructed is never handed off."""
    mode = act.catalogue.home_of(gift).mode
    if mode is None or mode.provider is None:
        raise ValueError("nobody takes this mode of payment")
    return Provider(mode.provider)


def end_earlier(services: Services, gift: Gift) -> bool:
    """End the subscription of an attempt that failed; False where that can't be asked for.

    `ProviderBusy` where its provider is.
    """
    with services.database.read() as session:
        plan = find_plan(session, gift)
    if plan is None or plan.stripe_subscription_id is None:
        return True
    try:
        services.providers.get_monthly(plan.provider).free(services, gift.id)
    except ProviderBusy:
        raise
    except (ProviderUnavailable, ProviderRefused) as error:
        log.warning("subscription_not_ended", gift_id=gift.id, why=type(error).__name__)
        return False
    return True


def hand_off(
    services: Services,
    region: Region,
    gift: Gift,
    checkout: Checkout,
    *,
    installation: str = "",
    has_waited: bool = False,
) -> str:
    """Where the donor pays: the provider's page, or the gift's own when that can't be had.

    Where the provider is busy, a page that leads on by itself. `installation` is this one's id,
    where the caller knows it; `has_waited` says that the donor comes from that page.
    """
    if checkout.url:
        return checkout.url
    try:
        provider = services.providers.get(checkout.provider)
        installation = installation or _find_installation(services)
        order = _pay_order(services, region, gift, checkout, installation)
        made = provider.hand_off(replace(order, has_waited=has_waited))
    except ProviderBusy as busy:
        log.info("hand_off_waits", gift_id=gift.id, seconds=round(busy.seconds, 1))
        due = services.now() + timedelta(seconds=busy.seconds)
        return turn_url(services.settings, gift.token, due)
    except (ProviderUnavailable, ProviderRefused) as error:
        log.warning("hand_off_failed", gift_id=gift.id, why=type(error).__name__)
        _note_trouble(services, gift, checkout, error)
        return f"{page_url(gift)}?trouble=1"
    with services.write() as act:
        opened = {
            "wanted": checkout.id,
            "stripe_session_id": made.session_id,
            "url": made.url,
            "state": made.state,
            "expires_at": made.expires_at,
        }
        act.session.execute(_OPENED, opened)
        record_event(act, gift, EventKind.HANDED_OFF, actor="system")
    return made.url


def go_on(services: Services, region: Region, gift: Gift, due: datetime) -> str:
    """Where a donor pays whose turn it is: what was begun is handed off, and nothing else."""
    now = services.now()
    with services.database.read() as session:
        checkout = find_checkout(session, gift, now)
        is_over = not gift.status.is_open or is_charged(session, gift)
    if checkout is None or is_over:
        return page_url(gift)
    return hand_off(services, region, gift, checkout, has_waited=now <= due + TURN_HOLDS)


_ROWS = table_of(Checkout)
_ADD = sa.insert(_ROWS).returning(_ROWS.c.id)
_OPENED = (
    sa.update(_ROWS)
    .where(_ROWS.c.id == sa.bindparam("wanted"))
    .values(
        {name: sa.bindparam(name) for name in ("stripe_session_id", "url", "state", "expires_at")}
    )
)


def _find_installation(services: Services) -> str:
    with services.database.read() as session:
        return find_installation(session)


def _pay_order(
    services: Services, region: Region, gift: Gift, checkout: Checkout, installation: str
) -> PayOrder:
    fund = region.fund(gift.fund)
    with use_locale(gift.locale):
        what = gettext(
            "Gift to %(issuer)s: %(fund)s",
            issuer=region.issuer.legal_name,
            fund=pick(fund.names) if fund else gift.fund,
        )
    return PayOrder(
        key=f"checkout-{gift.reference}-{checkout.id}",
        reference=gift.reference,
        money=gift.money,
        monthly=gift.frequency == Frequency.MONTHLY,
        description=what,
        email=gift.email,
        locale=gift.locale,
        page_url=f"{services.settings.base_url}{page_url(gift)}",
        expires_at=checkout.expires_at,
        installation=installation,
        mode=region.mode(gift.mode),
    )


def _note_trouble(services: Services, gift: Gift, checkout: Checkout, error: Exception) -> None:
    """Keep the hand-off for another try, unless this very request was refused."""
    with services.write() as act:
        if isinstance(error, ProviderRefused):
            refused = sa.update(Checkout).where(Checkout.id == checkout.id)
            act.session.execute(refused.values(state=CheckoutState.REFUSED))
        record_event(act, gift, EventKind.HAND_OFF_FAILED, actor="system", why=type(error).__name__)


def may_look_up(services: Services, gift: Gift) -> bool:
    """Whether a donor's return is looked up: few of one gift a minute, as each is a call.

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


def was_handed_off(services: Services, gift: Gift, session_id: str) -> bool:
    """Whether a gift was handed off by a provider's id of this name."""
    with services.database.read() as session:
        return _find_provider(session, gift, session_id) is not None


def _find_provider(session: Session, gift: Gift, session_id: str) -> Provider | None:
    """Who made one of a gift's hand-offs."""
    return session.scalar(
        sa.select(Checkout.provider).where(
            Checkout.gift_id == gift.id, Checkout.stripe_session_id == session_id
        )
    )


def look_up_return(services: Services, gift: Gift, *, session_id: str) -> bool:
    """The donor is back from a pay page: ask how it went, and book it if we are first.

    A session that is not this gift's is not asked about. False where there is no answer; then
    the webhook will tell. `ProviderBusy` where it takes no question just now.
    """
    with services.database.read() as session:
        provider = _find_provider(session, gift, session_id)
    if provider is None or gift.status.is_received:
        return True
    try:
        services.providers.get(provider).look_up(services, session_id)
    except ProviderBusy:
        raise
    except (ProviderUnavailable, ProviderRefused) as error:
        log.warning("return_not_looked_up", gift_id=gift.id, why=type(error).__name__)
        return isinstance(error, ProviderRefused)
    return True


# The end of a hand-off is known so long after it at the latest.
LAPSE_GRACE = timedelta(minutes=10)


def lapse_unbegun(services: Services, *, most: int = 100) -> int:
    """Give up at most so many gifts that hold a use of a code and never got a page to pay on.

    Their provider knows nothing of them and will never say that their time is over. How many.
    """
    until = services.now() - LAPSE_GRACE
    with services.database.read() as session:
        due = session.execute(_unbegun(until).limit(most)).all()
    for checkout_id, gift_id in due:
        with services.write() as act:
            gift = lock_gift(act.session, gift_id)
            # It may have been begun, or paid otherwise, while this looked.
            wanted = _unbegun(until).where(Checkout.id == checkout_id)
            if act.session.execute(wanted).first() is not None:
                _lapse(act, gift, checkout_id)
    return len(due)


def _unbegun(until: datetime) -> sa.Select[int, int]:
    later, watched = aliased(Checkout), TransferWatch.next_at.is_not(None)
    return (
        sa.select(Checkout.id, Checkout.gift_id)
        .join(Gift, Gift.id == Checkout.gift_id)
        .where(
            Checkout.state.in_((CheckoutState.NEW, CheckoutState.REFUSED)),
            Checkout.expires_at < until,
            Gift.is_counted,
            Gift.status == Status.PENDING,
            ~sa.exists().where(later.gift_id == Checkout.gift_id, later.id > Checkout.id),
            ~sa.exists().where(TransferWatch.gift_id == Checkout.gift_id, watched),
        )
    )


def _lapse(act: Act, gift: Gift, checkout_id: int) -> None:
    claim = Claim(
        fact=FactKind.EXPIRED,
        subject=f"checkout-{gift.reference}-{checkout_id}",
        occurred_at=act.now,
        source=Source.SYSTEM,
        actor="system",
        why="no page to pay on could be had",
    )
    accept_for(act, gift, [claim])
