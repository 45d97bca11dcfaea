"""Where anybody asks whether a document was issued here and stands: by file, or number and code."""

from flask import Response, abort, current_app, render_template, request
from werkzeug.exceptions import RequestEntityTooLarge

from portal import limits
from portal.areas import list_languages
from portal.forms import LineField, PortalForm, Problem
from portal.giving.gift.views import ENVELOPE_BYTES
from portal.giving.visitors import hold_to, keep_private, visitor_language
from portal.i18n import gettext, set_locale
from portal.receipts.verifying import Verdict, judge_file, judge_number
from portal.web import client_key, guard_public_post, services, utc_now

MOST_MEGABYTES = 5
MOST_BYTES = MOST_MEGABYTES * 1_000_000
FILES_AN_HOUR = 100
# Of number and code; who reads them from paper is right soon.
MISSES, MISSES_AN_HOUR = "verify", 20
HOUR = 3600


class VerifyForm(PortalForm):
    number = LineField(ask="Enter the number of the document, like 2026-000417", longest=40)
    code = LineField(ask="Enter the code that stands beside the number", longest=40)


def verify() -> Response:
    """The two questions, unanswered."""
    set_locale(visitor_language())
    return _show(VerifyForm())


def send_verify() -> Response:
    """The answer: one word of four, and what it means."""
    guard_public_post()
    request.max_content_length = MOST_BYTES + ENVELOPE_BYTES
    set_locale(visitor_language())
    try:
        is_file = "file" in request.files
    except RequestEntityTooLarge:
        return _refuse_file(413)
    return _answer_file() if is_file else _answer_number()


def _answer_file() -> Response:
    file = request.files["file"]
    if not file.filename:
        return _refuse_file(422)
    hold_to(FILES_AN_HOUR, "verify_files")
    with services().database.read() as session:
        verdict = judge_file(session, file.stream)
    return _show(VerifyForm(), verdict, _explain_file(verdict))


def _refuse_file(status: int) -> Response:
    sentence = gettext("Choose a PDF of at most %(number)s MB", number=MOST_MEGABYTES)
    return _show(VerifyForm(), problem=Problem("file", sentence), status=status)


def _answer_number() -> Response:
    form = VerifyForm(request.form)
    if not form.validate():
        return _show(form, status=422)
    who, now = client_key(), utc_now()
    with services().database.read() as session:
        missed = limits.count(session, MISSES, who, seconds=HOUR, now=now)
        if missed >= MISSES_AN_HOUR:
            abort(429)
        verdict = judge_number(session, form.number.data, form.code.data)
    if verdict is Verdict.UNKNOWN:
        hold_to(MISSES_AN_HOUR, MISSES)
    return _show(form, verdict, _explain_number(verdict))


def _show(
    form: VerifyForm,
    verdict: Verdict | None = None,
    text: str = "",
    *,
    problem: Problem | None = None,
    status: int = 200,
) -> Response:
    page = render_template(
        "giving/verify.html",
        form=form,
        verdict=verdict,
        heading=name_verdict(verdict) if verdict else gettext("Verify a document"),
        text=text,
        problems=(problem,) if problem else form.problems,
        file_error=problem.sentence if problem else "",
        most_megabytes=MOST_MEGABYTES,
        languages=list_languages(),
    )
    return keep_private(current_app.make_response((page, status)))


def name_verdict(verdict: Verdict) -> str:
    """What a document is, as the page's heading."""
    return {
        Verdict.VALID: gettext("This document is valid"),
        Verdict.CANCELLED: gettext("This document is cancelled"),
        Verdict.REPLACED: gettext("This document is replaced"),
        Verdict.UNKNOWN: gettext("This document is unknown"),
    }[verdict]


def _explain_file(verdict: Verdict) -> str:
    return {
        **_explain_state(),
        Verdict.VALID: gettext("It was issued here as it is, and it stands."),
        Verdict.UNKNOWN: gettext(
            "This file is not, byte for byte, a document for a gift that was issued here. One that "
            "was changed, saved anew or printed to a PDF since can’t be told from a forgery: take "
            "the file as it came by e-mail, or the number and the code at its end. A yearly list "
            "is no such document."
        ),
    }[verdict]


def _explain_number(verdict: Verdict) -> str:
    return {
        **_explain_state(),
        Verdict.VALID: gettext(
            "A document with this number and code was issued here, and it stands. Only its file "
            "can show that nothing else on the page was changed."
        ),
        Verdict.UNKNOWN: gettext(
            "No document has this number with this code. Look at both once more. A document "
            "without a code can only be verified by its file."
        ),
    }[verdict]


def _explain_state() -> dict[Verdict, str]:
    return {
        Verdict.CANCELLED: gettext(
            "It was issued here and no longer stands: it was cancelled, or its gift went back. Ask "
            "who gave it to you."
        ),
        Verdict.REPLACED: gettext(
            "It was issued here, and another document or a marked copy took its place. Ask who "
            "gave it to you for the newer one."
        ),
    }
