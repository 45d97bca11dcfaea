"""What a donor does on the page of a gift that is paid by instructions."""

from flask import abort, redirect, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from portal.forms import Problem
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.giving.gift.page import find_gift, region_and_mode, render_page, show_gift
from portal.giving.gift.transfer import tell_reminders
from portal.giving.visitors import hold_to, keep_private, read_caller
from portal.i18n import gettext
from portal.intake.admission import TooManyTries
from portal.intake.change_mode import ModeNotOffered, change_mode
from portal.intake.checkout import page_url
from portal.logs import get_logger
from portal.payments.proofs import (
    EmptyProof,
    ProofNotKept,
    ProofRefused,
    TooManyProofs,
    WrongKindOfProof,
    keep_proof,
)
from portal.payments.transfers import ReminderSchedule, find_watch, stop_reminders, take_word
from portal.regions.catalogue import Mode, Proof
from portal.services import DONOR
from portal.web import guard_public_post, services

log = get_logger()

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
