"""A donor's own pledges: made, changed and ended by them, with how far each is."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal import limits
from portal.account.access import account, current_account
from portal.account.home import own
from portal.codes.parsing import CodeError
from portal.donors import PARTNER, record_consent
from portal.forms import ChoiceField, LineField, TickField
from portal.gifts.commitments import (
    NAMED,
    Owner,
    Said,
    Told,
    add_commitment,
    cancel_commitment,
    change_commitment,
    find_commitment,
    tell,
)
from portal.gifts.models import Commitment
from portal.i18n import current_locale, gettext
from portal.pledge_form import PledgeForm, begin, fill, put_in_words
from portal.records.own import find_newest
from portal.services import Act
from portal.web import services, utc_now

# A code may be secret, and whoever names one that there is makes a pledge by it.
CHANGES_AN_HOUR = 20


class OwnForm(PledgeForm):
    """A new pledge of theirs: by which address, for which code."""

    email = ChoiceField(ask="Choose one of your addresses")
    code = LineField(longest=60)
    consent_partner = TickField()

    def __init__(self, emails: tuple[str, ...], *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.email.options = emails
        self.emails = [(one, one) for one in emails]


def _wording() -> str:
    return gettext("The partner of this code may know my name and how far this pledge is.")


@account.get("/pledges")
def pledges() -> ResponseReturnValue:
    mine = own()
    with services().database.read() as session:
        newest = find_newest(session, mine)
    start = begin(newest.currency if newest else "")
    return _show_all(OwnForm(mine.emails, data={**start, "email": next(iter(mine.emails), "")}))


def _show_all(form: OwnForm) -> ResponseReturnValue:
    page = render_template(
        "account/pledges.html",
        shown=[put_in_words(one) for one in _list_own()],
        form=form,
        wording=_wording(),
    )
    return page, 422 if form.problems else 200


def _list_own() -> list[Told]:
    donors = own().donor_ids
    with services().database.read() as session:
        own_ones = Commitment.donor_id.in_(donors)
        return tell(session, services().catalogue, utc_now(), own_ones, most=MOST_SHOWN)


MOST_SHOWN = 100


@account.post("/pledges")
def send_pledge() -> ResponseReturnValue:
    form = OwnForm(own().emails, request.form)
    said = form.read()
    if said is None or not _add(form, said):
        return _show_all(form)
    flash(gettext("The pledge is kept."))
    return redirect(url_for("account.pledges"), 303)


def _add(form: OwnForm, said: Said) -> bool:
    """Whether it is kept; else the form now says what is wrong."""
    owner = Owner(email=form.email.data, code=form.code.data)
    _limit()
    try:
        with services().write(current_account().actor) as act:
            row = add_commitment(act, owner, said)
            if form.consent_partner.data and row.scope_id is not None:
                _keep_consent(act, row)
    except CodeError as error:
        form.refuse_fault(error)
        return False
    return True


def _limit() -> None:
    """So many tries an hour, whether they come to anything or not."""
    who, now = current_account().actor, utc_now()
    with services().database.write() as session:
        is_well = limits.hit(session, "pledges", who, limit=CHANGES_AN_HOUR, seconds=3600, now=now)
    if not is_well:
        abort(429)


def _keep_consent(act: Act, row: Commitment) -> None:
    record_consent(
        act,
        row.donor_id or abort(404),
        wording=_wording(),
        locale=current_locale(),
        source=f"{NAMED}{row.id}",
        channel=PARTNER,
    )


@account.get("/pledges/<int:number>")
def pledge(number: int) -> ResponseReturnValue:
    told = _find(number)
    return _show(told, PledgeForm(data=fill(told.said)))


def _find(number: int) -> Told:
    return next((one for one in _list_own() if one.row.id == number), None) or abort(404)


def _show(told: Told, form: PledgeForm) -> ResponseReturnValue:
    form.keep(told.said)
    page = render_template("account/pledge.html", one=put_in_words(told), form=form)
    return page, 422 if form.problems else 200


@account.post("/pledges/<int:number>")
def change_pledge(number: int) -> ResponseReturnValue:
    """Let it say something else from now on."""
    told, form = _find(number), PledgeForm(request.form)
    form.keep(told.said)
    said = form.read()
    if said is None or not _change(told, form, said):
        return _show(told, form)
    flash(gettext("The pledge is kept."))
    return redirect(url_for("account.pledges"), 303)


def _change(told: Told, form: PledgeForm, said: Said) -> bool:
    _limit()
    try:
        with services().write(current_account().actor) as act:
            change_commitment(act, _own_row(act.session, told), said)
    except CodeError as error:
        form.refuse_fault(error)
        return False
    return True


def _own_row(session: Session, told: Told) -> Commitment:
    return find_commitment(session, told.row.id) or abort(404)


@account.post("/pledges/<int:number>/end")
def end_pledge(number: int) -> ResponseReturnValue:
    told = _find(number)
    with services().write(current_account().actor) as act:
        cancel_commitment(act, _own_row(act.session, told))
    flash(gettext("The pledge is cancelled: nothing more is due."))
    return redirect(url_for("account.pledges"), 303)
