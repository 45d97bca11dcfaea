"""The register: found, exported and explained number by number; voided, replaced and sent again."""

import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

from flask import (
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue

from portal.clock import read_day
from portal.i18n import gettext
from portal.jobs.promising import SendReceipt
from portal.receipts.actions import close_action, find_locks, is_locked, list_open, lock_period
from portal.receipts.explaining import explain, find_numbered
from portal.receipts.gaps import find_gaps, list_gaps
from portal.receipts.operations import void_receipt
from portal.receipts.register import Receipt, ReceiptGap, read_label
from portal.receipts.rendering import render_receipt
from portal.receipts.yearly import hold_receipt, replace_receipt
from portal.records.receipts import (
    PAGE,
    ReceiptFilter,
    ReceiptState,
    list_register,
    list_series,
    read_filter,
    stream_receipts,
    write_receipts,
)
from portal.services import Act, take_key
from portal.staff.access import current_actor, may, staff
from portal.staff.forms import make_once, read_once, read_reason
from portal.staff.labels import ACTS, current_catalogue
from portal.staff.queries import name_actors
from portal.web import send_csv, services, utc_now

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def name_issuers() -> dict[str, str]:
    """The issuers' legal names by their keys."""
    catalogue = current_catalogue()
    regions = [*catalogue.former.values(), *catalogue.regions.values()]
    return {region.issuer.key: region.issuer.legal_name for region in regions}


@staff.get("/receipts")
def receipts() -> ResponseReturnValue:
    wanted = read_filter(request.args)
    with services().database.read() as session:
        found = list_register(session, wanted, request.args.get("before", type=int))
        issuers, years = list_series(session)
        actions, locks = list_open(session), find_locks(session)
        left_out = list_gaps(session)
    return render_template(
        "staff/receipts.html",
        receipts=found[:PAGE],
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        wanted=wanted,
        asked=_as_args(wanted),
        issuers=[(key, name_issuers().get(key, key)) for key in issuers],
        years=[(str(year), str(year)) for year in years],
        states=ReceiptState,
        actions=actions,
        locks=locks,
        left_out=left_out,
        today=utc_now().date(),
    )


def _as_args(wanted: ReceiptFilter) -> dict[str, str]:
    given = {"q": wanted.text, "state": wanted.state, "issuer": wanted.issuer}
    given["year"] = str(wanted.year or "")
    return {name: text for name, text in given.items() if text}


@staff.get("/receipts/export.<form>")
def export_receipts(form: str) -> ResponseReturnValue:
    """The register as it is narrowed, as CSV or XLSX."""
    wanted = read_filter(request.args)
    if form not in {"csv", "xlsx"}:
        abort(404)
    with services().write(current_actor()) as act:
        asked = {name: "*" if name == "q" else text for name, text in _as_args(wanted).items()}
        filters = "&".join(f"{name}={text}" for name, text in asked.items())
        act.note("receipts_export", "receipts", {"filters": filters})
    if form == "csv":
        return send_csv("receipts", stream_receipts(services().database, wanted))
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the response
    write_receipts(services().database, wanted, file)
    return send_file_of(file, XLSX, f"receipts-{utc_now():%Y-%m-%d-%H%M}.xlsx")


def send_file_of(file: IO[bytes], mimetype: str, filename: str) -> Response:
    """What a file holds, which is closed and gone then."""
    file.seek(0)
    response = Response(stream_with_context(_read_through(file)), mimetype=mimetype)
    response.call_on_close(file.close)
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _read_through(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(65_536):
            yield piece


@staff.get("/receipts/<label>")
def receipt(label: str) -> ResponseReturnValue:
    """A number explained, or a choice where several issuers have it."""
    number = read_label(label)
    if number is None:
        abort(404)
    series, year, which = number
    with services().database.read() as session:
        issuer = request.args.get("issuer", "")
        found = find_numbered(session, year, which, series, issuer)
        left_out = find_gaps(session, year, which, series, issuer)
    if len(found) == 1 and not left_out:
        return _show(found[0].id)
    return _choose(label, found, left_out)


def _choose(
    label: str, found: Sequence[Receipt], left_out: Sequence[ReceiptGap]
) -> ResponseReturnValue:
    page = render_template(
        "staff/receipt_choice.html",
        receipts=found,
        left_out=left_out,
        issuers=name_issuers(),
        label=label,
    )
    return page, 200 if found or left_out else 404


def _show(receipt_id: int, problem: str = "") -> ResponseReturnValue:
    with services().database.read() as session:
        told = explain(session, session.get_one(Receipt, receipt_id))
        page = render_template(
            "staff/receipt.html",
            told=told,
            receipt=told.receipt,
            is_open_to_change=may("finance") and told.receipt.voided_at is None,
            is_locked=is_locked(session, told.receipt),
            actors=name_actors(session),
            acts=ACTS,
            once=make_once(),
            problem=problem,
            reason=request.form.get("reason", ""),
        )
    return page, 422 if problem else 200


@staff.get("/receipts/number/<int:receipt_id>.pdf")
def receipt_document(receipt_id: int) -> ResponseReturnValue:
    """The document of a receipt; marked where it is void."""
    with services().database.read() as session:
        found = session.get(Receipt, receipt_id) or abort(404)
    response = Response(render_receipt(services(), receipt_id), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{found.label}.pdf"'
    return response


@staff.post("/receipts/number/<int:receipt_id>/void")
def send_void(receipt_id: int) -> ResponseReturnValue:
    """Void a receipt by finance's written reason; with `replace` another takes its place."""
    reason = read_reason(request.form)
    if not reason:
        return _show(_find(receipt_id).id, gettext("Enter a reason, which stays in the register"))
    with services().write(current_actor()) as act:
        held = hold_receipt(act.session, receipt_id) or abort(404)
        if held.voided_at is not None:
            flash(gettext("This receipt is void already."))
            return _go_to(held)
        return _go_to(_void(act, held, reason))


def _void(act: Act, held: Receipt, reason: str) -> Receipt:
    """Void or replace a receipt; the one that there is something to see of."""
    is_replaced = bool(request.form.get("replace"))
    detail = {"receipt": held.label, "reason": reason}
    act.note("receipt_replace" if is_replaced else "receipt_void", f"receipt:{held.id}", detail)
    if not is_replaced:
        void_receipt(act, held, reason)
        flash(gettext("Receipt %(label)s is void.", label=held.label))
        return held
    fresh = replace_receipt(act, held, reason)
    if fresh is None:
        flash(gettext("Receipt %(label)s is void; nothing is left to receipt.", label=held.label))
        return held
    act.promise(SendReceipt(fresh.id))
    flash(gettext("%(label)s replaces it and is on its way.", label=fresh.label))
    return fresh


def _find(receipt_id: int) -> Receipt:
    with services().database.read() as session:
        return session.get(Receipt, receipt_id) or abort(404)


def _go_to(found: Receipt) -> ResponseReturnValue:
    return redirect(url_for("staff.receipt", label=found.label, issuer=found.issuer), 303)


@staff.post("/receipts/number/<int:receipt_id>/send")
def send_duplicate(receipt_id: int) -> ResponseReturnValue:
    """Send a receipt once more: the same document to the byte, and the letter says so."""
    found, once = _find(receipt_id), read_once(request.form)
    if found.voided_at is not None:
        flash(gettext("A void receipt is not sent."))
        return _go_to(found)
    subject = f"receipt:{receipt_id}"
    with services().write(current_actor()) as act:
        if take_key(act, "receipt_resend", subject, once):
            act.note("receipt_resend", subject, {"receipt": found.label, "once": once})
            act.promise(SendReceipt(found.id, once, act.actor))
    flash(gettext("Receipt %(label)s is on its way.", label=found.label))
    return _go_to(found)


@staff.post("/receipts/actions/<int:action_id>")
def send_action(action_id: int) -> ResponseReturnValue:
    """Close an action by what was decided."""
    note = read_reason(request.form)
    if not note:
        flash(gettext("Enter what was decided."))
        return redirect(url_for("staff.receipts", _anchor="actions"), 303)
    with services().write(current_actor()) as act:
        action = close_action(act, action_id, note) or abort(404)
        detail = {"reason": note}
        act.note("receipt_action", f"receipt:{action.receipt_id}", detail)
    flash(gettext("That is decided."))
    return redirect(url_for("staff.receipts", _anchor="actions"), 303)


@staff.post("/receipts/lock")
def send_lock() -> ResponseReturnValue:
    """Lock an issuer's receipts until a day."""
    issuer, until = request.form.get("issuer", ""), read_day(request.form.get("until", ""))
    if issuer not in name_issuers() or until is None:
        flash(gettext("Choose an issuer, and enter a date like 2026-12-31."))
    else:
        with services().write(current_actor()) as act:
            lock_period(act, issuer, until)
        flash(gettext("Receipts until %(day)s are locked.", day=until.isoformat()))
    return redirect(url_for("staff.receipts", _anchor="locks"), 303)
