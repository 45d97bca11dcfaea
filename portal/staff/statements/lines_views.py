"""The clerk's page: a month's open lines, surest first, many decided at once."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from portal.clock import read_day
from portal.i18n import gettext, ngettext
from portal.payments.books import count_totals
from portal.payments.statements.decisions import confirm_many
from portal.payments.statements.models import LineState
from portal.payments.statements.operations import ignore_lines
from portal.payments.statements.queries import Cursor, LineFilter, find_file, list_lines
from portal.records.export.stream import stream_lines
from portal.signin.models import Role
from portal.staff.access import current_actor, may, staff
from portal.staff.forms import read_reason
from portal.staff.queries import name_actors
from portal.staff.statements.actions import list_line_actions
from portal.web import send_csv, services

LINES = 50
SURE = 90


@staff.get("/reconcile")
def reconcile() -> ResponseReturnValue:
    wanted, cursor = _read_filter(request.args), _read_cursor()
    with services().database.read() as session:
        page = list_lines(session, wanted, after=cursor, limit=LINES)
        totals = count_totals(session, wanted.file_id)
        file = find_file(session, wanted.file_id) if wanted.file_id is not None else None
        actors = name_actors(session)
    is_finance = may(Role.FINANCE)
    return render_template(
        "staff/reconcile.html",
        page=page,
        rows=[(line, list_line_actions(line, is_finance=is_finance)) for line in page.lines],
        can_withdraw=is_finance and file is not None and file.withdrawn_at is None,
        totals=totals,
        file=file,
        actors=actors,
        wanted=wanted,
        args=_as_args(wanted),
        is_first=cursor is None,
        states=[(state.value, state.label) for state in LineState],
        sure=SURE,
    )


@staff.get("/lines.csv")
def export_lines() -> ResponseReturnValue:
    wanted = _read_filter(request.args)
    with services().write(current_actor()) as act:
        act.note("lines_export", "lines", _as_args(wanted))
    return send_csv("lines", stream_lines(services().database, wanted))


@staff.post("/reconcile")
def decide_lines() -> ResponseReturnValue:
    """Confirm or ignore every ticked line, as the button said."""
    lines = request.form.getlist("line", type=int)
    if "confirm_one" in request.form:
        lines = request.form.getlist("confirm_one", type=int)
    if not lines:
        flash(gettext("Tick at least one line first."))
    elif request.form.get("act") == "ignore":
        _ignore(lines)
    else:
        _confirm(lines)
    return redirect(url_for("staff.reconcile", **_as_args(_read_filter(request.form))), 303)


def _confirm(lines: list[int]) -> None:
    """Book each line for the gift that stood beside it when the page was made."""
    choices = [
        (line, gift)
        for line in lines
        if (gift := request.form.get(f"gift-{line}", type=int)) is not None
    ]
    done = confirm_many(services(), choices, by=current_actor())
    flash(ngettext("%(num)s line is booked.", "%(num)s lines are booked.", done.booked))
    for line, sentence in list(done.refused.items())[:5]:
        flash(gettext("Line %(number)s: %(sentence)s", number=line, sentence=sentence))


def _ignore(lines: list[int]) -> None:
    reason = read_reason(request.form)
    if not reason:
        flash(gettext("Say why these lines are ignored."))
        return
    with services().write(current_actor()) as act:
        ignored = ignore_lines(act, lines, reason=reason)
        act.note("lines_ignore", "lines", {"lines": lines, "reason": reason})
    flash(ngettext("%(num)s line is ignored.", "%(num)s lines are ignored.", ignored))


def _read_filter(given: MultiDict[str, str]) -> LineFilter:
    state = given.get("state", LineState.OPEN.value)
    return LineFilter(
        state=LineState(state) if state in {*LineState} else None,
        file_id=given.get("file", type=int),
        since=read_day(given.get("from", "")),
        until=read_day(given.get("to", "")),
        currency=given.get("currency", "").upper()[:3],
    )


def _as_args(wanted: LineFilter) -> dict[str, Any]:
    """The filter as an address has it; what is left out is as usual."""
    said = {
        "state": wanted.state.value if wanted.state else "all",
        "file": wanted.file_id,
        "from": wanted.since.isoformat() if wanted.since else None,
        "to": wanted.until.isoformat() if wanted.until else None,
        "currency": wanted.currency or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _read_cursor() -> Cursor | None:
    score, line = request.args.get("score", type=int), request.args.get("after", type=int)
    return None if score is None or line is None else Cursor(score, line)
