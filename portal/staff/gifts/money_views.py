"""A gift's money by a staff member's word: seen by themselves, as cash, cheques and wallets are, or
given back; and its receipt sent again.
"""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.clock import read_day
from portal.forms import AmountField, LineField, PortalForm
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.i18n import current_locale, gettext
from portal.jobs.promising import SendReceipt
from portal.money import Money, format_money
from portal.payments.manual_entries import WordRefused, list_words, receive_by_word, take_word_back
from portal.payments.proofs import EXTENSIONS, find_proof, read_proof
from portal.payments.refunds import (
    RefundRefused,
    RefundUnanswered,
    Wish,
    refundable,
    request_refund,
)
from portal.payments.transfers import ReminderSchedule, set_expiry
from portal.receipts.composition import issue_day
from portal.receipts.register import Receipt, find_receipt
from portal.services import take_key
from portal.staff.access import current_actor, staff
from portal.staff.forms import LONGEST_REASON, RefundForm, make_once, read_once, read_reason
from portal.staff.gifts.page import has_left
from portal.staff.gifts.views import find_gift
from portal.staff.labels import current_catalogue
from portal.web import services, utc_now


class ReceiveForm(PortalForm):
    """How much came, when, and where it was seen; `once` tells a second sending."""

    amount = AmountField()
    day = LineField(ask="Enter the date it arrived", longest=10)
    why = LineField(ask="Enter where you saw it, for the gift’s history", longest=LONGEST_REASON)
    once = LineField(ask="Open this page again before you send it", longest=64)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.amount.currency = currency
        self.amount.anchor = "amount"

    def read_day(self) -> date | None:
        """The day; None, with an error, where it is none."""
        day = read_day(self.day.data)
        if day is None:
            self.refuse("day", gettext("Enter a date like 2026-11-23"))
        return day


@staff.get("/gifts/<reference>/receive")
def receive(reference: str) -> ResponseReturnValue:
    gift = _find_instructed(reference)
    today = issue_day(current_catalogue().timezone_of(gift.region), utc_now()).date()
    data = {"once": make_once(), "day": today.isoformat()}
    return _show_receiving(gift, ReceiveForm(currency=gift.currency, data=data), 200)


@staff.post("/gifts/<reference>/receive")
def send_receive(reference: str) -> ResponseReturnValue:
    gift = _find_instructed(reference)
    form = ReceiveForm(request.form, currency=gift.currency)
    if form.validate() and (day := form.read_day()) and _book(gift, form, day):
        flash(gettext("The payment is recorded."))
        return redirect(url_for("staff.gift", reference=gift.reference), 303)
    return _show_receiving(gift, form, 422)


def _book(gift: Gift, form: ReceiveForm, day: date) -> bool:
    """Whether the word is booked; else the form says why not."""
    why, once = form.why.data, form.once.data
    try:
        with services().write(current_actor()) as act:
            if take_key(act, "gift_receive", f"gift:{gift.id}", once):
                receive_by_word(act, gift.id, form.amount.data, day, why=why, once=once)
                detail = {"amount": str(form.amount.data), "reason": why, "once": once}
                act.note("gift_receive", f"gift:{gift.id}", detail)
    except WordRefused as error:
        form.refuse(error.field, str(error))
        return False
    return True


@staff.post("/gifts/<reference>/unreceive")
def unreceive(reference: str) -> ResponseReturnValue:
    """Take a word back."""
    gift = _find_instructed(reference)
    subject, why = request.form.get("subject", ""), read_reason(request.form)
    if not why:
        flash(gettext("Enter a reason."))
        return redirect(url_for("staff.receive", reference=gift.reference), 303)
    try:
        with services().write(current_actor()) as act:
            take_word_back(act, gift.id, subject, why=why)
            act.note("gift_unreceive", f"gift:{gift.id}", {"reason": why})
    except WordRefused as error:
        flash(str(error))
    else:
        flash(gettext("The recorded payment is undone."))
    return redirect(url_for("staff.gift", reference=gift.reference), 303)


def _find_instructed(reference: str) -> Gift:
    """The gift; 404 for one that a provider takes care of."""
    with services().database.read() as session:
        gift = find_gift(session, reference)
    region = current_catalogue().home_of(gift).region
    mode = region.mode(gift.mode) if region else None
    if mode is not None and not mode.is_instructed:
        abort(404)
    return gift


def _show_receiving(gift: Gift, form: ReceiveForm, status: int) -> ResponseReturnValue:
    with services().database.read() as session:
        words = list_words(session, gift.id)
    shown = render_template("staff/receive.html", gift=gift, form=form, words=words)
    return shown, status


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
    return datetime.combine(
        day, time(23, 59, 59), ZoneInfo(current_catalogue().timezone_of(gift.region))
    )


@staff.get("/gifts/<reference>/refund")
def refund(reference: str) -> ResponseReturnValue:
    gift = _find(reference)
    form = RefundForm(currency=gift.currency, data={"once": make_once()})
    return _show_refund(gift, form)


@staff.post("/gifts/<reference>/refund")
def send_refund(reference: str) -> ResponseReturnValue:
    gift = _find(reference)
    form = RefundForm(request.form, currency=gift.currency)
    if form.validate() and _refund(gift, form):
        return redirect(url_for("staff.gift", reference=gift.reference), 303)
    return _show_refund(gift, form), 422


@staff.post("/gifts/<reference>/resend-receipt")
def resend_receipt(reference: str) -> ResponseReturnValue:
    gift = _find(reference)
    with services().database.read() as session:
        receipt = find_receipt(session, gift.id)
    if receipt is None or not gift.email:
        flash(gettext("This gift has no receipt to send."))
    else:
        _promise_again(gift, receipt, read_once(request.form))
        flash(
            gettext(
                "Receipt %(label)s is on its way to %(email)s.",
                label=receipt.label,
                email=gift.email,
            )
        )
    return redirect(url_for("staff.gift", reference=gift.reference), 303)


def _promise_again(gift: Gift, receipt: Receipt, once: str) -> None:
    """Put the wish on record and promise the letter; a button pressed twice sends one."""
    subject = f"gift:{gift.id}"
    with services().write(current_actor()) as act:
        if take_key(act, "receipt_resend", subject, once):
            act.note("receipt_resend", subject, {"receipt": receipt.label, "once": once})
            act.promise(SendReceipt(receipt.id, once, act.actor))


def _find(reference: str) -> Gift:
    with services().database.read() as session:
        return find_gift(session, reference)


def _show_refund(gift: Gift, form: RefundForm) -> str:
    mode = current_catalogue().home_of(gift).mode
    provider = services().providers.find(mode.provider) if mode else None
    return render_template(
        "staff/refund.html",
        gift=gift,
        form=form,
        left=refundable(gift),
        has_left=has_left(gift),
        provider=provider.title if provider else gettext("Who took it"),
    )


def _refund(gift: Gift, form: RefundForm) -> bool:
    """Whether the refund is under way; else the form says why not.

    A form that was not answered keeps its `once`: sent again, it is the same wish.
    """
    money: Money = form.amount.data
    _note_wish(gift, money, form)
    try:
        _request(gift, money, form)
    except RefundUnanswered as error:
        _note_sentence(gift, "refund_unanswered", str(error))
        form.refuse("amount", str(error))
        return False
    except RefundRefused as error:
        _note_sentence(gift, "refund_refused", str(error))
        form.once.data = make_once()
        form.refuse("amount", str(error))
        return False
    flash(gettext("%(amount)s is being refunded.", amount=format_money(money, current_locale())))
    return True


def _request(gift: Gift, money: Money, form: RefundForm) -> None:
    wish = Wish(
        money=money,
        once=form.once.data,
        reason=form.reason.data,
        actor=current_actor(),
    )
    request_refund(services(), gift.id, wish)


def _note_wish(gift: Gift, money: Money, form: RefundForm) -> None:
    """Put the wish on record before anybody is asked, once a form."""
    subject = f"gift:{gift.id}"
    detail = {"amount": str(money), "reason": form.reason.data, "once": form.once.data}
    with services().write(current_actor()) as act:
        if take_key(act, "refund_request", subject, form.once.data):
            act.note("refund_request", subject, detail)


def _note_sentence(gift: Gift, what: str, sentence: str) -> None:
    with services().write(current_actor()) as act:
        act.note(what, f"gift:{gift.id}", {"sentence": sentence})
