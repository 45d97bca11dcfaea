"""What tax laws ask of a gift's donor: entered by staff, shown in part alone, and removed."""

from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.forms import PortalForm
from portal.gifts.models import Gift
from portal.i18n import gettext
from portal.number_form import NumberForm, keep
from portal.receipts.composition import issue_day
from portal.receipts.donor_numbers import Bearer, bearer_of, list_numbers
from portal.regions.donor_numbers import list_kinds
from portal.regions.schemes import ReceiptScheme
from portal.staff.access import current_actor, staff
from portal.staff.gifts.contact_views import name_countries
from portal.staff.gifts.views import find_gift
from portal.staff.labels import current_catalogue
from portal.web import services, utc_now


@dataclass(frozen=True, slots=True)
class Case:
    """A gift whose region asks its donor for numbers."""

    gift: Gift
    bearer: Bearer
    schemes: tuple[ReceiptScheme, ...]

    def make_form(self, *args: object) -> NumberForm:
        names = {self.bearer.name: self.gift.name}
        return NumberForm(self.schemes, names, name_countries(), *args)


def _load(reference: str) -> Case:
    """A gift of a donor who is known, where numbers are asked; else 404."""
    with services().database.read() as session:
        gift = find_gift(session, reference)
    bearer, region = bearer_of(gift), current_catalogue().issuing(gift.region)
    schemes = region.asked_on(issue_day(region.issuer.timezone, utc_now()).date())
    if bearer is None or not schemes:
        abort(404)
    return Case(gift, bearer, schemes)


@staff.get("/gifts/<reference>/tax-numbers")
def donor_numbers(reference: str) -> ResponseReturnValue:
    case = _load(reference)
    return _show(case, case.make_form())


def _show(case: Case, form: PortalForm) -> ResponseReturnValue:
    with services().database.read() as session:
        numbers = list_numbers(session, case.bearer)
    reference, kinds = case.gift.reference, list_kinds(case.schemes)
    page = render_template(
        "staff/donor_numbers.html",
        gift=case.gift,
        form=form,
        numbers=[one for one in numbers if one.kind in kinds],
        remove=lambda number_id: url_for(
            "staff.drop_donor_number", reference=reference, number_id=number_id
        ),
    )
    return page, 422 if form.problems else 200


@staff.post("/gifts/<reference>/tax-numbers")
def send_donor_numbers(reference: str) -> ResponseReturnValue:
    case = _load(reference)
    form = case.make_form(request.form)
    said = form.read()
    if not said:
        return _show(case, form)
    with services().write(current_actor()) as act:
        receipts = keep(act, f"gift:{case.gift.id}", case.bearer, said)
    flash(gettext("Saved."))
    if receipts:
        flash(gettext("The donor gets official receipts in place of what lacked the numbers."))
    return redirect(url_for("staff.donor_numbers", reference=case.gift.reference), 303)


@staff.post("/gifts/<reference>/tax-numbers/<int:number_id>/remove")
def drop_donor_number(reference: str, number_id: int) -> ResponseReturnValue:
    case = _load(reference)
    with services().write(current_actor()) as act:
        kept = list_numbers(act.session, case.bearer)
        found = next((one for one in kept if one.id == number_id), None) or abort(404)
        act.session.delete(found)
        act.note("donor_number_remove", f"gift:{case.gift.id}", {"kind": found.kind.value})
    flash(gettext("It is removed here. Documents that show it stay as they are."))
    return redirect(url_for("staff.donor_numbers", reference=case.gift.reference), 303)
