"""Signing in to /account, and which pages there are: one table, shut for all that is not in it."""

from typing import cast

from flask import (
    Blueprint,
    abort,
    flash,
    g,
    redirect,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.areas import csrf, keep_private, list_languages
from portal.i18n import DEFAULT_LOCALE, LANGUAGES, gettext, language, set_locale
from portal.mailed_links import LinkPages
from portal.signin.donor_accounts import (
    DonorAccount,
    end_donor_sessions,
    find_donor,
    find_signed_in_donor,
    open_account,
)
from portal.signin.sessions import begin_session, end_session
from portal.web import services, utc_now

account = Blueprint("account", __name__, url_prefix="/account")

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
        "account.pledges",
        "account.send_pledge",
        "account.pledge",
        "account.change_pledge",
        "account.end_pledge",
        "account.gift_aid",
        "account.send_gift_aid",
        "account.cancel_gift_aid",
        "account.tax_numbers",
        "account.send_tax_numbers",
        "account.drop_tax_number",
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
    if user is None and request.endpoint not in LINKS.endpoints:
        return redirect(url_for("account.sign_in"), 303)
    csrf.protect()
    if request.endpoint not in LINKS.endpoints | SIGNED_IN:
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


account.after_request(keep_private)


@account.context_processor
def page_values() -> dict[str, object]:
    """What the frame of each of these pages needs."""
    return {
        "user": g.get("donor_account"),
        "languages": list_languages(),
    }


def _find_owner(db: Session, email: str) -> int | None:
    return find_donor(db, email, utc_now())


def _begin(donor_id: int) -> bool:
    with services().write() as act:
        user = open_account(act, donor_id)
    begin_session(session, user, utc_now())
    session.permanent = True
    return True


LINKS = LinkPages(
    area=account.name,
    home="account.home",
    welcome=lambda: gettext("All your gifts and documents"),
    find_owner=_find_owner,
    begin=_begin,
    is_in=lambda: g.donor_account is not None,
)
LINKS.register(account)


@account.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    with services().write(current_account().actor) as act:
        end_donor_sessions(act.session.get_one(DonorAccount, current_account().id))
    end_session(session)
    flash(gettext("You are signed out, here and on every other device."))
    return redirect(url_for("account.sign_in"), 303)
