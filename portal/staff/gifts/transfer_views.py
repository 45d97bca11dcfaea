"""What staff do with a gift that is paid by instructions: see its proofs, give it time."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.clock import read_day
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.i18n import gettext
from portal.payments.transfers.proofs import EXTENSIONS, find_proof, read_proof
from portal.payments.transfers.schedule import ReminderSchedule
from portal.payments.transfers.watching import set_expiry
from portal.staff.access import current_actor, staff
from portal.staff.gifts.views import find_gift
from portal.staff.names import current_catalogue, timezone_of
from portal.web import services, utc_now

LONGEST = timedelta(days=730)
# A file from a stranger: never shown in the site, never run, whatever it is.
SANDBOX = "default-src 'none'; sandbox; frame-ancestors 'none'"


@staff.get("/gifts/<reference>/proofs/<int:proof_id>")
def proof(reference: str, proof_id: int) -> ResponseReturnValue:
    """A donor's proof as a download, under a name of ours."""
    with services().write(current_actor()) as act:
        gift = find_gift(act.session, reference)
        found = find_proof(act.session, gift.id, proof_id)
        if found is None:
            abort(404)
        content = read_proof(services().settings.uploads_path, found)
        if content is not None:
            act.note("proof_opened", f"gift:{gift.id}", {"proof": found.id})
    if content is None:
        abort(404)
    response = Response(content, mimetype=found.media_type)
    name = f"proof-{gift.reference}-{found.id}.{EXTENSIONS[found.media_type]}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Content-Security-Policy"] = SANDBOX
    return response


@staff.post("/gifts/<reference>/expiry")
def send_expiry(reference: str) -> ResponseReturnValue:
    """Give a transfer until the end of a day, at the place the gift is given from."""
    with services().write(current_actor()) as act:
        gift = lock_gift(act.session, find_gift(act.session, reference).id)
        schedule, last_day = _schedule_of(gift), read_day(request.form.get("day", ""))
        if schedule is None or not gift.status.is_open:
            flash(gettext("This gift isn’t waiting for a transfer."))
        elif last_day is None or not utc_now() < _end_of(last_day, gift) < utc_now() + LONGEST:
            flash(gettext("Choose a date from today on, within two years."))
        else:
            act.note("expiry_set", f"gift:{gift.id}", {"to": last_day.isoformat()})
            set_expiry(act, gift, schedule, _end_of(last_day, gift))
            flash(gettext("The gift is kept open until %(day)s.", day=last_day.isoformat()))
    return redirect(url_for("staff.gift", reference=gift.reference), 303)


def _schedule_of(gift: Gift) -> ReminderSchedule | None:
    mode = current_catalogue().home_of(gift).mode
    return ReminderSchedule.of(mode) if mode is not None and mode.is_instructed else None


def _end_of(day: date, gift: Gift) -> datetime:
    return datetime.combine(day, time(23, 59, 59), ZoneInfo(timezone_of(gift.region)))
