"""Donors who are one person: found, looked at, merged, and parted again."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.forms import LONGEST_EMAIL, LineField, PortalForm
from portal.i18n import gettext, ngettext
from portal.records.doubles import (
    find_donor_by,
    list_doubles_of,
    list_newest_doubles,
    name_donors,
)
from portal.records.merging import (
    FORGOTTEN,
    KINDS,
    MERGED,
    SAME,
    UNDONE,
    UNKNOWN,
    Busy,
    NotMergeable,
    check_pair,
    count_things,
    list_merges,
    merge_donors,
    undo_merge,
)
from portal.staff.access import current_actor, staff
from portal.staff.forms import LONGEST_REASON
from portal.staff.queries import name_actors
from portal.web import services

WHY_NOT = {
    SAME: "These are one donor already: enter two addresses",
    UNKNOWN: "No donor has this address",
    MERGED: "One of these is merged already: choose the donor it is merged into",
    FORGOTTEN: "A donor who was forgotten can’t be merged",
    UNDONE: "This merge is undone already.",
}
BUSY = "Something of one of these donors is being booked just now. Try again in a moment."
THINGS = {
    "gift": "Gifts",
    "plan": "Monthly gifts",
    "declaration": "Gift Aid declarations",
    "pledge": "Pledges",
    "consent": "Consents",
}


class PairForm(PortalForm):
    """Two addresses: whose donor stays, and whose is merged into it."""

    kept = LineField(ask="Enter the address of the donor who stays", longest=LONGEST_EMAIL)
    gone = LineField(ask="Enter the address to merge into it", longest=LONGEST_EMAIL)

    def find(self, session: Session) -> tuple[int, int] | None:
        """The two donors’ numbers; None where the form now says what is wrong."""
        self.validate()
        found = {name: find_donor_by(session, self[name].data or "") for name in ("kept", "gone")}
        for name, donor in found.items():
            if donor is None and not self[name].errors:
                self.refuse(name, gettext(WHY_NOT[UNKNOWN]))
        kept, gone = found["kept"], found["gone"]
        if kept is None or gone is None:
            return None
        try:
            check_pair(session, kept.id, gone.id)
        except NotMergeable as refused:
            self.refuse("gone", gettext(WHY_NOT[refused.why]))
            return None
        return kept.id, gone.id


class MergeForm(PortalForm):
    reason = LineField(ask="Enter a reason, for the audit log", longest=LONGEST_REASON)


@staff.get("/donors")
def donors() -> ResponseReturnValue:
    return _show_list(PairForm())


@staff.post("/donors")
def send_donors() -> ResponseReturnValue:
    form = PairForm(request.form)
    with services().database.read() as session:
        pair = form.find(session)
    if pair is None:
        return _show_list(form)
    return redirect(url_for("staff.merge", kept=pair[0], gone=pair[1]), 303)


def _show_list(form: PairForm) -> ResponseReturnValue:
    of = request.args.get("of", type=int)
    with services().database.read() as session:
        doubles = list_newest_doubles(session) if of is None else list_doubles_of(session, of)
        ids = [donor.id for one in doubles for donor in (one.first, one.later)]
        page = render_template(
            "staff/donors.html",
            form=form,
            doubles=doubles,
            names=name_donors(session, ids),
            is_of_one=of is not None,
            merges=list_merges(session),
            actors=name_actors(session),
            things=THINGS,
        )
    return page, 422 if form.problems else 200


@staff.get("/donors/<int:kept>/merge/<int:gone>")
def merge(kept: int, gone: int) -> ResponseReturnValue:
    return _preview(kept, gone, MergeForm())


def _preview(kept: int, gone: int, form: MergeForm) -> ResponseReturnValue:
    with services().database.read() as session:
        try:
            pair = check_pair(session, kept, gone)
        except NotMergeable as refused:
            if refused.why == UNKNOWN:
                abort(404)
            return _refuse(refused)
        counts = [count_things(session, one.id) for one in pair]
        page = render_template(
            "staff/merge.html",
            form=form,
            kept=pair[0],
            gone=pair[1],
            names=name_donors(session, [kept, gone]),
            rows=[(THINGS[what], *(count[what] for count in counts)) for what in KINDS],
        )
    return page, 422 if form.problems else 200


def _refuse(refused: NotMergeable) -> ResponseReturnValue:
    flash(gettext(WHY_NOT[refused.why]))
    return redirect(url_for("staff.donors"), 303)


@staff.post("/donors/<int:kept>/merge/<int:gone>")
def send_merge(kept: int, gone: int) -> ResponseReturnValue:
    form = MergeForm(request.form)
    if not form.validate():
        return _preview(kept, gone, form)
    try:
        number = merge_donors(services(), current_actor(), kept, gone, form.reason.data)
    except NotMergeable as refused:
        return abort(404) if refused.why == UNKNOWN else _refuse(refused)
    except Busy:
        flash(gettext(BUSY))
        return redirect(url_for("staff.merge", kept=kept, gone=gone), 303)
    flash(gettext("The two are one donor now."))
    return redirect(url_for("staff.donors", _anchor=f"merge-{number}"), 303)


@staff.post("/donors/merges/<int:number>/undo")
def undo_donors(number: int) -> ResponseReturnValue:
    try:
        undone = undo_merge(services(), current_actor(), number)
    except NotMergeable as refused:
        return abort(404) if refused.why == UNKNOWN else _refuse(refused)
    except Busy:
        flash(gettext(BUSY))
        return redirect(url_for("staff.donors"), 303)
    flash(gettext("The merge is undone: what it moved is where it was before."))
    if undone.stayed:
        flash(
            ngettext(
                "%(num)s gift that came by that address since stays with the donor it came to.",
                "%(num)s gifts that came by that address since stay with the donor they came to.",
                undone.stayed,
            )
        )
    return redirect(url_for("staff.donors"), 303)
