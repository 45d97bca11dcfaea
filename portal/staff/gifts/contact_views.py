"""Correcting a giver's e-mail address, and sending them again what they did not get."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.forms import UNREACHABLE, EmailField, LineField, PortalForm, TickField
from portal.gifts.contacts import correct_email
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.i18n import gettext
from portal.mail import can_reach
from portal.receipts.queries import find_receipt
from portal.services import Act
from portal.staff.access import current_actor, staff
from portal.staff.forms import LONGEST_REASON, make_once, read_once
from portal.staff.gifts.views import find_gift
from portal.web import services


class ContactForm(PortalForm):
    """The right address, why it is, and whether what was sent goes out again."""

    email = EmailField(ask="Enter an e-mail address", longest=254)
    reason = LineField(ask="Enter a reason, for the gift’s story", longest=LONGEST_REASON)
    resend = TickField()


@staff.get("/gifts/<reference>/contact")
def contact(reference: str) -> ResponseReturnValue:
    gift = _load(reference)
    return _show(gift, ContactForm(data={"email": gift.email, "resend": True}), 200)


@staff.post("/gifts/<reference>/contact")
def send_contact(reference: str) -> ResponseReturnValue:
    gift, form = _load(reference), ContactForm(request.form)
    if not (form.validate() and _check(gift, form)):
        return _show(gift, form, 422)
    with services().write(current_actor()) as act:
        locked = lock_gift(act.session, gift.id)
        reason = form.reason.data
        correct_email(act, locked, form.email.data, why=reason)
        act.note("contact_correct", f"gift:{gift.id}", {"reason": reason})
        is_sent = form.resend.data and _send_again(act, locked, read_once(request.form))
    flash(gettext("The address is corrected. The old one stays in the gift’s story."))
    if is_sent:
        flash(
            gettext("What this gift’s giver needs is on its way to %(email)s.", email=locked.email)
        )
    return redirect(url_for("staff.gift", reference=gift.reference), 303)


def _check(gift: Gift, form: ContactForm) -> bool:
    if form.email.data.lower() == gift.email:
        form.refuse("email", gettext("This is the address that the gift has already"))
    elif not can_reach(services().settings, form.email.data):
        form.refuse("email", gettext(UNREACHABLE))
    return not form.errors


def _send_again(act: Act, gift: Gift, once: str) -> bool:
    """Whether there was something to send: the receipt, or how to pay while it waits."""
    receipt = find_receipt(act.session, gift.id)
    if receipt is not None:
        act.promise("send_receipt", f"{receipt.id}:{once}:{act.actor}")
        return True
    region = act.catalogue.by_slug(gift.region)
    mode = region.mode(gift.mode) if region else None
    if mode is None or mode.is_stripe or not gift.status.is_open:
        return False
    act.promise("send_notice", f"gift_instructions:{gift.id}:{gift.reference}-{once}")
    return True


def _load(reference: str) -> Gift:
    """The gift; 404 for money that nobody is known to have given."""
    with services().database.read() as session:
        gift = find_gift(session, reference)
    if gift.is_unattributed:
        abort(404)
    return gift


def _show(gift: Gift, form: ContactForm, status: int) -> ResponseReturnValue:
    shown = render_template("staff/contact.html", gift=gift, form=form, once=make_once())
    return shown, status
