"""Signing in by a mailed link, and out.

What is answered never depends on whether anybody has the address.
"""

from flask import abort, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.forms import PortalForm
from portal.i18n import gettext
from portal.partners.access import current_user, partners
from portal.partners.forms import CodeForm, SignInForm
from portal.services import Act
from portal.signin.accounts import WINDOW_MINUTES, TooManyTries
from portal.signin.links import LIFE, Asking, Shown, ask_for_link, use_link
from portal.signin.partner_users import (
    PartnerUser,
    end_partner_sessions,
    find_by_email,
)
from portal.signin.sessions import begin_session, end_session
from portal.web import client_key, services, utc_now

AREA = "partners"
# The cookie's name for the secret of the browser that asked.
ASKED = "asked"


def _too_many() -> str:
    return gettext(
        "Too many tries for this address or from your network: wait %(minutes)s minutes, then "
        "try again.",
        minutes=WINDOW_MINUTES,
    )


def _invalid() -> str:
    return gettext(
        "This link or code doesn’t work any more: it was used, is older than %(minutes)s minutes, "
        "or is not whole. Ask for a new one.",
        minutes=int(LIFE.total_seconds() // 60),
    )


@partners.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    if g.partner_user is not None:
        return redirect(url_for("partners.overview"), 303)
    return render_template("partners/sign_in.html", form=SignInForm())


@partners.post("/sign-in")
def send_sign_in() -> ResponseReturnValue:
    form = SignInForm(request.form)
    if not form.validate():
        return render_template("partners/sign_in.html", form=form), 422
    try:
        asking = Asking(AREA, form.email.data, client_key(), session.get(ASKED, ""))
        session[ASKED] = ask_for_link(services(), asking, _find_owner)
    except TooManyTries:
        form.refuse("email", _too_many())
        return render_template("partners/sign_in.html", form=form), 429
    return redirect(url_for("partners.code"), 303)


def _find_owner(db: Session, email: str) -> int | None:
    user = find_by_email(db, email)
    return user.id if user else None


@partners.get("/sign-in/code")
def code() -> ResponseReturnValue:
    return _show_code(CodeForm(), 200)


@partners.post("/sign-in/code")
def send_code() -> ResponseReturnValue:
    """The browser that asked, and the code from the letter."""
    form = CodeForm(request.form)
    if not form.validate():
        return _show_code(form, 422)
    shown = Shown(browser=session.get(ASKED, ""), code=form.code.data, network=client_key())
    status = _come_in(form, shown)
    return _lead_in() if status == 303 else _show_code(form, status)


def _show_code(form: PortalForm, status: int) -> ResponseReturnValue:
    minutes = int(LIFE.total_seconds() // 60)
    return render_template("partners/code.html", form=form, minutes=minutes), status


@partners.get("/sign-in/<token>")
def link(token: str) -> ResponseReturnValue:
    """A page with a button: mail servers and previews look at links, and use none up."""
    return _show_link(token, CodeForm(), 200)


@partners.post("/sign-in/<token>")
def send_link(token: str) -> ResponseReturnValue:
    """The link, and the browser that asked or else the code beside the link."""
    form = CodeForm(request.form)
    if ASKED not in session and not form.validate():
        return _show_link(token, form, 422)
    shown = Shown(
        token=token,
        browser=session.get(ASKED, ""),
        code=form.code.data or "",
        network=client_key(),
    )
    status = _come_in(form, shown)
    return _lead_in() if status == 303 else _show_link(token, form, status)


def _show_link(token: str, form: PortalForm, status: int) -> ResponseReturnValue:
    # Another link than the browser's own leads here too, so the code can be typed all the same.
    has_asked = ASKED in session and not form.problems
    page = render_template("partners/link.html", form=form, token_text=token, has_asked=has_asked)
    return page, status


def _lead_in() -> ResponseReturnValue:
    return redirect(url_for("partners.overview"), 303)


def _come_in(form: PortalForm, shown: Shown) -> int:
    """The status of the answer: 303 for who is in now, else the form says why not."""
    try:
        user_id = use_link(services(), AREA, shown)
    except TooManyTries:
        form.refuse("code", _too_many())
        return 429
    user = _begin(user_id) if user_id is not None else None
    if user is None:
        form.refuse("code", _invalid())
        return 422
    return 303


def _begin(user_id: int) -> PartnerUser | None:
    with services().write() as act:
        user = act.session.get(PartnerUser, user_id)
        if user is None or user.removed_at is not None:
            return None
        _note(act, user)
    begin_session(session, user, utc_now())
    session.permanent = True
    return user


def _note(act: Act, user: PartnerUser) -> None:
    act.note("partner_sign_in", user.actor, {}, actor=user.actor)


@partners.post("/change/<int:user_id>")
def change(user_id: int) -> ResponseReturnValue:
    """Go on as another account of the same address: one person may serve several partners."""
    email = current_user().email
    with services().write() as act:
        user = act.session.get(PartnerUser, user_id)
        if user is None or user.removed_at is not None or user.email != email:
            abort(404)
        _note(act, user)
    begin_session(session, user, utc_now())
    session.permanent = True
    return redirect(url_for("partners.overview"), 303)


@partners.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    with services().write(current_user().actor) as act:
        end_partner_sessions(act, act.session.get_one(PartnerUser, current_user().id))
    end_session(session)
    flash(gettext("You are signed out, here and on every other device."))
    return redirect(url_for("partners.sign_in"), 303)
