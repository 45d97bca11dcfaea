"""A gift's page for its donor: what it shows, and what they do there in every way to pay."""

import contextlib
import re
from datetime import datetime
from math import ceil

from flask import Response as FlaskResponse
from flask import abort, current_app, g, redirect, render_template, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from portal.codes.terms import Frequency
from portal.forms import Problem
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, Plan
from portal.gifts.operations import lock_gift
from portal.gifts.queries import find_plan
from portal.giving.gift.page import (
    find_gift,
    form_url,
    list_monthly_actions,
    region_and_mode,
    render_page,
    show_gift,
    support_email,
)
from portal.giving.gift.transfer import tell_reminders
from portal.giving.gift.words import Arrival, name_fund, name_mode, tell_plan
from portal.giving.visitors import hold_to, keep_private, read_caller
from portal.i18n import gettext
from portal.intake.admission import TooManyTries, read_turn, turn_url
from portal.intake.change_mode import (
    ATTEMPTS_AN_HOUR,
    ModeNotOffered,
    change_mode,
    resume_gift,
)
from portal.intake.checkout import go_on, look_up_return, may_look_up, page_url, was_handed_off
from portal.intake.start import NotAllowed
from portal.logs import get_logger
from portal.payments.proofs import (
    EmptyProof,
    ProofNotKept,
    ProofRefused,
    TooManyProofs,
    WrongKindOfProof,
    keep_proof,
)
from portal.payments.providers import ProviderBusy, ProviderRefused, ProviderUnavailable
from portal.payments.transfers import ReminderSchedule, find_watch, stop_reminders, take_word
from portal.receipts.composition import receipt_mark
from portal.receipts.register import Receipt, find_receipt
from portal.receipts.rendering import render_receipt
from portal.regions.catalogue import Mode, Proof, Region
from portal.services import DONOR
from portal.web import guard_public_post, services, utc_now

# Texts say "seconds".
SOONEST_SECONDS = 2
SESSION_ID = re.compile(r"[\w-]{1,80}", re.ASCII)


def gift(token: str) -> Response:
    """Where a gift stands and what is next; a return from the pay page is looked up first."""
    found = find_gift(token)
    session_id = request.args.get("session_id", "")
    if SESSION_ID.fullmatch(session_id) and was_handed_off(services(), found, session_id):
        _look_up(found, session_id)
        return keep_private(redirect(_page_after_return(token), 303))
    return show_gift(found, _read_arrival())


def _look_up(found: Gift, session_id: str) -> None:
    """Ask its provider how it went, unless that is known or was asked often just now."""
    if found.status.is_received or not may_look_up(services(), found):
        return
    # The webhook or the comparison tells the same.
    with contextlib.suppress(ProviderBusy):
        look_up_return(services(), found, session_id=session_id)


def _read_arrival() -> Arrival:
    named = (one for one in Arrival if one and request.args.get(one) == "1")
    return next(named, Arrival.NONE)


def _page_after_return(token: str) -> str:
    """The gift's page; while no word of a payment has come, one that asks for patience."""
    found = find_gift(token)
    page = page_url(found)
    return f"{page}?{Arrival.RETURNED}=1" if found.status is Status.PENDING else page


def pay(token: str) -> Response:
    """Hand the donor of an unpaid gift to the payment page once more."""
    guard_public_post()
    found = find_gift(token)
    region, mode = region_and_mode(found)
    if region is None or mode is None or mode.is_instructed:
        return keep_private(redirect(page_url(found), 303))
    try:
        url = resume_gift(
            services(),
            region,
            found,
            caller=read_caller(),
        )
    except TooManyTries:
        abort(429)
    except NotAllowed as refused:
        return _refuse_use(found, refused)
    return keep_private(redirect(url, 303))


def _refuse_use(found: Gift, refused: NotAllowed) -> Response:
    """Say that no use of the gift's code is left, with the way to give without it."""
    problem = Problem("without", refused.refusal.why)
    return show_gift(found, problem=problem, status=422)


def go_to_pay(token: str) -> Response:
    """Lead on a donor whose provider was busy, once it is their turn; until then, say when it is.

    This only ends what a form began: without the signed turn it leads to the gift's page.
    """
    found = find_gift(token)
    region, _ = region_and_mode(found)
    due = read_turn(services().settings, token, request.args.get("turn", ""))
    if region is None or due is None:
        return keep_private(redirect(page_url(found), 303))
    seconds = ceil((due - utc_now()).total_seconds())
    if seconds > 0 and found.status.is_open:
        return _ask_to_wait(found, region, due, seconds)
    return keep_private(redirect(go_on(services(), region, found, due), 303))


def _ask_to_wait(found: Gift, region: Region, due: datetime, seconds: int) -> FlaskResponse:
    url = turn_url(services().settings, found.token, due)
    seconds = max(seconds, SOONEST_SECONDS)
    page = render_template("giving/turn.html", url=url, seconds=seconds, region=region)
    response = current_app.make_response((page, 503))
    response.headers["Retry-After"] = str(seconds)
    return keep_private(response)


def receipt(token: str) -> FlaskResponse:
    """The receipt as PDF, marked where the gift did not stay as it was."""
    found = find_gift(token)
    stored = _find_receipt(found)
    if stored is None:
        abort(404)
    pdf = render_receipt(services(), stored.id, mark=receipt_mark(found))
    response = current_app.response_class(pdf, mimetype="application/pdf")
    response.headers.set("Content-Disposition", "inline", filename=f"receipt-{stored.label}.pdf")
    return keep_private(response)


def _find_receipt(found: Gift) -> Receipt | None:
    if not found.status.is_received:
        return None
    with services().database.read() as session:
        return find_receipt(session, found.id)


log = get_logger()


def monthly(token: str) -> Response:
    """What is taken each month, and what can be done about it."""
    return _show(*_find(token))


def stop_monthly(token: str) -> Response:
    """End the monthly gift now; asked twice it is ended once."""
    guard_public_post()
    found, plan = _find(token)
    hold_to(ATTEMPTS_AN_HOUR, "attempts")
    try:
        services().providers.get_monthly(plan.provider).stop(services(), found.id, actor="donor")
    except (ProviderUnavailable, ProviderRefused) as error:
        log.warning("monthly_not_stopped", gift_id=found.id, why=type(error).__name__)
        return _show(found, plan, Problem("stop", _not_now(found, error)), 503)
    log.info("monthly_stopped", gift_id=found.id)
    return keep_private(redirect(f"{page_url(found)}/monthly", 303))


def change_card(token: str) -> Response:
    """On to the provider's page, where the card or account is kept and can be changed."""
    guard_public_post()
    found, plan = _find(token)
    hold_to(ATTEMPTS_AN_HOUR, "attempts")
    if plan.running is None or plan.stripe_customer_id is None:
        return keep_private(redirect(f"{page_url(found)}/monthly", 303))
    back = f"{services().settings.base_url}{page_url(found)}/monthly"
    try:
        cards = services().providers.get_monthly(plan.provider)
        url = cards.open_card_page(plan.stripe_customer_id, locale=found.locale, return_url=back)
    except (ProviderUnavailable, ProviderRefused) as error:
        log.warning("billing_page_not_opened", gift_id=found.id, why=type(error).__name__)
        return _show(found, plan, Problem("card", _not_now(found, error)), 503)
    return keep_private(redirect(url, 303))


def _find(token: str) -> tuple[Gift, Plan]:
    """A gift and the monthly gift it belongs to, once that has begun."""
    found = find_gift(token)
    with services().database.read() as session:
        plan = find_plan(session, found)
    if plan is None or plan.stripe_subscription_id is None:
        abort(404)
    return found, plan


def _not_now(found: Gift, error: Exception) -> str:
    region, _ = region_and_mode(found)
    if isinstance(error, ProviderBusy):
        return gettext(
            "The payment service is busy with many gifts at this moment, so nothing has changed. "
            "Try again in a minute, or write to %(email)s",
            email=support_email(region),
        )
    return gettext(
        "We can’t reach the payment service just now, so nothing has changed. Try again in a "
        "minute, or write to %(email)s",
        email=support_email(region),
    )


def _anew(found: Gift, region: Region) -> str:
    """The form with all of this gift's choices."""
    return form_url(
        found, region, code=found.code or "", mode=found.mode, frequency=Frequency.MONTHLY
    )


def _show(found: Gift, plan: Plan, problem: Problem | None = None, status: int = 200) -> Response:
    region, mode = region_and_mode(found)
    timezone = region.issuer.timezone if region else "UTC"
    message = tell_plan(plan, timezone) or abort(404)
    g.csp_form_action = ("'self'", *services().providers.card_origins)
    provider = services().providers.find(plan.provider)
    return render_page(
        "giving/monthly.html",
        found,
        message,
        status=status,
        plan=plan,
        provider=provider.title if provider else "",
        actions=list_monthly_actions(plan, has_region=region is not None),
        problem=problem,
        timezone=timezone,
        fund=name_fund(found, region),
        mode_name=name_mode(found, mode),
        form_url=_anew(found, region) if region else "",
    )


PROOFS_AN_HOUR = 20
# What a multipart form needs around the file itself.
ENVELOPE_BYTES = 20_000


def say_paid(token: str) -> Response:
    """Take the donor's word that they have paid: noted, and no evidence of money."""
    guard_public_post()
    found = find_gift(token)
    mode = _manual_mode(found)
    if mode is not None:
        with services().write(DONOR) as act:
            is_new = take_word(act, lock_gift(act.session, found.id), ReminderSchedule.of(mode))
        if is_new:
            log.info("giver_says_paid", gift_id=found.id)
    return _back(found)


def choose_mode(token: str) -> Response:
    """Pay the same gift in another way."""
    guard_public_post()
    found = find_gift(token)
    region, _ = region_and_mode(found)
    if region is None:
        abort(404)
    try:
        url = change_mode(
            services(),
            region,
            found,
            key=request.form.get("mode", "")[:40],
            caller=read_caller(),
        )
    except TooManyTries:
        abort(429)
    except ModeNotOffered:
        sentence = gettext("This gift can’t be paid in that way; choose one of these")
        return show_gift(found, problem=Problem("ways", sentence), status=422)
    except NotAllowed as refused:
        return _refuse_use(found, refused)
    return keep_private(redirect(url, 303))


def send_proof(token: str) -> Response:
    """Keep a picture or PDF that shows the payment, for staff to see."""
    guard_public_post()
    request.max_content_length = services().settings.upload_bytes + ENVELOPE_BYTES
    found = find_gift(token)
    mode = _manual_mode(found)
    if mode is None or mode.proof is Proof.NONE or not found.status.is_open:
        return _back(found)
    hold_to(PROOFS_AN_HOUR, "proofs")
    try:
        content = _read_upload()
        keep_proof(services(), services().settings.uploads_path, found, content)
    except ProofRefused as refusal:
        log.info("proof_refused", gift_id=found.id, why=type(refusal).__name__)
        sentence, status = _explain(refusal)
        return show_gift(found, problem=Problem("proof-file", sentence), status=status)
    return _back(found, "#proof")


class ProofTooLarge(ProofRefused):
    """More than the settings allow."""


def _read_upload() -> bytes:
    """The file of the form; its name is never looked at."""
    most = services().settings.upload_bytes
    try:
        upload = request.files.get("proof")
        content = upload.read(most + 1) if upload else b""
    except RequestEntityTooLarge as error:
        raise ProofTooLarge from error
    if len(content) > most:
        raise ProofTooLarge
    return content


def _explain(refusal: ProofRefused) -> tuple[str, int]:
    """What to do about a file that was not kept, and the answer's status."""
    most = services().settings.upload_megabytes
    answers: dict[type[ProofRefused], tuple[str, int]] = {
        EmptyProof: (gettext("Choose a picture or PDF that isn’t empty"), 422),
        WrongKindOfProof: (
            gettext("Choose a picture (PNG, JPEG, WebP or HEIC) or a PDF; this file is neither"),
            422,
        ),
        TooManyProofs: (
            gettext("We have enough files for this gift; write to us if one is missing"),
            422,
        ),
        ProofTooLarge: (gettext("Choose a file of at most %(number)s MB", number=most), 413),
        ProofNotKept: (
            gettext("We can’t keep your file just now; nothing is lost, try again in a minute"),
            503,
        ),
    }
    return answers[type(refusal)]


def reminders(token: str) -> Response:
    """Ask before the reminders are stopped: mail programs open every link by themselves."""
    found = find_gift(token)
    with services().database.read() as session:
        watch = find_watch(session, found.id)
    are_stopped = watch is None or watch.stopped_at is not None
    message = tell_reminders(found, are_stopped=are_stopped)
    return render_page("giving/reminders.html", found, message, are_stopped=are_stopped)


def end_reminders(token: str) -> Response:
    guard_public_post()
    found = find_gift(token)
    with services().write(DONOR) as act:
        stop_reminders(act, lock_gift(act.session, found.id))
    return keep_private(redirect(f"{page_url(found)}/reminders", 303))


def _manual_mode(found: Gift) -> Mode | None:
    """The mode of a gift that is paid by instructions."""
    _, mode = region_and_mode(found)
    return mode if mode is not None and mode.is_instructed else None


def _back(found: Gift, anchor: str = "") -> Response:
    return keep_private(redirect(f"{page_url(found)}{anchor}", 303))
