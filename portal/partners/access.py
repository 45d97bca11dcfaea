"""Signing in to /partners, and who may open what: one table, shut for all that is not in it."""

from typing import cast

from babel import Locale
from flask import (
    Blueprint,
    Response,
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

from portal.areas import csrf
from portal.codes.models import Scope
from portal.forms import ChoiceField, EmailField, LineField, PortalForm
from portal.i18n import DEFAULT_LOCALE, LANGUAGES, current_locale, gettext, language, set_locale
from portal.services import Act
from portal.signin.accounts import (
    WINDOW_MINUTES,
    PartnerRole,
    PartnerUser,
    TooManyTries,
    end_partner_sessions,
    find_by_email,
    find_scope_of,
    find_signed_in_partner,
)
from portal.signin.links import LIFE, Asking, Shown, ask_for_link, use_link
from portal.signin.sessions import begin_session, end_session
from portal.web import client_key, services, utc_now

# What each language calls itself.
TONGUES = {tag: str(Locale.parse(tag).get_display_name(tag)) for tag in LANGUAGES}
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
    "partners.gifts_xlsx": PartnerRole.VIEWER,
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
    with services().database.read() as db:
        user = find_signed_in_partner(session, db, utc_now())
        if user is not None:
            g.partner_user, g.partner_scope = user, find_scope_of(user, db)
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
                "name": TONGUES[tag],
                "href": f"?lang={tag}",
                "current": tag == language(current_locale()),
            }
            for tag in LANGUAGES
        ],
    }


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


LONGEST_EMAIL = 254


class SignInForm(PortalForm):
    email = EmailField(ask="Enter your e-mail address", longest=LONGEST_EMAIL)


class CodeForm(PortalForm):
    code = LineField(ask="Enter the code from the message", longest=40)


class PersonForm(PortalForm):
    email = EmailField(ask="Enter an e-mail address", longest=LONGEST_EMAIL)
    role = ChoiceField(ask="Choose what they may do")
    locale = ChoiceField(ask="Choose the language of their messages")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.role.options = tuple(PartnerRole)
        self.locale.options = LANGUAGES
