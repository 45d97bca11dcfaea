"""Letters that came back, and those that were refused at once: who, which, when, why, what next."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.i18n import gettext
from portal.mail.bounces import bounces_account, close_bounce
from portal.records.bounces import PAGE, list_refused_at_once, list_returned, read_receipt_id
from portal.staff.access import current_actor, staff
from portal.staff.forms import make_once
from portal.web import services


@staff.get("/bounces")
def bounces() -> ResponseReturnValue:
    with services().database.read() as session:
        found = list_returned(session, request.args.get("before", type=int))
        refused = list_refused_at_once(session)
    return render_template(
        "staff/bounces.html",
        shown=found[:PAGE],
        older=found[PAGE - 1].bounce.id if len(found) > PAGE else None,
        refused=[(email, reference, read_receipt_id(email)) for email, reference in refused],
        is_set=bounces_account(services().settings) is not None,
        once=make_once(),
    )


@staff.post("/bounces/<int:bounce_id>")
def send_bounce(bounce_id: int) -> ResponseReturnValue:
    """Put one off the list."""
    with services().write(current_actor()) as act:
        if not close_bounce(act, bounce_id):
            abort(404)
    flash(gettext("It is off the list."))
    return redirect(url_for("staff.bounces"), 303)
