"""One bank line: what it says, what it may be for, and every way to decide it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.clock import read_day
from portal.database import Document
from portal.forms import explain_amount
from portal.gifts.queries import find_gift_by_reference
from portal.gifts.references import clean_reference
from portal.i18n import gettext, ngettext
from portal.money import AmountError, Money, parse_amount
from portal.payments.books import count_totals
from portal.payments.statements.booking import MatchRefused, Share
from portal.payments.statements.decisions import (
    claim_unattributed,
    confirm_many,
    confirm_match,
    find_open_gifts,
    settle_gift,
    undo_match,
)
from portal.payments.statements.models import LineState
from portal.payments.statements.operations import ignore_lines, reopen_line
from portal.payments.statements.queries import (
    Cursor,
    GiftChoice,
    Line,
    LineFilter,
    choice_of,
    find_file,
    find_line,
    list_lines,
)
from portal.plain import clean_line
from portal.records.export import stream_lines
from portal.services import Act
from portal.signin.accounts import Role
from portal.staff.access import current_actor, may, staff
from portal.staff.forms import read_reason
from portal.staff.gifts.views import find_gift
from portal.staff.labels import current_names
from portal.staff.queries import name_actors
from portal.web import send_csv, services


@dataclass(frozen=True, slots=True, kw_only=True)
class LineActions:
    """Each is whether it may be done now, by this person.

    `is_return` is money that went out and waits for a clerk; `undo` the match to take back,
    the first that stands, by its id.
    """

    tick: bool
    book: bool
    is_return: bool
    ignore: bool
    undo: int | None
    reopen: bool


def list_line_actions(line: Line, *, is_finance: bool) -> LineActions:
    """What may be done with a line, whichever way its money went."""
    is_open = line.state is LineState.OPEN
    standing = [match.match_id for match in line.matches if not match.undone_at]
    was_ignored_by_hand = line.state is LineState.IGNORED and line.decided_by != "system"
    return LineActions(
        tick=is_open and is_finance,
        book=is_open and is_finance and line.money.minor > 0,
        is_return=is_open and line.money.minor < 0,
        ignore=is_open and is_finance,
        undo=standing[0] if standing and is_finance else None,
        reopen=was_ignored_by_hand and is_finance,
    )


MOST_SHARES = 10


@staff.get("/lines/<int:line_id>")
def line(line_id: int) -> ResponseReturnValue:
    return _show(line_id, 200)


def _show(line_id: int, status: int, problem: str = "") -> ResponseReturnValue:
    text = clean_line(request.args.get("q"))
    with services().database.read() as session:
        found = find_line(session, line_id) or abort(404)
        chosen = _chosen_gifts(session, found)
        hits = find_open_gifts(session, text, currency=found.money.currency) if text else []
    shown = render_template(
        "staff/line.html",
        line=found,
        actions=list_line_actions(found, is_finance=may(Role.FINANCE)),
        text=text,
        hits=hits,
        rows=_rows(found, chosen),
        problem=problem,
        names=current_names(),
    )
    return shown, status


def _chosen_gifts(session: Session, found: Line) -> list[GiftChoice]:
    """The gifts of the address, else those of a form that was sent, else the best suggested."""
    named = request.args.getlist("gift") or request.form.getlist("reference")
    references = [ref for name in named[:MOST_SHARES] if (ref := clean_reference(name))]
    gifts = [find_gift_by_reference(session, reference) for reference in references]
    known = [choice_of(gift) for gift in gifts if gift is not None]
    if known or request.method == "POST":
        return known
    return [one.gift for one in found.suggestions[:1]]


def _rows(found: Line, chosen: list[GiftChoice]) -> list[tuple[str, str]]:
    """Reference and amount of each share, and one empty row; what was typed wins."""
    typed = list(
        zip(request.form.getlist("reference"), request.form.getlist("amount"), strict=False)
    )
    rows = [row for row in typed if any(row)] or _proposed(found, chosen)
    return [*rows[:MOST_SHARES], ("", "")]


def _proposed(found: Line, chosen: list[GiftChoice]) -> list[tuple[str, str]]:
    """The line's money laid out over the gifts, each what is due; the last takes the rest."""
    left, rows = found.money, []
    for gift in chosen:
        is_last = gift is chosen[-1]
        share = left if is_last or gift.due.currency != left.currency else min(gift.due, left)
        rows.append((gift.reference, share.plain()))
        left -= share
    return rows


@staff.post("/lines/<int:line_id>/match")
def match_line(line_id: int) -> ResponseReturnValue:
    """Book the line for the gifts and amounts of the form."""

    def book(act: Act) -> Document:
        shares = _read_shares(act.session, line_id)
        confirm_match(act, line_id, shares)
        return {"gifts": [share.gift_id for share in shares]}

    return _decide(line_id, "line_match", book, gettext("The line is booked."))


def _read_shares(session: Session, line_id: int) -> list[Share]:
    found = find_line(session, line_id) or abort(404)
    sent = zip(request.form.getlist("reference"), request.form.getlist("amount"), strict=False)
    shares = [
        _read_share(session, found, reference, amount)
        for reference, amount in list(sent)[:MOST_SHARES]
        if reference.strip() or amount.strip()
    ]
    if not shares:
        raise MatchRefused(gettext("Enter the reference of a gift."))
    return shares


def _read_share(session: Session, found: Line, reference: str, amount: str) -> Share:
    clean = clean_reference(reference)
    gift = find_gift_by_reference(session, clean) if clean else None
    if gift is None:
        raise MatchRefused(gettext("There is no gift “%(reference)s”.", reference=reference[:40]))
    try:
        money: Money = parse_amount(amount, found.money.currency)
    except AmountError as error:
        raise MatchRefused(explain_amount(error, found.money.currency)) from None
    return Share(
        gift.id,
        money,
        is_all="is_all" in request.form,
        may_exceed="may_exceed" in request.form,
    )


@staff.post("/lines/<int:line_id>/claim")
def claim_line(line_id: int) -> ResponseReturnValue:
    """Book money that nobody claims, as a gift without a donor."""

    def book(act: Act) -> Document:
        gift = claim_unattributed(act, line_id)
        return {"gift": gift.id}

    said = gettext("The money is booked as a gift without a donor.")
    return _decide(line_id, "line_claim", book, said)


@staff.post("/lines/<int:line_id>/ignore")
def ignore_line(line_id: int) -> ResponseReturnValue:
    def ignore(act: Act) -> Document:
        reason = _ask_reason()
        if not ignore_lines(act, [line_id], reason=reason):
            raise MatchRefused(gettext("This line has already been dealt with."))
        return {"reason": reason}

    return _decide(line_id, "lines_ignore", ignore, gettext("The line is ignored."))


@staff.post("/lines/<int:line_id>/reopen")
def reopen(line_id: int) -> ResponseReturnValue:
    def open_again(act: Act) -> Document:
        if not reopen_line(act.session, line_id):
            raise MatchRefused(gettext("Only an ignored line can be opened again."))
        return {}

    return _decide(line_id, "line_reopen", open_again, gettext("The line is open again."))


@staff.post("/lines/<int:line_id>/undo")
def undo(line_id: int) -> ResponseReturnValue:
    """Take a line's matches back."""

    def take_back(act: Act) -> Document:
        match_id, reason = request.form.get("match", type=int) or abort(400), _ask_reason()
        found = find_line(act.session, line_id) or abort(404)
        if match_id not in {match.match_id for match in found.matches}:
            abort(404)
        undo_match(act, match_id, reason=reason)
        return {"match": match_id, "reason": reason}

    return _decide(line_id, "line_undo", take_back, gettext("The match is undone."))


@staff.post("/gifts/<reference>/settle")
def settle(reference: str) -> ResponseReturnValue:
    """A person's word that what came for a gift is all that will come."""
    with services().database.read() as session:
        gift = find_gift(session, reference)
    try:
        with services().write(current_actor()) as act:
            why = _ask_reason()
            settle_gift(act, gift.id, why=why)
            act.note("gift_settle", f"gift:{gift.id}", {"reason": why})
    except MatchRefused as error:
        flash(str(error))
    else:
        flash(gettext("The gift counts as paid in full with what came."))
    return redirect(url_for("staff.gift", reference=gift.reference), 303)


def _ask_reason() -> str:
    reason = read_reason(request.form)
    if not reason:
        raise MatchRefused(gettext("Enter a reason."))
    return reason


def _decide(
    line_id: int, what: str, change: Callable[[Act], Document], said: str
) -> ResponseReturnValue:
    """Change a line on record; a refusal keeps what was typed and says why."""
    try:
        with services().write(current_actor()) as act:
            detail = change(act)
            act.note(what, f"line:{line_id}", detail)
    except MatchRefused as error:
        return _show(line_id, 422, str(error))
    flash(said)
    return redirect(url_for("staff.line", line_id=line_id), 303)


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
        flash(gettext("Select at least one line first."))
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
