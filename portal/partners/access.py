"""Signing in to /partners, and who may open what: one table, shut for all that is not in it."""

from typing import cast

from flask import (
    Blueprint,
    abort,
    flash,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.areas import csrf, keep_private, list_languages
from portal.codes.models import Scope
from portal.i18n import DEFAULT_LOCALE, LANGUAGES, gettext, language, set_locale
from portal.mailed_links import LinkPages
from portal.services import Act
from portal.signin.accounts import (
    PartnerRole,
    PartnerUser,
    end_partner_sessions,
    find_by_email,
    find_signed_in_partner,
)
from portal.signin.sessions import begin_session, end_session
from portal.web import services, utc_now

partners = Blueprint("partners", __name__, url_prefix="/partners")

NEEDED = {
    "partners.overview": PartnerRole.VIEWER,
    "partners.gifts": PartnerRole.VIEWER,
    "partners.gifts_csv": PartnerRole.VIEWER,
    "partners.gifts_xlsx": PartnerRole.VIEWER,
    "partners.pledges": PartnerRole.VIEWER,
    "partners.people": PartnerRole.VIEWER,
    "partners.send_person": PartnerRole.OWNER,
    "partners.remove_person": PartnerRole.OWNER,
    "partners.send_letter": PartnerRole.VIEWER,
    "partners.change": PartnerRole.VIEWER,
    "partners.sign_out": PartnerRole.VIEWER,
}


def current_user() -> PartnerUser:
    """Who is signed in; only for pages that need it."""
    return cast(PartnerUser, g.partner_user)


def current_scope() -> Scope:
    """Whose figures they may see."""
    return cast(Scope, g.partner_scope)


@partners.before_request
def admit() -> ResponseReturnValue | None:
    """Let a request in only where the table says so."""
    g.partner_user = g.partner_scope = None
    with services().database.look() as db:
        found = find_signed_in_partner(session, db, utc_now())
    if found is not None:
        g.partner_user, g.partner_scope = found
    user = g.partner_user
    _choose_language(user)
    if request.endpoint in LINKS.endpoints:
        csrf.protect()
        return None
    if user is None:
        return redirect(url_for("partners.sign_in"), 303)
    csrf.protect()
    needed = NEEDED.get(request.endpoint or "")
    if needed is None:
        abort(403)
    if needed is PartnerRole.OWNER and user.role is not PartnerRole.OWNER:
        return render_template("partners/refused.html"), 403
    return None


def _choose_language(user: PartnerUser | None) -> None:
    asked = request.args.get("lang", "")
    if asked in LANGUAGES and session.get("language") != asked:
        session["language"] = asked
    own = language(user.locale) if user else request.accept_languages.best_match(LANGUAGES)
    wanted = session.get("language") or own
    set_locale(wanted if wanted in LANGUAGES else DEFAULT_LOCALE)


partners.after_request(keep_private)


@partners.context_processor
def page_values() -> dict[str, object]:
    """What the frame of each of these pages needs."""
    user, scope = g.get("partner_user"), g.get("partner_scope")
    return {
        "user": user,
        "scope": scope,
        "is_owner": user is not None and user.role is PartnerRole.OWNER,
        "languages": list_languages(),
    }


def _find_owner(db: Session, email: str) -> int | None:
    user = find_by_email(db, email)
    return user.id if user else None


def _begin(user_id: int) -> bool:
    with services().write() as act:
        user = act.session.get(PartnerUser, user_id)
        if user is None or user.removed_at is not None:
            return False
        _note(act, user)
    begin_session(session, user, utc_now())
    session.permanent = True
    return True


def _note(act: Act, user: PartnerUser) -> None:
    act.note("partner_sign_in", user.actor, {}, actor=user.actor)


LINKS = LinkPages(
    area=partners.name,
    home="partners.overview",
    welcome=lambda: gettext("Sign in to see your figures"),
    find_owner=_find_owner,
    begin=_begin,
    is_in=lambda: g.partner_user is not None,
)
LINKS.register(partners)


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
