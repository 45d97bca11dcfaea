"""A monthly gift's page for its donor: change the card, or stop it."""

from flask import abort, g, redirect
from werkzeug.wrappers import Response

from portal.codes.terms import Frequency
from portal.forms import Problem
from portal.gifts.models import Gift, Plan
from portal.gifts.queries import find_plan
from portal.giving.gift.page import (
    find_gift,
    form_url,
    list_monthly_actions,
    region_and_mode,
    render_page,
    support_email,
)
from portal.giving.gift.words import name_fund, name_mode, tell_plan
from portal.giving.visitors import hold_to, keep_private
from portal.i18n import gettext
from portal.intake.checkout import page_url
from portal.intake.start import ATTEMPTS_AN_HOUR
from portal.logs import get_logger
from portal.payments.providers import ProviderRefused, ProviderUnavailable
from portal.regions.catalogue import Region
from portal.web import guard_public_post, services

log = get_logger()


def monthly(token: str) -> Response:
    """What is taken each month, and what can be done about it."""
    return _show(*_find(token))


def stop_monthly(token: str) -> Response:
    """End the monthly gift now; asked twice it is ended once."""
    guard_public_post()
    found, plan = _find(token)
    hold_to(ATTEMPTS_AN_HOUR, "attempts")
    try:
        services().providers.get_monthly(plan.provider).stop(services(), found.id, actor="donor")
    except (ProviderUnavailable, ProviderRefused) as error:
        log.warning("monthly_not_stopped", gift_id=found.id, why=type(error).__name__)
        return _show(found, plan, Problem("stop", _not_now(found)), 503)
    log.info("monthly_stopped", gift_id=found.id)
    return keep_private(redirect(f"{page_url(found)}/monthly", 303))


def change_card(token: str) -> Response:
    """On to the provider's page, where the card or account is kept and can be changed."""
    guard_public_post()
    found, plan = _find(token)
    hold_to(ATTEMPTS_AN_HOUR, "attempts")
    if plan.running is None or plan.stripe_customer_id is None:
        return keep_private(redirect(f"{page_url(found)}/monthly", 303))
    back = f"{services().settings.base_url}{page_url(found)}/monthly"
    try:
        cards = services().providers.get_monthly(plan.provider)
        url = cards.open_card_page(plan.stripe_customer_id, locale=found.locale, return_url=back)
    except (ProviderUnavailable, ProviderRefused) as error:
        log.warning("billing_page_not_opened", gift_id=found.id, why=type(error).__name__)
        return _show(found, plan, Problem("card", _not_now(found)), 503)
    return keep_private(redirect(url, 303))


def _find(token: str) -> tuple[Gift, Plan]:
    """A gift and the monthly gift it belongs to, once that has begun."""
    found = find_gift(token)
    with services().database.read() as session:
        plan = find_plan(session, found)
    if plan is None or plan.stripe_subscription_id is None:
        abort(404)
    return found, plan


def _not_now(found: Gift) -> str:
    region, _ = region_and_mode(found)
    return gettext(
        "We can’t reach the payment service just now, so nothing has changed. Try again in a "
        "minute, or write to %(email)s",
        email=support_email(region),
    )


def _anew(found: Gift, region: Region) -> str:
    """The form with all of this gift's choices."""
    return form_url(
        found, region, code=found.code or "", mode=found.mode, frequency=Frequency.MONTHLY
    )


def _show(found: Gift, plan: Plan, problem: Problem | None = None, status: int = 200) -> Response:
    region, mode = region_and_mode(found)
    timezone = region.issuer.timezone if region else "UTC"
    message = tell_plan(plan, timezone) or abort(404)
    g.csp_form_action = ("'self'", *services().providers.card_origins)
    provider = services().providers.find(plan.provider)
    return render_page(
        "giving/monthly.html",
        found,
        message,
        status=status,
        plan=plan,
        provider=provider.title if provider else "",
        actions=list_monthly_actions(plan, has_region=region is not None),
        problem=problem,
        timezone=timezone,
        fund=name_fund(found, region),
        mode_name=name_mode(found, mode),
        form_url=_anew(found, region) if region else "",
    )
