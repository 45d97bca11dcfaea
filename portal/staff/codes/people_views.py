"""Who sees a partner's figures: staff let its first owner in, and whoever else is to be."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.codes.models import Scope
from portal.i18n import gettext, list_own_names
from portal.person_form import PersonForm, list_roles, name_role, say_last_owner
from portal.signin.accounts import (
    LastOwner,
    PartnerRole,
    PartnerUser,
    add_partner_user,
    list_partner_users,
    remove_partner_user,
)
from portal.staff.access import current_actor, staff
from portal.web import services


@staff.get("/scopes/<int:scope_id>/people")
def scope_people(scope_id: int) -> ResponseReturnValue:
    return _show(scope_id, PersonForm(data={"locale": "en"}))


@staff.post("/scopes/<int:scope_id>/people")
def send_scope_person(scope_id: int) -> ResponseReturnValue:
    form = PersonForm(request.form)
    if not form.validate():
        return _show(scope_id, form)
    person = form.to_person()
    try:
        with services().write(current_actor()) as act:
            add_partner_user(act, act.session.get(Scope, scope_id) or abort(404), person)
    except LastOwner:
        form.refuse("role", say_last_owner())
        return _show(scope_id, form)
    flash(gettext("%(email)s can sign in now.", email=person.email))
    return redirect(url_for("staff.scope_people", scope_id=scope_id), 303)


@staff.post("/scopes/<int:scope_id>/people/<int:user_id>/remove")
def remove_scope_person(scope_id: int, user_id: int) -> ResponseReturnValue:
    """Staff may leave a partner without an owner, as they can let another in."""
    with services().write(current_actor()) as act:
        user = act.session.get(PartnerUser, user_id)
        if user is None or user.scope_id != scope_id:
            abort(404)
        scope = act.session.get_one(Scope, scope_id)
        remove_partner_user(act, scope, user, keeps_owner=False)
    flash(gettext("%(email)s can no longer sign in.", email=user.email))
    return redirect(url_for("staff.scope_people", scope_id=scope_id), 303)


def _show(scope_id: int, form: PersonForm) -> ResponseReturnValue:
    with services().database.read() as session:
        scope = session.get(Scope, scope_id) or abort(404)
        users = list_partner_users(session, scope_id)
    if not form.role.data:
        # The first is who lets the others in.
        has_owner = any(user.role is PartnerRole.OWNER for user in users)
        form.role.data = PartnerRole.VIEWER if has_owner else PartnerRole.OWNER
    page = render_template(
        "staff/people.html",
        scope=scope,
        address=services().settings.base_url + url_for("partners.sign_in"),
        users=users,
        form=form,
        name_role=name_role,
        roles=list_roles(),
        tongues=list_own_names(),
    )
    return page, 422 if form.problems else 200
