"""Signing in and out, and one's own password."""

from flask import abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from portal.forms import PortalForm
from portal.i18n import gettext
from portal.signin.accounts import (
    WINDOW_MINUTES,
    Attempt,
    LastAdmin,
    Role,
    StaffUser,
    TooManyTries,
    UserExists,
    activate_user,
    add_user,
    change_password,
    change_role,
    check_password,
    deactivate_user,
    end_all_sessions,
    let_in,
)
from portal.signin.sessions import WeakPassword, begin_session, end_session
from portal.staff.access import current_actor, current_user, local_path, staff
from portal.staff.audit import Known, list_mentioned, name_subject, tell_act
from portal.staff.forms import PasswordForm, RoleForm, SignInForm, UserForm
from portal.staff.labels import current_names
from portal.staff.queries import (
    PAGE,
    list_audit,
    list_users,
    name_actors,
    name_codes,
    name_files,
    name_gifts,
)
from portal.web import client_key, services, utc_now


def too_many_tries() -> str:
    return gettext(
        "Too many attempts for this account or from your network. Nothing was checked this "
        "time: wait %(minutes)s minutes, then try again.",
        minutes=WINDOW_MINUTES,
    )


@staff.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    form = SignInForm(data={"next": local_path(request.args.get("next", ""))})
    return render_template("staff/sign_in.html", form=form)


@staff.post("/sign-in")
def send_sign_in() -> ResponseReturnValue:
    form = SignInForm(request.form)
    if not form.validate():
        return _show_sign_in(form, 422)
    try:
        user = _let_in(form)
    except TooManyTries:
        form.refuse("email", too_many_tries())
        return _show_sign_in(form, 429)
    if user is None:
        form.refuse("email", gettext("The e-mail address and the password don’t match"))
        return _show_sign_in(form, 422)
    _begin(user)
    return redirect(local_path(form.next.data or "") or url_for("staff.dashboard"), 303)


@staff.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        end_all_sessions(act, act.session.get_one(StaffUser, current_user().id))
    end_session(session)
    flash(gettext("You are signed out, here and on every other device."))
    return redirect(url_for("staff.sign_in"), 303)


@staff.get("/password")
def password() -> ResponseReturnValue:
    return render_template("staff/password.html", form=PasswordForm())


@staff.post("/password")
def send_password() -> ResponseReturnValue:
    form = PasswordForm(request.form)
    if form.validate() and _change_password(form):
        flash(gettext("Your password is changed. Other devices are signed out."))
        return redirect(url_for("staff.dashboard"), 303)
    return render_template("staff/password.html", form=form), 422


def _begin(user: StaffUser) -> None:
    begin_session(session, user, utc_now())
    session.permanent = True


def _let_in(form: SignInForm) -> StaffUser | None:
    attempt = Attempt(form.email.data, form.password.data, client_key())
    return let_in(services(), attempt)


def _show_sign_in(form: PortalForm, status: int) -> ResponseReturnValue:
    return render_template("staff/sign_in.html", form=form), status


def _change_password(form: PasswordForm) -> bool:
    """Whether it was changed; else the form says why not."""
    attempt = Attempt(current_user().email, form.current.data, client_key())
    try:
        user = check_password(services(), attempt)
        if user is None:
            form.refuse("current", gettext("This is not your password"))
            return False
        _set_password(user.id, form.password.data)
    except TooManyTries:
        form.refuse("current", too_many_tries())
        return False
    except WeakPassword as error:
        form.refuse("password", str(error))
        return False
    return True


def _set_password(user_id: int, password: str) -> None:
    with services().write(current_actor()) as act:
        user = act.session.get_one(StaffUser, user_id)
        change_password(act, user, password)
    _begin(user)


@staff.get("/audit")
def audit_log() -> ResponseReturnValue:
    subject = request.args.get("subject", "")[:80]
    with services().database.read() as session:
        entries = list_audit(session, subject, request.args.get("before", type=int))
        mentioned = list_mentioned(entries)
        called = name_gifts(session, mentioned) | name_files(session, mentioned)
        called |= name_codes(session, mentioned)
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
