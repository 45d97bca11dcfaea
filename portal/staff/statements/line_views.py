"""One bank line: what it says, what it may be for, and every way to decide it."""

from collections.abc import Callable

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.database import Document
from portal.forms import explain_amount
from portal.gifts.queries import find_gift_by_reference
from portal.gifts.references import clean_reference
from portal.i18n import gettext
from portal.money import AmountError, Money, parse_amount
from portal.payments.statements.booking import MatchRefused, Share
from portal.payments.statements.decisions import (
    claim_unattributed,
    confirm_match,
    settle_gift,
    undo_match,
)
from portal.payments.statements.operations import ignore_lines, reopen_line
from portal.payments.statements.queries import GiftChoice, Line, choice_of, find_line
from portal.payments.statements.searching import find_open_gifts
from portal.plain import clean_line
from portal.services import Act
from portal.signin.models import Role
from portal.staff.access import current_actor, may, staff
from portal.staff.forms import read_reason
from portal.staff.gifts.views import find_gift
from portal.staff.names import current_names
from portal.staff.statements.actions import list_line_actions
from portal.web import services

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
    """Book money that nobody claims, as a gift without a giver."""

    def book(act: Act) -> Document:
        gift = claim_unattributed(act, line_id)
        return {"gift": gift.id}

    said = gettext("The money is booked as a gift without a giver.")
    return _decide(line_id, "line_claim", book, said)


@staff.post("/lines/<int:line_id>/ignore")
def ignore_line(line_id: int) -> ResponseReturnValue:
    def ignore(act: Act) -> Document:
        reason = _ask_reason()
        if not ignore_lines(act, [line_id], reason=reason):
            raise MatchRefused(gettext("This line is decided already."))
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

    return _decide(line_id, "line_undo", take_back, gettext("The match is taken back."))


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
        flash(gettext("The gift counts as whole with what came."))
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
