"""Ending a monthly gift for a donor who asked by other ways than their own page."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.gifts.models import Gift, Plan
from portal.gifts.queries import find_plan
from portal.i18n import gettext
from portal.payments.providers import ProviderBusy, ProviderRefused, ProviderUnavailable
from portal.payments.refunds import say_refused
from portal.staff.access import current_actor, staff
from portal.staff.forms import StopForm
from portal.staff.gifts.actions import goes_on
from portal.staff.gifts.views import find_gift
from portal.web import services


@staff.get("/gifts/<reference>/stop-monthly")
def stop_monthly(reference: str) -> ResponseReturnValue:
    gift, plan = _load(reference)
    return _show(gift, plan, StopForm())


@staff.post("/gifts/<reference>/stop-monthly")
def send_stop_monthly(reference: str) -> ResponseReturnValue:
    gift, plan = _load(reference)
    form = StopForm(request.form)
    if form.validate() and _stop(gift, plan, form):
        return redirect(url_for("staff.gift", reference=gift.reference), 303)
    return _show(gift, plan, form), 422


def _show(gift: Gift, plan: Plan | None, form: StopForm) -> str:
    return render_template(
        "staff/stop_monthly.html", gift=gift, plan=plan, form=form, goes_on=goes_on(plan)
    )


def _load(reference: str) -> tuple[Gift, Plan | None]:
    with services().database.read() as session:
        gift = find_gift(session, reference)
        return gift, find_plan(session, gift)


def _stop(gift: Gift, plan: Plan | None, form: StopForm) -> bool:
    """Whether it has ended; else the form says why not. The wish is on record before."""
    reason, name = form.reason.data, plan.provider if plan else None
    with services().write(current_actor()) as act:
        act.note("plan_stop", f"gift:{gift.id}", {"reason": reason})
    provider = services().providers.find(name)
    title = provider.title if provider else gettext("The provider")
    try:
        monthly = services().providers.get_monthly(name)
        monthly.stop(services(), gift.id, actor=current_actor(), reason=reason)
    except ProviderRefused as error:
        form.refuse("reason", say_refused(title, error))
        return False
    except ProviderBusy:
        form.refuse(
            "reason",
            gettext(
                "%(provider)s takes no more requests at this moment. The gift continues; try "
                "again in a minute.",
                provider=title,
            ),
        )
        return False
    except ProviderUnavailable:
        form.refuse(
            "reason",
            gettext(
                "%(provider)s can’t be reached. The gift continues; try again in a minute.",
                provider=title,
            ),
        )
        return False
    flash(gettext("The monthly gift has ended. The donor gets an e-mail."))
    return True
