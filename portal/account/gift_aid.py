"""A donor's Gift Aid: see what was declared, declare it, correct name and home, and cancel it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.account.access import account, current_account
from portal.account.details import name_countries
from portal.donors import Own
from portal.forms import ChoiceField, LineField, PortalForm, TickField
from portal.i18n import current_locale, gettext, pick
from portal.receipts.claims import Charity, list_charities
from portal.receipts.declarations import (
    PERSON,
    Declaration,
    Declaring,
    Wording,
    cancel,
    correct_person,
    declare,
    list_of_donors,
    write_wording,
)
from portal.receipts.gift_aid import Covers, How
from portal.receipts.pdf import check_postal_code, inside
from portal.records.own import find_newest, list_regions_of
from portal.services import Act
from portal.signin.donor_accounts import find_own
from portal.web import services


class GiftAidForm(PortalForm):
    """Who declares, by name and home; the tick is asked for the first time alone."""

    title = LineField(longest=20)
    first_name = LineField(ask="Enter your first name")
    last_name = LineField(ask="Enter your last name")
    address_line1 = LineField(ask="Enter your home address", longest=200)
    address_line2 = LineField(longest=200)
    city = LineField()
    postal_code = LineField(longest=20)
    country = ChoiceField(ask="Choose a country from the list")
    gift_aid = TickField()

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.country.options = tuple(name_countries())

    def check(self, charity: Charity, *, is_first: bool) -> bool:
        """Whether it can be kept, its postcode written as HMRC reads it."""
        self.validate()
        region = services().catalogue.issuing(charity.regions[0])
        if self.country.data in region.countries:
            check_postal_code(self, region.address)
            label = inside(pick(region.address.postal_label))
            if not self.postal_code.data:
                self.refuse("postal_code", gettext("Enter your %(label)s", label=label))
        if is_first and not self.gift_aid.data:
            self.refuse("gift_aid", gettext("Tick the box to declare Gift Aid"))
        return not self.errors

    @property
    def person(self) -> Mapping[str, str]:
        return {name: self[name].data for name in PERSON if name in self}


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody declared to one charity, the newest that holds, and the words to declare by."""

    charity: Charity
    current: Declaration | None
    past: Sequence[Declaration]
    wording: Wording


def list_own_charities(session: Session, own: Own) -> list[Charity]:
    """Those that the donor gave to and that take Gift Aid."""
    regions = set(list_regions_of(session, own))
    return [one for one in list_charities(services().catalogue) if regions & {*one.regions}]


@account.get("/gift-aid")
def gift_aid() -> ResponseReturnValue:
    return _show()


@account.post("/gift-aid/<issuer>")
def send_gift_aid(issuer: str) -> ResponseReturnValue:
    """Declare it, or keep another name or home for what was declared."""
    with services().database.read() as session:
        own = find_own(session, current_account().id)
        charity = _find_charity(session, own, issuer)
        is_first = not _standing(session, own, issuer)
    form = GiftAidForm(request.form)
    if not form.check(charity, is_first=is_first):
        return _show(form, issuer)
    with services().write(current_account().actor) as act:
        _keep(act, own, charity, form)
    flash(gettext("Saved."))
    return redirect(url_for("account.gift_aid"), 303)


def _keep(act: Act, own: Own, charity: Charity, form: GiftAidForm) -> None:
    """By each of their addresses, as any of them may give."""
    standing = _standing(act.session, own, charity.issuer.key)
    for one in standing:
        correct_person(act, one, form.person)
    wording, locale = write_wording(charity.issuer).whole, current_locale()
    said = Declaring(person=form.person, wording=wording, locale=locale, how=How.ACCOUNT)
    known = {one.donor_id for one in standing if one.covers is Covers.ALL}
    for donor_id in set(own.donor_ids) - known if form.gift_aid.data else ():
        declare(act, charity.issuer.key, donor_id, said)
    act.note("gift_aid_declare", current_account().actor, {})


@account.post("/gift-aid/<issuer>/cancel")
def cancel_gift_aid(issuer: str) -> ResponseReturnValue:
    """Let nothing that was declared to a charity hold for gifts from today on."""
    with services().write(current_account().actor) as act:
        own = find_own(act.session, current_account().id, writes=True)
        charity = _find_charity(act.session, own, issuer)
        for one in _standing(act.session, own, issuer):
            cancel(act, one, charity.issuer.timezone)
        act.note("gift_aid_cancel", current_account().actor, {})
    flash(gettext("Your Gift Aid declaration is cancelled for all gifts from today on."))
    return redirect(url_for("account.gift_aid"), 303)


def _find_charity(session: Session, own: Own, issuer: str) -> Charity:
    own_ones = (one for one in list_own_charities(session, own) if one.issuer.key == issuer)
    return next(own_ones, None) or abort(404)


def _standing(session: Session, own: Own, issuer: str) -> list[Declaration]:
    mine = list_of_donors(session, own.donor_ids)
    return [one for one in mine if one.issuer == issuer and one.cancelled_at is None]


def _show(form: GiftAidForm | None = None, issuer: str = "") -> ResponseReturnValue:
    user = current_account()
    with services().database.read() as session:
        own = find_own(session, user.id)
        charities = list_own_charities(session, own)
        mine = list_of_donors(session, own.donor_ids)
        newest = find_newest(session, own)
    wanted = issuer or request.args.get("issuer", "")
    charities.sort(key=lambda one: one.issuer.key != wanted)
    standings = [_gather(one, mine) for one in charities]
    known = {name: getattr(newest, name, "") for name in PERSON}
    forms = {
        one.charity.issuer.key: form
        if form is not None and one.charity.issuer.key == issuer
        else _fill(one, {"country": "GB", **known, **user.details})
        for one in standings
    }
    page = render_template(
        "account/gift_aid.html",
        form=form or PortalForm(),
        forms=forms,
        standings=standings,
        countries=name_countries().items(),
    )
    return page, 422 if form and form.problems else 200


def _gather(charity: Charity, mine: Sequence[Declaration]) -> Standing:
    its = [one for one in mine if one.issuer == charity.issuer.key]
    current = next((one for one in its if one.cancelled_at is None), None)
    past = [one for one in its if one is not current]
    return Standing(charity, current, past, write_wording(charity.issuer))


def _fill(standing: Standing, known: Mapping[str, object]) -> GiftAidForm:
    """With what was declared, else with what is known of the donor."""
    one = standing.current
    said = {name: getattr(one, name) for name in PERSON} if one else {}
    return GiftAidForm(data={**known, **said})
