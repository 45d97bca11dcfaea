"""Who may open what: one table, and a door that is shut for all that is not in it."""

from functools import lru_cache
from typing import cast
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue

from portal.areas import csrf, keep_private
from portal.codes.terms import CodeState
from portal.gifts.lifecycle import Status
from portal.i18n import current_locale, gettext, pick, set_locale
from portal.payments.statements.formats.texts import FILE_LIMIT
from portal.receipts.schedules import MOST_BYTES as TEMPLATE_BYTES
from portal.regions.branding import MOST_BYTES
from portal.signin.accounts import Role, StaffUser, actor_of, find_signed_in
from portal.staff import labels
from portal.staff.audit import name_actor
from portal.web import services, utc_now

staff = Blueprint("staff", __name__, url_prefix="/staff")

LANGUAGES = ("en", "fr")

OPEN = frozenset({"staff.sign_in", "staff.send_sign_in"})
NEEDED = {
    "staff.dashboard": Role.VIEWER,
    "staff.first_steps": Role.ADMIN,
    "staff.gifts": Role.VIEWER,
    "staff.gift": Role.VIEWER,
    "staff.receipt_pdf": Role.VIEWER,
    "staff.receipt": Role.VIEWER,
    "staff.receipts": Role.VIEWER,
    "staff.receipt_document": Role.VIEWER,
    "staff.export_receipts": Role.FINANCE,
    "staff.send_void": Role.FINANCE,
    "staff.send_duplicate": Role.FINANCE,
    "staff.send_action": Role.FINANCE,
    "staff.bounces": Role.FINANCE,
    "staff.send_bounce": Role.FINANCE,
    "staff.send_lock": Role.FINANCE,
    "staff.receipt_runs": Role.VIEWER,
    "staff.receipt_run": Role.VIEWER,
    "staff.send_run": Role.FINANCE,
    "staff.send_run_state": Role.FINANCE,
    "staff.run_zip": Role.FINANCE,
    "staff.run_print": Role.FINANCE,
    "staff.proof": Role.FINANCE,
    "staff.send_expiry": Role.FINANCE,
    "staff.events": Role.VIEWER,
    "staff.password": Role.VIEWER,
    "staff.send_password": Role.VIEWER,
    "staff.sign_out": Role.VIEWER,
    "staff.statements": Role.VIEWER,
    "staff.reconcile": Role.VIEWER,
    "staff.line": Role.VIEWER,
    "staff.send_statement": Role.FINANCE,
    "staff.preview_statement": Role.FINANCE,
    "staff.withdrawal": Role.FINANCE,
    "staff.send_withdrawal": Role.FINANCE,
    "staff.match_again": Role.FINANCE,
    "staff.decide_lines": Role.FINANCE,
    "staff.match_line": Role.FINANCE,
    "staff.claim_line": Role.FINANCE,
    "staff.ignore_line": Role.FINANCE,
    "staff.reopen": Role.FINANCE,
    "staff.undo": Role.FINANCE,
    "staff.settle": Role.FINANCE,
    "staff.receive": Role.FINANCE,
    "staff.send_receive": Role.FINANCE,
    "staff.unreceive": Role.FINANCE,
    "staff.export": Role.FINANCE,
    "staff.export_lines": Role.FINANCE,
    "staff.refund": Role.FINANCE,
    "staff.send_refund": Role.FINANCE,
    "staff.stop_monthly": Role.FINANCE,
    "staff.send_stop_monthly": Role.FINANCE,
    "staff.resend_receipt": Role.FINANCE,
    "staff.contact": Role.FINANCE,
    "staff.send_contact": Role.FINANCE,
    "staff.donors": Role.FINANCE,
    "staff.send_donors": Role.FINANCE,
    "staff.merge": Role.FINANCE,
    "staff.send_merge": Role.FINANCE,
    "staff.undo_donors": Role.FINANCE,
    "staff.particulars": Role.FINANCE,
    "staff.send_particulars": Role.FINANCE,
    "staff.donor_numbers": Role.FINANCE,
    "staff.send_donor_numbers": Role.FINANCE,
    "staff.drop_donor_number": Role.FINANCE,
    "staff.declaration": Role.FINANCE,
    "staff.send_declaration": Role.FINANCE,
    "staff.confirm_declaration": Role.FINANCE,
    "staff.cancel_declaration": Role.FINANCE,
    "staff.filings": Role.FINANCE,
    "staff.filing": Role.FINANCE,
    "staff.gift_aid": Role.FINANCE,
    "staff.send_claim": Role.FINANCE,
    "staff.withdraw_gift_aid": Role.FINANCE,
    "staff.send_template": Role.FINANCE,
    "staff.gift_aid_file": Role.FINANCE,
    "staff.retry_event": Role.FINANCE,
    "staff.claim_event": Role.FINANCE,
    "staff.retry_job": Role.FINANCE,
    "staff.codes": Role.VIEWER,
    "staff.code": Role.VIEWER,
    "staff.simulate_code": Role.VIEWER,
    "staff.new_code": Role.ADMIN,
    "staff.send_new_code": Role.ADMIN,
    "staff.edit_code": Role.ADMIN,
    "staff.send_code": Role.ADMIN,
    "staff.send_code_state": Role.ADMIN,
    "staff.return_code": Role.ADMIN,
    "staff.bulk": Role.ADMIN,
    "staff.send_bulk": Role.ADMIN,
    "staff.upload": Role.ADMIN,
    "staff.start_import": Role.ADMIN,
    "staff.drop_import": Role.ADMIN,
    "staff.rejected": Role.ADMIN,
    "staff.generate_codes": Role.ADMIN,
    "staff.batch": Role.ADMIN,
    "staff.export_codes": Role.ADMIN,
    "staff.scopes": Role.VIEWER,
    "staff.scope": Role.VIEWER,
    "staff.new_scope": Role.ADMIN,
    "staff.send_new_scope": Role.ADMIN,
    "staff.edit_scope": Role.ADMIN,
    "staff.send_scope": Role.ADMIN,
    "staff.return_scope": Role.ADMIN,
    "staff.scope_people": Role.ADMIN,
    "staff.send_scope_person": Role.ADMIN,
    "staff.remove_scope_person": Role.ADMIN,
    "staff.pledges": Role.VIEWER,
    "staff.send_pledge": Role.FINANCE,
    "staff.pledge": Role.VIEWER,
    "staff.change_pledge": Role.FINANCE,
    "staff.cancel_pledge": Role.FINANCE,
    "staff.pots": Role.VIEWER,
    "staff.send_pot": Role.ADMIN,
    "staff.send_raise": Role.ADMIN,
    "staff.send_close": Role.ADMIN,
    "staff.audit_log": Role.ADMIN,
    "staff.regions": Role.ADMIN,
    "staff.region": Role.ADMIN,
    "staff.move": Role.ADMIN,
    "staff.offer": Role.ADMIN,
    "staff.restore": Role.ADMIN,
    "staff.take_region_out": Role.ADMIN,
    "staff.mode": Role.ADMIN,
    "staff.send_mode": Role.ADMIN,
    "staff.new_region": Role.ADMIN,
    "staff.send_new_region": Role.ADMIN,
    "staff.edit_region": Role.ADMIN,
    "staff.send_region": Role.ADMIN,
    "staff.fund": Role.ADMIN,
    "staff.send_fund": Role.ADMIN,
    "staff.issuers": Role.ADMIN,
    "staff.issuer": Role.ADMIN,
    "staff.send_issuer": Role.ADMIN,
    "staff.history": Role.ADMIN,
    "staff.undo_change": Role.ADMIN,
    "staff.preview": Role.VIEWER,
    "staff.share": Role.VIEWER,
    "staff.share_file": Role.VIEWER,
    "staff.users": Role.ADMIN,
    "staff.send_user": Role.ADMIN,
    "staff.send_role": Role.ADMIN,
    "staff.send_active": Role.ADMIN,
}


# What these take with their forms, in bytes; a bank's file is larger than any other form.
LARGEST = {
    "staff.send_statement": FILE_LIMIT + 100_000,
    "staff.preview_statement": FILE_LIMIT + 100_000,
    "staff.send_template": TEMPLATE_BYTES + 100_000,
    "staff.send_issuer": 2 * MOST_BYTES + 500_000,
    "staff.send_fund": MOST_BYTES + 500_000,
    "staff.send_bulk": FILE_LIMIT + 100_000,
    "staff.send_new_code": MOST_BYTES + 500_000,
    "staff.send_code": MOST_BYTES + 500_000,
    "staff.send_new_scope": MOST_BYTES + 500_000,
    "staff.send_scope": MOST_BYTES + 500_000,
}


def current_user() -> StaffUser:
    """Who is signed in; only for pages that need a role."""
    return cast(StaffUser, g.staff_user)


def current_actor() -> str:
    """Who is signed in, as the log calls them: `staff:7`."""
    return actor_of(current_user())


def may(role: str) -> bool:
    """Whether the signed-in member reaches `role`; for templates."""
    user: StaffUser | None = g.get("staff_user")
    return user is not None and user.role.may(Role(role))


@staff.before_request
def admit() -> ResponseReturnValue | None:
    """Let a request in only where the table says so."""
    g.staff_user = None
    _choose_language()
    with services().database.look() as db:
        g.staff_user = find_signed_in(session, db, utc_now())
    if request.endpoint in OPEN:
        csrf.protect()
        return None
    if g.staff_user is None:
        return redirect(url_for("staff.sign_in", next=_way_back()), 303)
    # Only now: a stranger's large body is not even read.
    request.max_content_length = LARGEST.get(request.endpoint or "", request.max_content_length)
    csrf.protect()
    needed = NEEDED.get(request.endpoint or "")
    if needed is None:
        abort(403)
    if not may(needed):
        return render_template("staff/refused.html", needed=needed), 403
    return None


staff.after_request(keep_private)


@staff.after_request
def show_at_once(response: Response) -> Response:
    """Who saved something sees it; other processes look for it within a second."""
    if request.method == "POST":
        services().regions.look_again()
    return response


# Which tab a page stands under: by the room that shows it, or the wing that the room is in.
TABS = {
    "portal.staff.gifts": "staff.gifts",
    "portal.staff.gifts.gift_aid_views": "staff.receipts",
    "portal.staff.receipts": "staff.receipts",
    "portal.staff.statements": "staff.reconcile",
    "portal.staff.codes": "staff.codes",
    "portal.staff.regions": "staff.regions",
}
# Pages of rooms that have several tabs.
OWN_TABS = {"staff.send_user": "staff.users", "staff.first_steps": "staff.dashboard"}


def find_tab(endpoint: str, room: str) -> str:
    """The endpoint of the tab that a page of this room stands under; its own where none is."""
    wing = room.rpartition(".")[0]
    return TABS.get(room) or TABS.get(wing) or OWN_TABS.get(endpoint, endpoint)


def _current_tab() -> str:
    endpoint = request.endpoint or ""
    view = current_app.view_functions.get(endpoint)
    return find_tab(endpoint, view.__module__ if view else "")


@staff.context_processor
def page_values() -> dict[str, object]:
    """What every staff page's frame needs."""
    return {
        "user": g.get("staff_user"),
        "may": may,
        "current_tab": _current_tab(),
        "takes_gift_aid": _takes_gift_aid,
        "languages": LANGUAGES,
        "labels": labels,
        **_labelled(current_locale()),
        "pick": pick,
        "say": labels.say,
        "name_actor": name_actor,
    }


def _takes_gift_aid() -> bool:
    """Whether some region has Gift Aid, so that its page is worth a tab."""
    return any(region.gift_aid for region in services().catalogue.regions.values())


@lru_cache(maxsize=8)
def _labelled(_locale: str) -> dict[str, tuple[tuple[str, str], ...]]:
    """What can be chosen, with its words; once for each locale, which is the current one."""
    kinds = labels.ACCOUNT_KINDS.items()
    return {
        "labelled_statuses": tuple((one.value, one.label) for one in Status),
        "labelled_account_kinds": tuple((kind, gettext(text)) for kind, text in kinds),
        "labelled_code_states": tuple((one.value, one.label) for one in CodeState),
        "labelled_roles": tuple((one.value, one.label) for one in Role),
    }


def local_path(text: str) -> str | None:
    """A path under /staff to go on to after signing in; None for anything else."""
    parts = urlsplit(text)
    is_local = not parts.scheme and not parts.netloc and parts.path.startswith("/staff")
    return text if is_local and "\\" not in text and text.isprintable() else None


def _way_back() -> str | None:
    if request.method != "GET" or request.endpoint == "staff.dashboard":
        return None
    return request.full_path.rstrip("?")


def _choose_language() -> None:
    asked = request.args.get("lang", "")
    if asked in LANGUAGES and session.get("language") != asked:
        session["language"] = asked
    wanted = session.get("language") or request.accept_languages.best_match(LANGUAGES) or "en"
    set_locale(wanted)
