"""Paying a gift that is kept: once more, or by another mode; never a second gift.

The terms are those that held when the gift was promised. A change never makes a gift dearer:
what was added for processing is lowered to the new mode's fee or left out, and never added
again, because nobody was asked about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from portal import limits
from portal.codes import uses
from portal.codes.models import find_code
from portal.codes.policy import Terms, decide, refuse_use
from portal.codes.refusals import refuse_unknown_code
from portal.codes.terms import Code, Frequency, Pledge
from portal.gifts.evidence import name_of
from portal.gifts.lifecycle import EventKind, Status
from portal.gifts.models import Gift, Plan
from portal.gifts.operations import lock_gift, record_event
from portal.gifts.queries import list_ledger_entries
from portal.intake.admission import Caller, TooManyTries
from portal.intake.checkout import (
    HOLDING,
    end_earlier,
    find_checkout,
    hand_off,
    list_open_sessions,
    look_up_return,
    open_checkout,
    page_url,
)
from portal.intake.start import NotAllowed, instruct
from portal.logs import get_logger
from portal.money import Money
from portal.payments.models import Checkout, CheckoutState
from portal.payments.providers import ProviderBusy, ProviderRefused, ProviderUnavailable
from portal.payments.transfers import end_watch, reopen
from portal.regions.catalogue import Catalogue, Mode, Region
from portal.services import DONOR, Act, Services

log = get_logger()

ATTEMPTS_AN_HOUR = 20


class ModeNotOffered(Exception):
    """The gift can't be paid so: its region, code, currency or frequency doesn't allow it."""


@dataclass(frozen=True, slots=True)
class OtherWay:
    """Another mode, and what the whole gift would be with it."""

    mode: Mode
    total: Money


def list_other_ways(
    session: Session, catalogue: Catalogue, region: Region, gift: Gift
) -> list[OtherWay]:
    """The modes a gift that is still open may change to, in the order its terms show them."""
    if not gift.status.is_open:
        return []
    code = _find_code(session, gift)
    is_part = gift.status is Status.PARTLY_PAID
    ways = []
    fund = region.fund(gift.fund)
    for mode in _in_order(region, (code and code.modes) or (fund.modes if fund else ())):
        terms = decide(code, _pledge(gift, mode), gift.created_at, catalogue)
        # A pay page asks for a whole amount, not for the rest of a part.
        is_possible = mode.is_instructed or not is_part
        if mode.key != gift.mode and isinstance(terms, Terms) and is_possible:
            ways.append(OtherWay(mode, _total(session, gift, mode)))
    return ways


def _find_code(session: Session, gift: Gift) -> Code | None:
    """The code of a gift, which has its use already: what became of it since matters not."""
    code = find_code(session, gift.code) if gift.code else None
    return code.as_promised() if code else None


def _in_order(region: Region, keys: Sequence[str]) -> list[Mode]:
    """The region's modes, in a code's or a fund's order where it has one."""
    found = [region.mode(key) for key in keys] if keys else list(region.modes)
    return [mode for mode in found if mode is not None]


def _pledge(gift: Gift, mode: Mode) -> Pledge:
    return Pledge(
        given=gift.money - gift.cover,
        cover=gift.cover,
        region=gift.region,
        fund=gift.fund,
        mode=mode.key,
        frequency=Frequency(gift.frequency),
        code=gift.code,
    )


def _total(session: Session, gift: Gift, mode: Mode) -> Money:
    """The gift by another mode: with no more for processing than was promised.

    Once money was booked for a gift, even if it was taken back, its amount stays.
    """
    if not gift.cover_minor or list_ledger_entries(session, gift.id):
        return gift.money
    given = gift.money - gift.cover
    return given + min(gift.cover, mode.cover(given))


def change_mode(services: Services, region: Region, gift: Gift, *, key: str, caller: Caller) -> str:
    """Let a gift be paid by the mode `key`; where its donor goes next.

    What is open at a provider is closed first, so that nobody pays twice; where that can't be
    asked for nothing changes. `ModeNotOffered`, `TooManyTries`, `WorkNeeded` and, where no use of
    its code is left, `NotAllowed` change nothing either.
    """
    with services.write(DONOR) as act:
        allowed = limits.hit(
            act.session,
            "attempts",
            caller.network,
            limit=ATTEMPTS_AN_HOUR,
            seconds=3600,
            now=act.now,
        )
        ways = list_other_ways(act.session, act.catalogue, region, gift)
    if not allowed:
        raise TooManyTries
    way = next((way for way in ways if way.mode.key == key), None)
    if way is None:
        if key == gift.mode or not gift.status.is_open:
            return page_url(gift)
        raise ModeNotOffered(key)
    try:
        is_free = _close_checkouts(services, gift) and end_earlier(services, gift)
    except ProviderBusy:
        return f"{page_url(gift)}?busy=1"
    if not is_free:
        return f"{page_url(gift)}?trouble=1"
    with services.write(DONOR) as act:
        changed = _change(act, region, gift.id, way.mode)
        checkout = None
        if changed is not None and not way.mode.is_instructed:
            checkout = open_checkout(act, changed, caller)
    if changed is None or checkout is None:
        return page_url(gift)
    return hand_off(services, region, changed, checkout)


def _close_checkouts(services: Services, gift: Gift) -> bool:
    """Close what is open at providers; False where one can't be asked.

    One that won't be closed is over, or was paid in another window: that is booked.
    """
    with services.database.read() as session:
        open_ones = list_open_sessions(session, gift.id)
    for provider, session_id in open_ones:
        try:
            services.providers.get(provider).close(session_id)
        except ProviderRefused:
            if not look_up_return(services, gift, session_id=session_id):
                return False
        except ProviderBusy:
            raise
        except ProviderUnavailable:
            log.warning("checkout_not_closed", gift_id=gift.id)
            return False
    return True


def _change(act: Act, region: Region, gift_id: int, mode: Mode) -> Gift | None:
    """Write the change, unless the gift was paid meanwhile."""
    gift = lock_gift(act.session, gift_id)
    if not gift.status.is_open or gift.mode == mode.key:
        return None
    take_use_again(act, region, gift)
    before = gift.mode
    _set_mode(act.session, gift, mode)
    ended = [name_of(*one) for one in list_open_sessions(act.session, gift.id)]
    act.session.execute(
        sa.update(Checkout)
        .where(Checkout.gift_id == gift.id, Checkout.state.in_(HOLDING))
        .values(state=CheckoutState.EXPIRED)
    )
    change = {"from": before, "to": mode.key}
    record_event(act, gift, EventKind.MODE_CHANGED, data=change)
    reopen(act, gift, why="paid another way", ended=ended)
    if mode.is_instructed:
        instruct(act, gift, mode)
    else:
        end_watch(act.session, gift.id)
    log.info("gift_mode_changed", gift_id=gift.id, mode=mode.key)
    return gift


def _set_mode(session: Session, gift: Gift, mode: Mode) -> None:
    """The row's mode, and its amount where nothing came yet; a monthly plan follows it."""
    total = _total(session, gift, mode)
    changed = {
        "mode": mode.key,
        "amount_minor": total.minor,
        "cover_minor": gift.cover_minor - (gift.amount_minor - total.minor),
    }
    session.execute(sa.update(Gift).where(Gift.id == gift.id).values(**changed))
    for name, value in changed.items():
        set_committed_value(gift, name, value)
    if gift.plan_id is not None:
        session.execute(
            sa.update(Plan).where(Plan.id == gift.plan_id).values(amount_minor=total.minor)
        )


def resume_gift(services: Services, region: Region, gift: Gift, *, caller: Caller) -> str:
    """Send the donor of an open gift to its pay page again; one that is paid to its own page.

    A monthly gift's earlier subscription is ended first; where that can't be, nothing is handed
    off. `NotAllowed` where the gift gave the use of its code back, and none is left.
    """
    with services.database.write() as session:
        allowed = limits.hit(
            session,
            "attempts",
            caller.network,
            limit=ATTEMPTS_AN_HOUR,
            seconds=3600,
            now=services.now(),
        )
        held = find_checkout(session, gift, services.now())
    if not allowed:
        raise TooManyTries
    is_held = held is not None and bool(held.url)
    try:
        if not is_held and not end_earlier(services, gift):
            return f"{page_url(gift)}?trouble=1"
    except ProviderBusy:
        return f"{page_url(gift)}?busy=1"
    with services.write(DONOR) as act:
        # Two clicks at once: the second waits here and finds the first one's hand-off.
        locked = lock_gift(act.session, gift.id)
        goes_on = _can_go_on(region, locked)
        checkout = None
        if goes_on:
            if take_use_again(act, region, locked):
                ended = () if is_held else list_open_sessions(act.session, locked.id)
                reopen(act, locked, why="paid again", ended=[name_of(*one) for one in ended])
            checkout = open_checkout(act, locked, caller)
    if checkout is None:
        return f"{page_url(gift)}?trouble=1" if goes_on else page_url(gift)
    return hand_off(services, region, locked, checkout)


def take_use_again(act: Act, region: Region, gift: Gift) -> bool:
    """Take a use of its code again for a gift that failed or ran out; whether it had given it back.

    `NotAllowed` where none is left, before there is a page to pay it on.
    """
    if not gift.is_counted or gift.status not in {Status.FAILED, Status.EXPIRED}:
        return False
    code = find_code(act.session, gift.code or "")
    try:
        uses.take_again(act.session, gift.id, code)
    except uses.NoUseLeft as left:
        refusal = refuse_use(code, region, act.catalogue, left.reason) if code else None
        raise NotAllowed(refusal or refuse_unknown_code(gift.code or "", region)) from left
    return True


def _can_go_on(region: Region, gift: Gift) -> bool:
    """Whether a pay page may take it: that asks for a whole amount, not the rest of a part."""
    mode = region.mode(gift.mode)
    is_charged = mode is not None and not mode.is_instructed
    return is_charged and gift.status.is_open and gift.status is not Status.PARTLY_PAID
