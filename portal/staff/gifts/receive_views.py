"""Money a staff member has seen themselves: cash, cheques, wallets."""

from datetime import date
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.clock import read_day
from portal.form_keys import take_key
from portal.forms import AmountField, LineField, PortalForm
from portal.gifts.models import Gift
from portal.i18n import gettext
from portal.payments.seen_money import WordRefused, list_words, receive_by_word, take_word_back
from portal.receipts.composition import issue_day
from portal.staff.access import current_actor, staff
from portal.staff.forms import LONGEST_REASON, make_once, read_reason
from portal.staff.gifts.views import find_gift
from portal.staff.names import current_catalogue, timezone_of
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
    gift = _load(reference)
    today = issue_day(timezone_of(gift.region), utc_now()).date()
    data = {"once": make_once(), "day": today.isoformat()}
    return _show(gift, ReceiveForm(currency=gift.currency, data=data), 200)


@staff.post("/gifts/<reference>/receive")
def send_receive(reference: str) -> ResponseReturnValue:
    gift = _load(reference)
    form = ReceiveForm(request.form, currency=gift.currency)
    if form.validate() and (day := form.read_day()) and _book(gift, form, day):
        flash(gettext("The payment is recorded."))
        return redirect(url_for("staff.gift", reference=gift.reference), 303)
    return _show(gift, form, 422)


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
    gift = _load(reference)
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


def _load(reference: str) -> Gift:
    """The gift; 404 for one that a provider takes care of."""
    with services().database.read() as session:
        gift = find_gift(session, reference)
    region = current_catalogue().home_of(gift).region
    mode = region.mode(gift.mode) if region else None
    if mode is not None and not mode.is_instructed:
        abort(404)
    return gift


def _show(gift: Gift, form: ReceiveForm, status: int) -> ResponseReturnValue:
    with services().database.read() as session:
        words = list_words(session, gift.id)
    shown = render_template("staff/receive.html", gift=gift, form=form, words=words)
    return shown, status
