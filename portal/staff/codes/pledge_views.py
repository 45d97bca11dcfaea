"""Pledges of donors and partners: the list, and each with how it stands and its history."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.codes.listing import list_scopes
from portal.codes.parsing import CodeError
from portal.forms import LONGEST_EMAIL, ChoiceField, LineField
from portal.gifts.code_sums import catch_up
from portal.gifts.commitments import (
    PAGE,
    Owner,
    Said,
    Told,
    add_commitment,
    cancel_commitment,
    change_commitment,
    committing,
    find_commitment,
    list_changes,
    tell,
)
from portal.gifts.models import Commitment
from portal.i18n import gettext
from portal.pledge_form import PledgeForm, begin, fill, put_in_words
from portal.staff.access import current_actor, may, staff
from portal.staff.audit import name_actor
from portal.staff.codes.views import label_scopes, read_number
from portal.staff.queries import name_actors
from portal.web import services, utc_now


class OwnedForm(PledgeForm):
    """A new pledge, and whose it is."""

    email = LineField(longest=LONGEST_EMAIL)
    partner = ChoiceField(ask="Choose a partner, a code or a donor")
    code = LineField(longest=60)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        with services().database.read() as session:
            self.partners = {"": gettext("None"), **label_scopes(list_scopes(session))}
        self.partner.options = tuple(self.partners)


@staff.get("/pledges")
def pledges() -> ResponseReturnValue:
    return _show_list(OwnedForm(data=begin()))


def _show_list(form: OwnedForm) -> ResponseReturnValue:
    after = read_number(request.args.get("after"))
    older = [Commitment.id < after] if after else []
    catch_up(services().database)
    with services().database.read() as session:
        found = tell(session, services().catalogue, utc_now(), *older, most=PAGE + 1)
    page = render_template(
        "staff/pledges.html",
        shown=[put_in_words(one) for one in found[:PAGE]],
        older=found[PAGE - 1].row.id if len(found) > PAGE else None,
        form=form,
    )
    return page, 422 if form.problems else 200


@staff.post("/pledges")
def send_pledge() -> ResponseReturnValue:
    form = OwnedForm(request.form)
    said = form.read()
    made = _add(form, said) if said else None
    if made is None:
        return _show_list(form)
    flash(gettext("The pledge is kept."))
    return redirect(url_for("staff.pledge", number=made), 303)


def _add(form: OwnedForm, said: Said) -> int | None:
    """The number of the new one; None where the form now says what is wrong."""
    email = form.email.data
    owner = Owner(email=email, partner=form.partner.data, code=form.code.data)
    try:
        with committing(services(), current_actor(), is_partners=not email) as act:
            return add_commitment(act, owner, said).id
    except CodeError as error:
        form.refuse_fault(error)
        return None


@staff.get("/pledges/<int:number>")
def pledge(number: int) -> ResponseReturnValue:
    told = _find(number)
    return _show(told, PledgeForm(data=fill(told.said)))


def _find(number: int) -> Told:
    catch_up(services().database)
    with services().database.read() as session:
        found = tell(session, services().catalogue, utc_now(), Commitment.id == number)
    return found[0] if found else abort(404)


def _show(told: Told, form: PledgeForm) -> ResponseReturnValue:
    form.keep(told.said)
    with services().database.read() as session:
        changes = list_changes(session, told.row.id)
        actors = name_actors(session)
    page = render_template(
        "staff/pledge.html",
        one=put_in_words(told),
        is_open_to_change=may("finance") and told.row.cancelled_at is None,
        form=form,
        changes=[(one, name_actor(one.actor, actors)) for one in changes],
        words=CHANGES,
        rhythms=dict(form.frequencies),
    )
    return page, 422 if form.problems else 200


CHANGES = {"made": "Made", "changed": "Changed", "cancelled": "Cancelled"}


@staff.post("/pledges/<int:number>")
def change_pledge(number: int) -> ResponseReturnValue:
    """Let a pledge say something else from now on."""
    told, form = _find(number), PledgeForm(request.form)
    form.keep(told.said)
    said = form.read()
    if said is None or not _change(told, form, said):
        return _show(told, form)
    flash(gettext("The pledge is kept."))
    return redirect(url_for("staff.pledge", number=number), 303)


def _change(told: Told, form: PledgeForm, said: Said) -> bool:
    try:
        with committing(services(), current_actor(), is_partners=not told.is_donors) as act:
            row = find_commitment(act.session, told.row.id)
            change_commitment(act, row or abort(404), said)
    except CodeError as error:
        form.refuse_fault(error)
        return False
    return True


@staff.post("/pledges/<int:number>/cancel")
def cancel_pledge(number: int) -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        row = find_commitment(act.session, number)
        cancel_commitment(act, row or abort(404))
    flash(gettext("The pledge is cancelled: nothing more is due."))
    return redirect(url_for("staff.pledge", number=number), 303)
