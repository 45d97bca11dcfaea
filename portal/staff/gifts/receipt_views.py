"""What of a gift is more than money: received in return, or given in kind; its receipt says it."""

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.database import Document
from portal.forms import AmountField, LineField, PortalForm, TickField
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.i18n import gettext
from portal.jobs.promising import SendReceipt
from portal.money import Money
from portal.receipts.operations import state_particulars
from portal.receipts.register import GiftParticulars, find_particulars
from portal.services import take_key
from portal.staff.access import current_actor, staff
from portal.staff.forms import make_once, read_once
from portal.staff.gifts.views import find_gift
from portal.web import services

LONGEST = 300


class ValueField(AmountField):
    """An amount that may be left empty: then it is nothing."""

    def pre_validate(self, form: Any) -> None:
        if self.text:
            super().pre_validate(form)
        else:
            self.data = Money(0, self.currency)


class ParticularsForm(PortalForm):
    """What was received in return, and what was given in kind."""

    value = ValueField()
    advantage = LineField(longest=LONGEST)
    is_intangible = TickField()
    given = LineField(longest=LONGEST)
    appraiser = LineField(longest=LONGEST)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.value.currency = currency
        self.value.anchor = "value"

    def check(self) -> bool:
        """Whether all is right: a value says of what, and one of the spirit has none."""
        if not self.validate():
            return False
        if self.value.data and not self.advantage.data:
            self.refuse("advantage", gettext("Say what the donor received: the receipt shows it"))
        if self.value.data and self.is_intangible.data:
            self.refuse("value", gettext("What is of the spirit alone has no value in money"))
        return not self.errors

    @property
    def said(self) -> Document:
        """The columns of `GiftParticulars`."""
        names = ("advantage", "is_intangible", "given", "appraiser")
        return {"advantage_minor": self.value.data.minor, **{n: self[n].data for n in names}}


@staff.get("/gifts/<reference>/particulars")
def particulars(reference: str) -> ResponseReturnValue:
    gift, kept = _load(reference)
    form = ParticularsForm(obj=kept, currency=gift.currency)
    return _show(gift, form, _plain(kept, gift), 200)


@staff.post("/gifts/<reference>/particulars")
def send_particulars(reference: str) -> ResponseReturnValue:
    gift, _ = _load(reference)
    form = ParticularsForm(request.form, currency=gift.currency)
    if not form.check():
        return _show(gift, form, form.value.typed, 422)
    with services().write(current_actor()) as act:
        locked = lock_gift(act.session, gift.id)
        if take_key(act, "gift_particulars", f"gift:{gift.id}", read_once(request.form)):
            home = act.catalogue.home_of(locked).region
            receipt = state_particulars(act, locked, home, form.said)
            act.note("gift_particulars", f"gift:{gift.id}", {})
            if receipt is not None:
                act.promise(SendReceipt(receipt.id))
    flash(gettext("What the receipt says of this gift is kept."))
    return redirect(url_for("staff.gift", reference=gift.reference), 303)


def _load(reference: str) -> tuple[Gift, GiftParticulars | None]:
    """The gift and what is said of it; 404 for money that nobody is known to have given."""
    with services().database.read() as session:
        gift = find_gift(session, reference)
        kept = find_particulars(session, gift)
    if gift.is_unattributed:
        abort(404)
    return gift, kept


def _plain(kept: GiftParticulars | None, gift: Gift) -> str:
    """The value as the box shows it; empty for none."""
    minor = kept.advantage_minor if kept else 0
    return Money(minor, gift.currency).plain() if minor else ""


def _show(gift: Gift, form: ParticularsForm, value: str, status: int) -> ResponseReturnValue:
    shown = render_template(
        "staff/particulars.html", gift=gift, form=form, value=value, once=make_once()
    )
    return shown, status
