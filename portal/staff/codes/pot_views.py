"""Pots: what sponsors set aside to add to gifts; made, raised and closed by administrators."""

import sqlalchemy as sa
from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.codes.parsing import CodeError
from portal.codes.pots import (
    LONGEST_SPONSOR,
    Pot,
    add_pot,
    close_pot,
    list_pots,
    raise_pot,
)
from portal.forms import ChoiceField, LineField, PortalForm, explain_amount
from portal.i18n import current_locale, gettext
from portal.money import AmountError, Money, format_money, parse_amount
from portal.services import Act
from portal.staff.access import current_actor, staff
from portal.staff.labels import all_currencies
from portal.web import services


class PotForm(PortalForm):
    """A new pot."""

    key = LineField(ask="Enter a name for addresses", longest=40)
    sponsor = LineField(ask="Enter the sponsor’s name", longest=LONGEST_SPONSOR)
    amount = LineField(ask="Enter an amount", longest=40)
    currency = ChoiceField(ask="Choose one of the currencies listed here")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.currency.options = tuple(all_currencies())


# What the rules of pots say of a fault, by how it begins, as what to do about it.
POT_SENTENCES = {
    "is 2 to 40": "Use 2 to 40 small letters, digits and hyphens",
    "another one has it": "There is such a pot already, perhaps a closed one: choose another name",
    "has 1 to": "Enter a name of 1 to 200 characters",
    "is more than": "Enter an amount above nothing that a pot can hold",
    "it is closed": "This pot is closed: make another one",
}


def say_fault(error: CodeError) -> str:
    """What to do about a pot that can't be so."""
    said = (text for begins, text in POT_SENTENCES.items() if error.what.startswith(begins))
    return gettext(next(said, error.what))


@staff.get("/pots")
def pots() -> ResponseReturnValue:
    return _show(PotForm())


def _show(form: PotForm) -> ResponseReturnValue:
    with services().database.read() as session:
        listed = list_pots(session)
    page = render_template(
        "staff/pots.html",
        pots=listed,
        form=form,
        currencies=[(code, code) for code in all_currencies()],
    )
    return page, 422 if form.problems else 200


@staff.post("/pots")
def send_pot() -> ResponseReturnValue:
    form = PotForm(request.form)
    total = _read_amount(form) if form.validate() else None
    if total is None or not _add(form, total):
        return _show(form)
    flash(gettext("The pot %(key)s is there: name it in a code’s terms.", key=form.key.data))
    return redirect(url_for("staff.pots"), 303)


def _read_amount(form: PotForm) -> Money | None:
    """None where the form now says what is wrong."""
    try:
        return parse_amount(form.amount.data, form.currency.data, current_locale())
    except AmountError as error:
        form.refuse("amount", explain_amount(error, form.currency.data))
        return None


def _add(form: PotForm, total: Money) -> bool:
    try:
        with services().write(current_actor()) as act:
            add_pot(act, form.key.data, form.sponsor.data, total)
    except CodeError as error:
        form.refuse(error.place, say_fault(error))
        return False
    return True


def _hold(act: Act, pot_id: int) -> Pot:
    """A pot that no promise changes until the transaction ends."""
    found = act.session.scalar(sa.select(Pot).where(Pot.id == pot_id).with_for_update())
    return found or abort(404)


@staff.post("/pots/<int:pot_id>/raise")
def send_raise(pot_id: int) -> ResponseReturnValue:
    """Put more into a pot."""
    with services().write(current_actor()) as act:
        flash(_raise(act, _hold(act, pot_id)))
    return redirect(url_for("staff.pots"), 303)


def _raise(act: Act, pot: Pot) -> str:
    """Raise a pot by what the form says; what is to be said of it."""
    try:
        more = parse_amount(request.form.get("amount", ""), pot.currency, current_locale())
        raise_pot(act, pot, more)
    except AmountError as error:
        return explain_amount(error, pot.currency)
    except CodeError as error:
        return say_fault(error)
    total = format_money(pot.money(pot.total_minor), current_locale())
    return gettext("The pot %(key)s has %(total)s now.", key=pot.key, total=total)


@staff.post("/pots/<int:pot_id>/close")
def send_close(pot_id: int) -> ResponseReturnValue:
    """Promise nothing more out of a pot; what is promised stays so."""
    with services().write(current_actor()) as act:
        pot = _hold(act, pot_id)
        close_pot(act, pot)
        flash(gettext("The pot %(key)s is closed. What it promised stays promised.", key=pot.key))
    return redirect(url_for("staff.pots"), 303)
