"""Who may open what under /partners: one table, and a door that is shut for all else."""

from typing import cast

from babel import Locale
from flask import (
    Blueprint,
    Response,
    abort,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue

from portal.areas import csrf
from portal.codes.models import Scope
from portal.i18n import DEFAULT_LOCALE, LANGUAGES, current_locale, language, set_locale
from portal.signin.partner_users import PartnerRole, PartnerUser, find_signed_in_partner
from portal.web import services, utc_now

partners = Blueprint("partners", __name__, url_prefix="/partners")

OPEN = frozenset(
    {
        "partners.sign_in",
        "partners.send_sign_in",
        "partners.code",
        "partners.send_code",
        "partners.link",
        "partners.send_link",
    }
)
NEEDED = {
    "partners.overview": PartnerRole.VIEWER,
    "partners.gifts": PartnerRole.VIEWER,
    "partners.gifts_csv": PartnerRole.VIEWER,
    "partners.people": PartnerRole.VIEWER,
    "partners.send_person": PartnerRole.OWNER,
    "partners.remove_person": PartnerRole.OWNER,
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
    with services().database.read() as db:
        user = find_signed_in_partner(session, db, utc_now())
        if user is not None:
            g.partner_user, g.partner_scope = user, db.get_one(Scope, user.scope_id)
    _choose_language(user)
    if request.endpoint in OPEN:
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


@partners.after_request
def keep_private(response: Response) -> Response:
    """Nothing of these pages stays in a cache or a search engine; no address leaves them."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


@partners.context_processor
def page_values() -> dict[str, object]:
    """What the frame of each of these pages needs."""
    user, scope = g.get("partner_user"), g.get("partner_scope")
    return {
        "user": user,
        "scope": scope,
        "is_owner": user is not None and user.role is PartnerRole.OWNER,
        "languages": [
            {
                "tag": tag,
                "name": Locale.parse(tag).get_display_name(tag),
                "href": f"?lang={tag}",
                "current": tag == language(current_locale()),
            }
            for tag in LANGUAGES
        ],
    }
