"""Signing in to /account, and which pages there are: one table, shut for all that is not in it."""

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
from portal.forms import EmailField, LineField, PortalForm
from portal.i18n import DEFAULT_LOCALE, LANGUAGES, current_locale, gettext, language, set_locale
from portal.signin.accounts import WINDOW_MINUTES, TooManyTries
from portal.signin.donor_accounts import (
    DonorAccount,
    end_donor_sessions,
    find_donor,
    find_signed_in_donor,
    open_account,
)
from portal.signin.links import LIFE, Asking, FindOwner, Shown, ask_for_link, use_link
from portal.signin.sessions import begin_session, end_session
from portal.web import client_key, services, utc_now

account = Blueprint("account", __name__, url_prefix="/account")

OPEN = frozenset(
    {
        "account.sign_in",
        "account.send_sign_in",
        "account.code",
        "account.send_code",
        "account.link",
        "account.send_link",
    }
)
SIGNED_IN = frozenset(
    {
        "account.home",
        "account.receipt",
        "account.statements",
        "account.statement",
        "account.statement_pdf",
        "account.plan",
        "account.change_amount",
        "account.pause",
        "account.resume",
        "account.retry",
        "account.stop",
        "account.card",
        "account.details",
        "account.send_details",
        "account.send_news",
        "account.send_address",
        "account.prove_code",
        "account.prove",
        "account.send_proof",
        "account.drop_address",
        "account.data_json",
        "account.data_csv",
        "account.forgetting",
        "account.send_forgetting",
        "account.sign_out",
    }
)


def current_account() -> DonorAccount:
    """Who is signed in; only for pages that need it."""
    return cast(DonorAccount, g.donor_account)


@account.before_request
def admit() -> ResponseReturnValue | None:
    """Let a request in only where the table says so."""
    g.donor_account = None
    with services().database.read() as db:
        user = g.donor_account = find_signed_in_donor(session, db, utc_now())
    _choose_language(user)
    if user is None and request.endpoint not in OPEN:
        return redirect(url_for("account.sign_in"), 303)
    csrf.protect()
    if request.endpoint not in OPEN | SIGNED_IN:
        abort(403)
    return None


def _choose_language(user: DonorAccount | None) -> None:
    asked = request.args.get("lang", "")
    if asked in LANGUAGES and session.get("language") != asked:
        session["language"] = asked
    own = user.locale if user else request.accept_languages.best_match(LANGUAGES) or DEFAULT_LOCALE
    wanted = session.get("language")
    is_other = wanted in LANGUAGES and wanted != language(own)
    set_locale(str(wanted) if is_other else own)


@account.after_request
def keep_private(response: Response) -> Response:
    """Nothing of these pages stays in a cache or a search engine; no address leaves them."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


@account.context_processor
def page_values() -> dict[str, object]:
    """What the frame of each of these pages needs."""
    return {
        "user": g.get("donor_account"),
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


AREA = "account"
# The cookie's name for the secret of the browser that asked.
ASKED = "asked"
LONGEST_EMAIL = 254


class SignInForm(PortalForm):
    email = EmailField(ask="Enter your e-mail address", longest=LONGEST_EMAIL)


class CodeForm(PortalForm):
    code = LineField(ask="Enter the code from the message", longest=40)


def too_many() -> str:
    """That links or tries are used up for a while."""
    return gettext(
        "Too many tries for this address or from your network: wait %(minutes)s minutes, then "
        "try again.",
        minutes=WINDOW_MINUTES,
    )


def invalid() -> str:
    """That a link or a code lets nobody in."""
    return gettext(
        "This link or code doesn’t work any more: it was used, is older than %(minutes)s minutes, "
        "or is not whole. Ask for a new one.",
        minutes=minutes(),
    )


def minutes() -> int:
    """How long links and codes work."""
    return int(LIFE.total_seconds() // 60)


@account.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    if g.donor_account is not None:
        return redirect(url_for("account.home"), 303)
    return render_template("account/sign_in.html", form=SignInForm())


@account.post("/sign-in")
def send_sign_in() -> ResponseReturnValue:
    """The same answer, rows and work for an address that gave and for one that didn't."""
    form = SignInForm(request.form)
    if not form.validate():
        return render_template("account/sign_in.html", form=form), 422
    try:
        ask(AREA, form.email.data, _find_owner)
    except TooManyTries:
        form.refuse("email", too_many())
        return render_template("account/sign_in.html", form=form), 429
    return redirect(url_for("account.code"), 303)


def ask(area: str, email: str, find_owner: FindOwner) -> None:
    """Promise a link to an address, which is then bound to this browser; or `TooManyTries`."""
    asking = Asking(area, email, client_key(), session.get(ASKED, ""))
    session[ASKED] = ask_for_link(services(), asking, find_owner)


def _find_owner(db: Session, email: str) -> int | None:
    return find_donor(db, email, utc_now())


@account.get("/sign-in/code")
def code() -> ResponseReturnValue:
    return _show_code(CodeForm(), 200)


@account.post("/sign-in/code")
def send_code() -> ResponseReturnValue:
    """The browser that asked, and the code from the letter."""
    form = CodeForm(request.form)
    status = 422
    if form.validate():
        status = _come_in(form, show(code=form.code.data))
    return _lead_in() if status == 303 else _show_code(form, status)


def _show_code(form: PortalForm, status: int) -> ResponseReturnValue:
    return render_template("account/code.html", form=form, minutes=minutes()), status


@account.get("/sign-in/<token>")
def link(token: str) -> ResponseReturnValue:
    """A page with a button: mail servers and previews look at links, and use none up."""
    return _show_link(token, CodeForm(), 200)


@account.post("/sign-in/<token>")
def send_link(token: str) -> ResponseReturnValue:
    """The link, and the browser that asked or else the code beside the link."""
    form = CodeForm(request.form)
    status = 422
    if ASKED in session or form.validate():
        status = _come_in(form, show(token=token, code=form.code.data or ""))
    return _lead_in() if status == 303 else _show_link(token, form, status)


def _show_link(token: str, form: PortalForm, status: int) -> ResponseReturnValue:
    # Another link than the browser's own leads here too, so the code can be typed all the same.
    has_asked = ASKED in session and not form.problems
    page = render_template("account/link.html", form=form, token_text=token, has_asked=has_asked)
    return page, status


def show(*, token: str = "", code: str = "") -> Shown:
    """What this browser shows of a link."""
    return Shown(token=token, browser=session.get(ASKED, ""), code=code, network=client_key())


def _lead_in() -> ResponseReturnValue:
    return redirect(url_for("account.home"), 303)


def _come_in(form: PortalForm, shown: Shown) -> int:
    """The status of the answer: 303 for who is in now, else the form says why not."""
    donor_id, status = use(AREA, form, shown)
    if donor_id is not None:
        with services().write() as act:
            user = open_account(act, donor_id)
        begin_session(session, user, utc_now())
        session.permanent = True
    return status


def use(area: str, form: PortalForm, shown: Shown) -> tuple[int | None, int]:
    """Whom a link is for, with the answer's status; where it is for nobody, the form says so."""
    try:
        found = use_link(services(), area, shown)
    except TooManyTries:
        form.refuse("code", too_many())
        return None, 429
    if found is None:
        form.refuse("code", invalid())
    return found, 303 if found is not None else 422


@account.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    with services().write(current_account().actor) as act:
        end_donor_sessions(act.session.get_one(DonorAccount, current_account().id))
    end_session(session)
    flash(gettext("You are signed out, here and on every other device."))
    return redirect(url_for("account.sign_in"), 303)
