"""A monthly gift as its donor changes it: the amount, a pause, another card, another try, its end.

A page says "saved" once the provider was asked again and says the same.
"""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from flask import abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal import limits
from portal.account.access import account, current_account
from portal.account.home import coded, home_of, name_fund, name_plan_state
from portal.codes.models import find_code
from portal.codes.policy import open_terms, region_terms
from portal.codes.refusals import Refusal, Refuser
from portal.forms import AmountField, ChoiceField, PortalForm, Problem
from portal.gifts.models import Gift, Plan, PlanStatus
from portal.i18n import gettext, pick
from portal.logs import get_logger
from portal.money import Money
from portal.payments.providers import Monthly, ProviderBusy, ProviderRefused, ProviderUnavailable
from portal.records.own import OwnPlan, find_plan_of
from portal.regions.catalogue import CurrencyOption, Region
from portal.signin.donor_accounts import find_own
from portal.web import format_date, services, utc_now

log = get_logger()
CHANGES_AN_HOUR = 20
# Months of a pause; longer ones are an end.
PAUSES = (1, 2, 3, 6, 12)


class AmountForm(PortalForm):
    amount = AmountField()


class PauseForm(PortalForm):
    months = ChoiceField(ask="Choose until when to pause")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.months.options = tuple(str(number) for number in PAUSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """What may be done with a monthly gift now."""

    change: bool
    pause: bool
    resume: bool
    retry: bool
    card: bool
    stop: bool
    begin_anew: bool


def list_actions(plan: Plan, *, has_region: bool) -> Actions:
    """One that comes to its end, or is over, is changed no more."""
    goes_on = plan.running is not None
    stays = goes_on and plan.cancel_at is None
    return Actions(
        change=stays and has_region,
        pause=stays and plan.status is PlanStatus.ACTIVE,
        resume=stays and plan.status is PlanStatus.PAUSED,
        retry=goes_on and plan.status is PlanStatus.PAST_DUE,
        card=goes_on and plan.stripe_customer_id is not None,
        stop=goes_on,
        begin_anew=not goes_on and has_region,
    )


@account.get("/monthly/<token>")
def plan(token: str) -> ResponseReturnValue:
    return _show(_find(token))


def _find(token: str) -> OwnPlan:
    with services().database.read() as session:
        found = find_plan_of(session, find_own(session, current_account().id), token)
    return found or abort(404)


def _show(
    one: OwnPlan,
    *,
    form: PortalForm | None = None,
    problem: Problem | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    g.csp_form_action = ("'self'", *services().providers.card_origins)
    zone = services().catalogue.timezone_of(one.gift.region)
    page = render_template(
        "account/plan.html",
        form=form or PortalForm(),
        amount_form=form if isinstance(form, AmountForm) else AmountForm(),
        pause_form=form if isinstance(form, PauseForm) else PauseForm(),
        problem=problem,
        state=_tell_state(one.plan, zone),
        started=format_date(one.plan.created_at, zone),
        pauses=[(str(number), format_date(_after(number), zone)) for number in PAUSES],
        **_describe(one),
    )
    return page, status


def _describe(one: OwnPlan) -> dict[str, object]:
    """What a monthly gift is, and what may be done with it."""
    home = home_of(one.gift)
    region = home.region if home else None
    provider = services().providers.find(one.plan.provider)
    return {
        "plan": one.plan,
        "gift": one.gift,
        "actions": list_actions(one.plan, has_region=region is not None),
        "amount": coded(one.plan.money),
        "bounds": _tell_bounds(one, region) if region else "",
        "fund": name_fund(one.gift, home),
        "mode": pick(home.mode.label) if home and home.mode else one.gift.mode,
        "provider": provider.title if provider else "",
        "form_url": _anew(one, region) if region else "",
    }


def _tell_state(plan: Plan, zone: str) -> str:
    if plan.status is PlanStatus.PAUSED and plan.paused_until is not None:
        day = format_date(plan.paused_until, zone)
        return gettext("Paused: nothing is taken until %(day)s.", day=day)
    return name_plan_state(plan, zone)


def _anew(one: OwnPlan, region: Region) -> str:
    """The form with what this monthly gift was."""
    said = {
        "amount": one.plan.money.plain(),
        "currency": one.plan.currency,
        "fund": one.gift.fund,
        "frequency": "monthly",
        "code": one.gift.code or "",
    }
    return f"/give/{region.slug}?{urlencode({key: text for key, text in said.items() if text})}"


def _after(months: int) -> datetime:
    """This moment so many months on; the last day of a month that is too short."""
    now = utc_now()
    year, month = divmod(now.year * 12 + now.month - 1 + months, 12)
    day = min(now.day, monthrange(year, month + 1)[1])
    return now.replace(year=year, month=month + 1, day=day, microsecond=0)


def _change(
    one: OwnPlan, name: str, do: Callable[[Monthly, int, str], None], said: str
) -> ResponseReturnValue:
    """Let the provider do it and say so, or say why not; `name` is the button's id."""
    _hold_to_limit()
    actor = current_account().actor
    try:
        do(services().providers.get_monthly(one.plan.provider), one.gift.id, actor)
    except (ProviderUnavailable, ProviderRefused) as error:
        log.warning("monthly_not_changed", gift_id=one.gift.id, why=type(error).__name__)
        # What it is now may have been learned on the way.
        status = 422 if isinstance(error, ProviderRefused) else 503
        return _show(_find(one.plan.token), problem=Problem(name, _explain(error)), status=status)
    log.info("monthly_changed", gift_id=one.gift.id, change=name)
    flash(said)
    return redirect(url_for("account.plan", token=one.plan.token), 303)


def _hold_to_limit() -> None:
    with services().database.write() as session:
        who = current_account().actor
        most = CHANGES_AN_HOUR
        if not limits.hit(session, "monthly", who, limit=most, seconds=3600, now=utc_now()):
            abort(429)


def _explain(error: Exception) -> str:
    if isinstance(error, ProviderRefused):
        return gettext(
            "The payment service refused this, so nothing was saved: %(reason)s",
            reason=error.message,
        )
    if isinstance(error, ProviderBusy):
        return gettext("The payment service is busy at this moment. Try again in a minute.")
    return gettext(
        "We can’t reach the payment service just now. Look again in a minute: this page shows "
        "what holds."
    )


@account.post("/monthly/<token>/amount")
def change_amount(token: str) -> ResponseReturnValue:
    """Another amount from the next charge, within what a new gift could be."""
    one, form = _find(token), AmountForm(request.form)
    home = home_of(one.gift)
    form.amount.currency = one.plan.currency
    if home is None or not list_actions(one.plan, has_region=True).change:
        return redirect(url_for("account.plan", token=token), 303)
    if not form.validate() or not _fits(form, one, home.region):
        return _show(one, form=form, status=422)
    money = form.amount.data

    def do(monthly: Monthly, gift_id: int, actor: str) -> None:
        monthly.change_amount(services(), gift_id, money, actor=actor)

    said = gettext("Saved: from the next time on, %(amount)s is taken.", amount=coded(money))
    return _change(one, "change", do, said)


def _fits(form: AmountForm, one: OwnPlan, region: Region) -> bool:
    """Whether it is neither too little nor too much; else the form says so."""
    option, refuser = _read_limits(one.gift, region)
    money: Money = form.amount.data
    if option is None:
        return True
    refusal = None
    if money < option.minimum:
        refusal = refuser.under_minimum(option.minimum)
    elif money > option.maximum:
        refusal = refuser.over_maximum(option.maximum)
    if refusal is not None:
        form.refuse("amount", refusal.sentence)
    return refusal is None


def _read_limits(gift: Gift, region: Region) -> tuple[CurrencyOption | None, Refuser]:
    """The limits of the gift's code where that still holds, else those of its region."""
    catalogue = services().catalogue
    with services().database.read() as session:
        code = find_code(session, gift.code) if gift.code else None
    terms = open_terms(code, region, utc_now(), catalogue)
    if isinstance(terms, Refusal):
        terms = region_terms(region)
    return terms.option(gift.currency), Refuser(terms.display, region, catalogue)


def _tell_bounds(one: OwnPlan, region: Region) -> str:
    option, _ = _read_limits(one.gift, region)
    if option is None:
        return ""
    least, most = coded(option.minimum), coded(option.maximum)
    return gettext("From %(least)s to %(most)s.", least=least, most=most)


@account.post("/monthly/<token>/pause")
def pause(token: str) -> ResponseReturnValue:
    """Nothing is taken until a day; a pause has an end."""
    one, form = _find(token), PauseForm(request.form)
    if not list_actions(one.plan, has_region=True).pause:
        return redirect(url_for("account.plan", token=token), 303)
    if not form.validate():
        return _show(one, form=form, status=422)
    until = _after(int(form.months.data))

    def do(monthly: Monthly, gift_id: int, actor: str) -> None:
        monthly.pause(services(), gift_id, until, actor=actor)

    day = format_date(until, services().catalogue.timezone_of(one.gift.region))
    return _change(one, "pause", do, gettext("Saved: nothing is taken until %(day)s.", day=day))


@account.post("/monthly/<token>/resume")
def resume(token: str) -> ResponseReturnValue:
    def do(monthly: Monthly, gift_id: int, actor: str) -> None:
        monthly.resume(services(), gift_id, actor=actor)

    return _change(_find(token), "resume", do, gettext("Saved: your monthly gift goes on."))


@account.post("/monthly/<token>/retry")
def retry(token: str) -> ResponseReturnValue:
    def do(monthly: Monthly, gift_id: int, actor: str) -> None:
        monthly.try_again(services(), gift_id, actor=actor)

    return _change(_find(token), "retry", do, gettext("The payment went through. Thank you."))


@account.post("/monthly/<token>/stop")
def stop(token: str) -> ResponseReturnValue:
    """End it now, as its gift's own page does."""

    def do(monthly: Monthly, gift_id: int, actor: str) -> None:
        monthly.stop(services(), gift_id, actor=actor)

    return _change(_find(token), "stop", do, gettext("Your monthly gift has ended"))


@account.post("/monthly/<token>/card")
def card(token: str) -> ResponseReturnValue:
    """On to the provider's page, where the card or account is kept and can be changed."""
    one = _find(token)
    customer = one.plan.stripe_customer_id
    if customer is None or not list_actions(one.plan, has_region=True).card:
        return redirect(url_for("account.plan", token=token), 303)
    _hold_to_limit()
    back = f"{services().settings.base_url}{url_for('account.plan', token=token)}"
    try:
        cards = services().providers.get_monthly(one.plan.provider)
        url = cards.open_card_page(customer, locale=one.gift.locale, return_url=back)
    except (ProviderUnavailable, ProviderRefused) as error:
        log.warning("billing_page_not_opened", gift_id=one.gift.id, why=type(error).__name__)
        return _show(one, problem=Problem("card", _explain(error)), status=503)
    return redirect(url, 303)
