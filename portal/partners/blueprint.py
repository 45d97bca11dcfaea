"""The partners' rooms, put together, and the people who may see them."""

from flask import Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.codes.models import Scope
from portal.i18n import gettext, list_own_names
from portal.partners import (  # noqa: F401 - a room that is imported has its pages
    gifts,
    overview,
    pledges,
)
from portal.partners.access import current_scope, current_user, partners
from portal.partners.letters import switch_letter
from portal.person_form import PersonForm, list_roles, name_role, say_last_owner
from portal.signin.accounts import (
    LastOwner,
    PartnerRole,
    PartnerUser,
    add_partner_user,
    list_own_accounts,
    list_partner_users,
    remove_partner_user,
)
from portal.web import services


@partners.get("/people")
def people() -> ResponseReturnValue:
    start = {"role": PartnerRole.VIEWER.value, "locale": current_user().locale}
    return _show(PersonForm(data=start), 200)


@partners.post("/people")
def send_person() -> ResponseReturnValue:
    form = PersonForm(request.form)
    if not form.validate():
        return _show(form, 422)
    person = form.to_person()
    try:
        with services().write(current_user().actor) as act:
            add_partner_user(act, act.session.get_one(Scope, current_scope().id), person)
    except LastOwner:
        form.refuse("role", say_last_owner())
        return _show(form, 422)
    flash(gettext("%(email)s can sign in now.", email=person.email))
    return redirect(url_for("partners.people"), 303)


@partners.post("/people/<int:user_id>/remove")
def remove_person(user_id: int) -> ResponseReturnValue:
    try:
        with services().write(current_user().actor) as act:
            user = act.session.get(PartnerUser, user_id)
            if user is None or user.scope_id != current_scope().id:
                abort(404)
            remove_partner_user(act, act.session.get_one(Scope, user.scope_id), user)
    except LastOwner:
        flash(say_last_owner())
    else:
        flash(gettext("%(email)s can no longer sign in.", email=user.email))
    return redirect(url_for("partners.people"), 303)


@partners.post("/letter")
def send_letter() -> ResponseReturnValue:
    """Whoever is signed in has the monthly letter from now on, or no more."""
    is_on = request.form.get("letter") == "on"
    with services().write(current_user().actor) as act:
        switch_letter(act, act.session.get_one(PartnerUser, current_user().id), is_on=is_on)
    words = gettext("The letter is switched on."), gettext("The letter is switched off.")
    flash(words[0] if is_on else words[1])
    return redirect(url_for("partners.people"), 303)


def _show(form: PersonForm, status: int) -> ResponseReturnValue:
    with services().database.read() as session:
        users = list_partner_users(session, current_scope().id)
        own = list_own_accounts(session, current_user().email)
    page = render_template(
        "partners/people.html",
        form=form,
        users=users,
        others=[(user, scope) for user, scope in own if user.id != current_user().id],
        name_role=name_role,
        tongues=list_own_names(),
        roles=list_roles(),
    )
    return page, status


__all__ = ["set_up_partners"]


def set_up_partners(app: Flask) -> None:
    """Register the pages under /partners."""
    app.register_blueprint(partners)
