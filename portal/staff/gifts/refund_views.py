"""What may be done with a gift: give money back, send the receipt again."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.gifts.models import Gift
from portal.i18n import current_locale, gettext
from portal.jobs.promising import SendReceipt
from portal.money import Money, format_money
from portal.payments.refunds import (
    RefundRefused,
    RefundUnanswered,
    Wish,
    refundable,
    request_refund,
)
from portal.receipts.register import Receipt, find_receipt
from portal.services import take_key
from portal.staff.access import current_actor, staff
from portal.staff.forms import RefundForm, make_once, read_once
from portal.staff.gifts.actions import has_left
from portal.staff.gifts.views import find_gift
from portal.staff.labels import current_catalogue
from portal.web import services


@staff.get("/gifts/<reference>/refund")
def refund(reference: str) -> ResponseReturnValue:
    gift = _load(reference)
    form = RefundForm(currency=gift.currency, data={"once": make_once()})
    return _show(gift, form)


@staff.post("/gifts/<reference>/refund")
def send_refund(reference: str) -> ResponseReturnValue:
    gift = _load(reference)
    form = RefundForm(request.form, currency=gift.currency)
    if form.validate() and _refund(gift, form):
        return redirect(url_for("staff.gift", reference=gift.reference), 303)
    return _show(gift, form), 422


@staff.post("/gifts/<reference>/resend-receipt")
def resend_receipt(reference: str) -> ResponseReturnValue:
    gift = _load(reference)
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


def _load(reference: str) -> Gift:
    with services().database.read() as session:
        return find_gift(session, reference)


def _show(gift: Gift, form: RefundForm) -> str:
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
