"""A year's receipts in bulk: looked at first, begun, watched, stopped, resumed and handed out."""

import re
import tempfile
from dataclasses import dataclass

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

from portal.i18n import gettext
from portal.receipts.planning import Reason
from portal.receipts.run_reports import (
    list_came_back,
    list_left_out,
    list_refused,
    list_runs,
    measure_run,
    preview_run,
    stream_zip,
    write_print,
)
from portal.receipts.runs import (
    ReceiptRun,
    RunRefused,
    RunState,
    begin_run,
    hold_run,
    resume_run,
    stop_run,
)
from portal.receipts.yearly import find_span
from portal.regions.catalogue import ReceiptRule
from portal.staff.access import current_actor, may, staff
from portal.staff.queries import name_actors
from portal.staff.receipts.views import name_issuers, send_file_of
from portal.web import services, utc_now

SECONDS = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """The run that is asked for."""

    issuer: str
    year: int
    rule: ReceiptRule


def _read_wish(given: dict[str, str]) -> Wish | None:
    issuer, year, rule = (given.get(name, "") for name in ("issuer", "year", "rule"))
    is_year = re.fullmatch(r"20\d\d", year, re.ASCII)
    if issuer not in name_issuers() or not is_year or rule not in {*ReceiptRule}:
        return None
    return Wish(issuer, int(year), ReceiptRule(rule))


@staff.get("/receipts/runs")
def receipt_runs() -> ResponseReturnValue:
    """The runs; with an issuer, a year and a rule, what one would do."""
    wish = _read_wish(request.args.to_dict()) if "issuer" in request.args else None
    with services().database.read() as session:
        catalogue = services().catalogue
        preview = (
            preview_run(session, catalogue, wish.issuer, wish.year, wish.rule) if wish else None
        )
        runs, actors = list_runs(session), name_actors(session)
    return render_template(
        "staff/receipt_runs.html",
        runs=runs,
        actors=actors,
        wish=wish,
        is_wrong="issuer" in request.args and wish is None,
        preview=preview,
        span=find_span(catalogue, wish.issuer, wish.year) if wish else (),
        can_begin=preview is not None and bool(preview.totals) and may("finance"),
        issuers=sorted(name_issuers().items(), key=lambda one: one[1]),
        names=name_issuers(),
        rules=list(ReceiptRule),
        reasons=name_reasons(),
        last_year=utc_now().year - 1,
    )


def name_reasons() -> dict[str, str]:
    """Why a gift gets no receipt, in words."""
    return {one.value: one.label for one in Reason}


@staff.post("/receipts/runs")
def send_run() -> ResponseReturnValue:
    """Begin the run that was looked at."""
    wish = _read_wish(request.form.to_dict()) or abort(400)
    try:
        with services().write(current_actor()) as act:
            run_id = begin_run(act, wish.issuer, wish.year, wish.rule).id
    except RunRefused as error:
        flash(str(error))
        return redirect(url_for("staff.receipt_runs"), 303)
    flash(gettext("The receipts are being issued and sent."))
    return redirect(url_for("staff.receipt_run", run_id=run_id), 303)


@staff.get("/receipts/runs/<int:run_id>")
def receipt_run(run_id: int) -> ResponseReturnValue:
    with services().database.read() as session:
        run = session.get(ReceiptRun, run_id) or abort(404)
        page = render_template(
            "staff/receipt_run.html",
            run=run,
            progress=measure_run(session, run_id),
            left_out=list_left_out(session, run_id),
            refused=list_refused(session, run_id),
            came_back=list_came_back(session, run_id),
            reasons=name_reasons(),
            names=name_issuers(),
            actors=name_actors(session),
            states=RunState,
        )
    response = Response(page)
    if run.state is RunState.RUNNING:
        response.headers["Refresh"] = str(SECONDS)
    return response


@staff.post("/receipts/runs/<int:run_id>")
def send_run_state(run_id: int) -> ResponseReturnValue:
    """Stop a run, or go on with it."""
    change = stop_run if request.form.get("state") == RunState.STOPPED else resume_run
    try:
        with services().write(current_actor()) as act:
            change(act, hold_run(act.session, run_id) or abort(404))
    except RunRefused as error:
        flash(str(error))
    return redirect(url_for("staff.receipt_run", run_id=run_id), 303)


def _find(run_id: int) -> ReceiptRun:
    with services().database.read() as session:
        return session.get(ReceiptRun, run_id) or abort(404)


@staff.get("/receipts/runs/<int:run_id>/receipts.zip")
def run_zip(run_id: int) -> ResponseReturnValue:
    """All documents of a run, as they are read."""
    run = _find(run_id)
    pieces = stream_with_context(stream_zip(services(), run_id))
    response = Response(pieces, mimetype="application/zip")
    name = f"receipts-{run.issuer}-{run.year}.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@staff.get("/receipts/runs/<int:run_id>/print.pdf")
def run_print(run_id: int) -> ResponseReturnValue:
    """What goes out on paper, an address page before each document."""
    run = _find(run_id)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the response
    if not write_print(services(), run_id, file):
        file.close()
        flash(gettext("Nothing of this run goes out on paper."))
        return redirect(url_for("staff.receipt_run", run_id=run_id), 303)
    return send_file_of(file, "application/pdf", f"print-{run.issuer}-{run.year}.pdf")
