"""Correcting who gave and how they are reached, and sending again what they did not get."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.form_keys import take_key
from portal.gifts.contacts import contact_of
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.i18n import gettext, ngettext
from portal.mail import LetterKind
from portal.payments.correcting import (
    Corrected,
    NothingCorrected,
    ReceiptUndecided,
    correct_donor,
)
from portal.promises import SendNotice, SendReceipt
from portal.receipts.models import Receipt
from portal.receipts.register import find_receipt
from portal.services import Act
from portal.staff.access import current_actor, staff
from portal.staff.forms import make_once, read_once
from portal.staff.gifts.contact_form import (
    KEEP,
    REPLACE,
    ContactForm,
    name_contact,
    name_countries,
    name_languages,
)
from portal.staff.gifts.views import find_gift
from portal.staff.names import current_catalogue
from portal.web import services


@staff.get("/gifts/<reference>/contact")
def contact(reference: str) -> ResponseReturnValue:
    gift, receipt = _load(reference)
    return _show(gift, receipt, _make_form(gift, resend=True), 200)


@staff.post("/gifts/<reference>/contact")
def send_contact(reference: str) -> ResponseReturnValue:
    gift, receipt = _load(reference)
    form = _make_form(gift, is_sent=True)
    if not form.check(services().settings):
        return _show(gift, receipt, form, 422)
    try:
        with services().write(current_actor()) as act:
            locked = lock_gift(act.session, gift.id)
            if not take_key(act, "contact_correct", f"gift:{gift.id}", read_once(request.form)):
                return redirect(url_for("staff.gift", reference=gift.reference), 303)
            done = _correct(act, locked, form)
            is_sent = form.resend.data and _send_again(act, locked, done)
    except ReceiptUndecided:
        form.refuse("receipt", gettext(form.receipt.ask))
        return _show(gift, receipt, form, 422)
    except NothingCorrected:
        form.form_errors.append(gettext("Nothing has changed: correct what is wrong"))
        return _show(gift, receipt, form, 422)
    _tell(locked, done, is_sent=is_sent)
    return redirect(url_for("staff.gift", reference=gift.reference), 303)


def _make_form(gift: Gift, *, is_sent: bool = False, resend: bool = False) -> ContactForm:
    region = current_catalogue().known(gift.region)
    return ContactForm(request.form if is_sent else None, gift, region, resend=resend)


def _correct(act: Act, gift: Gift, form: ContactForm) -> Corrected:
    """All in one transaction; the audit log has the fields, the gift's history their texts."""
    reason = form.reason.data
    done = correct_donor(
        act,
        gift,
        form.right,
        why=reason,
        replaces={KEEP: False, REPLACE: True}.get(form.receipt.data),
    )
    detail = {"reason": reason, "fields": list(form.right)}
    if done.receipts:
        detail["receipt"] = ", ".join(receipt.label for receipt in done.receipts)
    act.note("contact_correct", f"gift:{gift.id}", detail)
    return done


def _tell(gift: Gift, done: Corrected, *, is_sent: bool) -> None:
    flash(gettext("The donor is corrected. What was there before stays in the gift’s history."))
    if done.receipts:
        labels = ", ".join(receipt.label for receipt in done.receipts)
        number = len(done.receipts)
        flash(
            ngettext(
                "New receipt: %(labels)s. It is being sent to the donor.",
                "New receipts: %(labels)s. They are being sent to the donor.",
                number,
                labels=labels,
            )
        )
    if is_sent:
        flash(gettext("What this gift’s donor needs is on its way to %(email)s.", email=gift.email))


def _send_again(act: Act, gift: Gift, done: Corrected) -> bool:
    """Whether there was something else to send: the receipt, or how to pay while it waits."""
    once = read_once(request.form)
    receipt = find_receipt(act.session, gift.id)
    if not gift.email or (receipt and receipt.id in {one.id for one in done.receipts}):
        return False
    if receipt is not None:
        act.promise(SendReceipt(receipt.id, once, act.actor))
        return True
    mode = act.catalogue.home_of(gift).mode
    if mode is None or not mode.is_instructed or not gift.status.is_open:
        return False
    about = f"{gift.reference}-{once}"
    act.promise(SendNotice(LetterKind.GIFT_INSTRUCTIONS, gift.id, about))
    return True


def _load(reference: str) -> tuple[Gift, Receipt | None]:
    """The gift and the receipt that stands; 404 for money that nobody is known to have given."""
    with services().database.read() as session:
        gift = find_gift(session, reference)
        receipt = find_receipt(session, gift.id)
    if gift.is_unattributed:
        abort(404)
    return gift, receipt


def _show(
    gift: Gift, receipt: Receipt | None, form: ContactForm, status: int
) -> ResponseReturnValue:
    shown = render_template(
        "staff/contact.html",
        gift=gift,
        receipt=receipt,
        form=form,
        countries=name_countries(),
        locales=name_languages(form.locale.options),
        seen=name_contact(contact_of(gift)),
        once=make_once(),
    )
    return shown, status
