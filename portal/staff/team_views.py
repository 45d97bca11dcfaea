"""Accounts of the staff, and the log of their acts."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.i18n import gettext
from portal.signin.accounts import (
    LastAdmin,
    UserExists,
    activate_user,
    add_user,
    change_role,
    deactivate_user,
)
from portal.signin.models import Role, StaffUser
from portal.signin.passwords import WeakPassword
from portal.staff.access import current_actor, staff
from portal.staff.audit.subjects import Known, name_subject
from portal.staff.audit.words import list_mentioned, tell_act
from portal.staff.forms import RoleForm, UserForm
from portal.staff.names import current_names
from portal.staff.queries import (
    PAGE,
    list_audit,
    list_users,
    name_actors,
    name_files,
    name_gifts,
)
from portal.web import services


@staff.get("/audit")
def audit_log() -> ResponseReturnValue:
    subject = request.args.get("subject", "")[:80]
    with services().database.read() as session:
        entries = list_audit(session, subject, request.args.get("before", type=int))
        mentioned = list_mentioned(entries)
        called = {**name_gifts(session, mentioned), **name_files(session, mentioned)}
        known = Known({**called, **name_actors(session)}, current_names())
    return render_template(
        "staff/audit.html",
        acts=[tell_act(entry, known) for entry in entries[:PAGE]],
        older=entries[PAGE - 1].id if len(entries) > PAGE else None,
        subject=subject,
        subject_name=name_subject(subject, known)[0],
    )


@staff.get("/users")
def users() -> ResponseReturnValue:
    return _show_users(UserForm(data={"role": Role.VIEWER.value}), 200)


@staff.post("/users")
def send_user() -> ResponseReturnValue:
    form = UserForm(request.form)
    if form.validate() and _add(form):
        flash(gettext("%(name)s can sign in now.", name=form.name.data))
        return redirect(url_for("staff.users"), 303)
    return _show_users(form, 422)


@staff.post("/users/<int:user_id>/role")
def send_role(user_id: int) -> ResponseReturnValue:
    form = RoleForm(request.form)
    if not form.validate():
        abort(400)
    try:
        with services().write(current_actor()) as act:
            user = act.session.get(StaffUser, user_id) or abort(404)
            change_role(act, user, Role(form.role.data))
    except LastAdmin:
        flash(_last_admin())
        return redirect(url_for("staff.users"), 303)
    flash(gettext("The role of %(name)s is changed.", name=user.name))
    return redirect(url_for("staff.users"), 303)


@staff.post("/users/<int:user_id>/active")
def send_active(user_id: int) -> ResponseReturnValue:
    """Open or close an account, as the button said."""
    change = activate_user if request.form.get("active") == "yes" else deactivate_user
    try:
        with services().write(current_actor()) as act:
            user = act.session.get(StaffUser, user_id) or abort(404)
            change(act, user)
    except LastAdmin:
        flash(_last_admin())
        return redirect(url_for("staff.users"), 303)
    said = (
        gettext("%(name)s can sign in again.", name=user.name)
        if user.active
        else gettext("%(name)s can no longer sign in.", name=user.name)
    )
    flash(said)
    return redirect(url_for("staff.users"), 303)


def _last_admin() -> str:
    return gettext("This is the last administrator. Make someone else an administrator first.")


def _add(form: UserForm) -> bool:
    """Whether the account was made; else the form says why not."""
    try:
        with services().write(current_actor()) as act:
            add_user(
                act,
                form.email.data,
                form.name.data,
                Role(form.role.data),
                form.password.data,
            )
    except UserExists as error:
        form.refuse("email", str(error))
        return False
    except WeakPassword as error:
        form.refuse("password", str(error))
        return False
    return True


def _show_users(form: UserForm, status: int) -> ResponseReturnValue:
    with services().database.read() as session:
        found = list_users(session)
    return render_template("staff/users.html", users=found, form=form), status
