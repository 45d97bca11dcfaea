"""A gift's page put together from all that is known of the gift."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import abort, current_app, g, render_template
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from portal.codes.matches import ToldMatch, find_match
from portal.codes.models import find_code
from portal.forms import Problem
from portal.gifts.lifecycle import FactKind, Status, weigh
from portal.gifts.models import Gift, Plan
from portal.gifts.queries import find_gift_by_token, find_plan, list_facts
from portal.giving.form.fields import FormQuery, choose_locale
from portal.giving.gift.transfer import Transfer, make_sheet
from portal.giving.gift.words import (
    Arrival,
    name_fund,
    name_mode,
    tell_match,
    tell_plan,
    tell_receipt,
    tell_status,
)
from portal.giving.texts import StatusMessage
from portal.giving.visitors import catalogue, keep_private
from portal.i18n import set_locale
from portal.intake.change_mode import OtherWay, list_other_ways
from portal.intake.checkout import page_url
from portal.mail.outbox import has_failing
from portal.money import Money
from portal.payments.proofs import ACCEPTED, list_proofs
from portal.payments.transfers import find_watch
from portal.receipts.register import Receipt, find_receipt
from portal.regions.catalogue import Mode, Region
from portal.web import services, utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftActions:
    """Each is whether it may be done now.

    `send` is to send money by instructions, which wait folded once `is_sent`; `begin_anew`
    leads to the form with this gift's choices, `give_again` to an empty one.
    """

    pay: bool
    check_again: bool
    send: bool
    is_sent: bool
    say_paid: bool
    send_proof: bool
    change_mode: bool
    begin_anew: bool
    give_again: bool
    change_monthly: bool


def list_actions(
    gift: Gift,
    message: StatusMessage,
    arrival: Arrival,
    *,
    transfer: Transfer | None,
    ways: Sequence[OtherWay],
    plan: Plan | None,
    has_region: bool,
) -> GiftActions:
    """What may be done; `transfer` is None but for an open gift that is paid by instructions."""
    is_waiting = gift.status is Status.EXPIRED or (
        gift.status is Status.PENDING and arrival is Arrival.RETURNED
    )
    has_no_way = has_region and not ways
    return GiftActions(
        pay=message.can_pay,
        check_again=message.can_pay and is_waiting,
        send=transfer is not None,
        is_sent=transfer is not None and transfer.is_awaited,
        say_paid=transfer is not None and not transfer.is_said_paid,
        send_proof=transfer is not None and transfer.takes_proofs,
        change_mode=bool(ways),
        begin_anew=has_no_way and gift.status.is_open,
        give_again=has_no_way and not gift.status.is_open,
        change_monthly=plan is not None and plan.running is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyActions:
    """What may be done with a monthly gift: change its card, stop it, begin another."""

    change_card: bool
    stop: bool
    begin_anew: bool


def list_monthly_actions(plan: Plan, *, has_region: bool) -> MonthlyActions:
    goes_on = plan.running is not None
    return MonthlyActions(
        change_card=goes_on and plan.stripe_customer_id is not None,
        stop=goes_on,
        begin_anew=not goes_on and has_region,
    )


TOKEN = re.compile(r"[\w-]{1,32}", re.ASCII)


def find_gift(token: str) -> Gift:
    """The gift of an address, its language set; a page that isn't there otherwise."""
    if not TOKEN.fullmatch(token):
        abort(404)
    with services().database.read() as session:
        found = find_gift_by_token(session, token)
    if found is None:
        abort(404)
    set_locale(found.locale)
    return found


def region_and_mode(found: Gift) -> tuple[Region | None, Mode | None]:
    """Where a gift belongs, and how it is paid, as far as the catalogue still knows."""
    try:
        home = catalogue().home_of(found)
    except LookupError:
        return None, None
    return home.region, home.mode


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known of a gift beside its own row."""

    received: Money
    transfer: Transfer | None
    receipt: Receipt | None
    ways: Sequence[OtherWay]
    plan: Plan | None
    landing: str
    match: ToldMatch | None
    is_mail_failing: bool


def _ask_about(found: Gift, region: Region | None, mode: Mode | None) -> _Known:
    with services().database.read() as session:
        received, was_taken_back = _count(session, found)
        return _Known(
            received=received,
            transfer=_transfer(session, found, mode, received, was_taken_back=was_taken_back),
            receipt=find_receipt(session, found.id) if found.status.is_received else None,
            ways=list_other_ways(session, catalogue(), region, found) if region else [],
            plan=find_plan(session, found),
            landing=_find_landing(session, found),
            match=find_match(session, found.id) if found.is_matched else None,
            is_mail_failing=has_failing(session, found.id),
        )


def show_gift(
    found: Gift,
    arrival: Arrival = Arrival.NONE,
    *,
    problem: Problem | None = None,
    status: int = 200,
) -> Response:
    """The page; `problem` is what was wrong with what was just sent from it."""
    region, mode = region_and_mode(found)
    known = _ask_about(found, region, mode)
    message = tell_status(found, arrival, known.transfer, known.received)
    to_send = known.transfer if found.status.is_open else None
    actions = list_actions(
        found,
        message,
        arrival,
        transfer=to_send,
        ways=known.ways,
        plan=known.plan,
        has_region=region is not None,
    )
    page = f"{services().settings.base_url}{page_url(found)}"
    g.csp_form_action = ("'self'", *services().providers.pay_origins)
    return render_page(
        "giving/gift.html",
        found,
        message,
        status=status,
        actions=actions,
        transfer=to_send,
        sheet=make_sheet(found, to_send, page) if to_send else None,
        problem=problem,
        accepted=ACCEPTED,
        most_megabytes=services().settings.upload_megabytes,
        reload_url=page_url(found),
        form_url=form_url(found, region) if region else "",
        **_tell(found, known, region, mode),
    )


def _tell(found: Gift, known: _Known, region: Region | None, mode: Mode | None) -> dict[str, Any]:
    """What is known, as the template writes it."""
    return {
        "mode": mode,
        "mode_name": name_mode(found, mode),
        "fund": name_fund(found, region),
        "day": _day_of(found),
        "ways": known.ways,
        "receipt": known.receipt,
        "receipt_note": tell_receipt(found, known.receipt, is_mail_failing=known.is_mail_failing),
        "is_mail_failing": known.is_mail_failing,
        "is_monthly": found.plan_id is not None,
        "plan_message": _tell_plan(known.plan, region),
        "match": tell_match(found, known.match) if known.match else None,
        "landing": known.landing,
        "landing_host": urlsplit(known.landing).hostname,
    }


def render_page(
    template: str, found: Gift, message: StatusMessage, *, status: int = 200, **values: object
) -> Response:
    """One of a gift's own pages: its message at the top, its issuer at the foot, kept by nobody."""
    region, _ = region_and_mode(found)
    html = render_template(
        template,
        gift=found,
        message=message,
        region=region,
        issuer=region.issuer if region else None,
        support_email=support_email(region),
        **values,
    )
    return keep_private(current_app.make_response((html, status)))


def _count(session: Session, found: Gift) -> tuple[Money, bool]:
    """What has come so far, and whether all that came was taken back."""
    facts = list_facts(session, found.id)
    received = Money(weigh(found.amount_minor, facts).paid_minor, found.currency)
    withdrawn = any(fact.kind is FactKind.WITHDRAWN for fact in facts)
    return received, withdrawn and not received


def _transfer(
    session: Session, found: Gift, mode: Mode | None, received: Money, *, was_taken_back: bool
) -> Transfer | None:
    if mode is None or not mode.is_instructed:
        return None
    return Transfer(
        mode=mode,
        received=received,
        due=found.money - received if received < found.money else found.money,
        watch=find_watch(session, found.id),
        proofs=list_proofs(session, found.id),
        was_taken_back=was_taken_back,
        now=utc_now(),
    )


def support_email(region: Region | None) -> str:
    return services().settings.support_email or (region.issuer.email if region else "")


def _find_landing(session: Session, found: Gift) -> str:
    """Where the code of a gift that has come leads its donor on to; nowhere without one."""
    is_come = found.code and found.status.is_received
    code = find_code(session, found.code) if is_come and found.code else None
    return code.landing if code else ""


def _tell_plan(plan: Plan | None, region: Region | None) -> StatusMessage | None:
    return tell_plan(plan, region.issuer.timezone if region else "UTC") if plan else None


def form_url(found: Gift, region: Region, **choices: str) -> str:
    """The form with this gift's choices, but for code and mode where `choices` don't say them."""
    query = FormQuery(
        region=region.slug,
        locale=choose_locale(region, found.locale),
        amount=(found.money - found.cover).plain(),
        currency=found.currency,
        fund=found.fund,
        frequency=found.frequency,
    )
    return query.address(**choices)


def _day_of(found: Gift) -> datetime:
    return found.received_at or found.created_at
