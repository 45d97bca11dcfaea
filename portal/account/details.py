"""What is kept of a donor: details and language, addresses, consents, a copy, and forgetting."""

import json
from collections.abc import Iterable

from babel import Locale
from babel.core import get_global
from flask import Response, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.account.access import account, current_account
from portal.account.home import home_of
from portal.database import Document
from portal.donors import NEWS, PARTNER, Own, record_consent
from portal.forms import LONGEST_EMAIL, ChoiceField, EmailField, LineField, PortalForm, TickField
from portal.gifts.contacts import CONTACT_FIELDS, correct_contact
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.i18n import LANGUAGES, current_locale, gettext, language, list_own_names
from portal.mailed_links import CodeForm, ask, minutes, show, too_many, use
from portal.receipts.declarations import follow_details
from portal.receipts.donor_numbers import bearer_of, follow_person
from portal.receipts.pdf import ADDRESS_FIELDS, check_postal_code, check_province, check_signs
from portal.records.own import find_newest, list_plans, list_regions_of
from portal.records.own_data import PlansGoOn, forget, gather, list_consents, write_gifts_csv
from portal.services import Act
from portal.signin.accounts import TooManyTries
from portal.signin.donor_accounts import (
    DonorAccount,
    LastAddress,
    TooManyAddresses,
    add_address,
    close_account,
    find_own,
    list_addresses,
    prove_address,
    remove_address,
)
from portal.signin.sessions import end_session
from portal.web import services, utc_now

UNKNOWN_COUNTRY = "ZZ"


class DetailsForm(PortalForm):
    """Who somebody is and how they are reached; all but the name may stay empty."""

    first_name = LineField(ask="Enter your first name")
    last_name = LineField(ask="Enter your last name")
    address_line1 = LineField(longest=200)
    address_line2 = LineField(longest=200)
    city = LineField()
    province = LineField()
    postal_code = LineField(longest=20)
    country = ChoiceField(ask="Choose a country from the list")
    phone = LineField(longest=40)
    locale = ChoiceField(ask="Choose a language from the list")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.country.options = ("", *name_countries())
        self.locale.options = LANGUAGES

    def check(self, newest: Gift | None) -> bool:
        """Whether all of it can be kept, and be shown on a receipt."""
        is_right = self.validate()
        home = home_of(newest) if newest else None
        if home and self.country.data in home.region.countries:
            check_postal_code(self, home.region.address)
            check_province(self, home.region.address)
        check_signs(self, ("first_name", "last_name", *ADDRESS_FIELDS))
        return is_right and not self.problems


class AddressForm(PortalForm):
    email = EmailField(ask="Enter your e-mail address", longest=LONGEST_EMAIL)


class ForgetForm(PortalForm):
    sure = TickField()


def name_countries() -> dict[str, str]:
    """Every country by its code (ISO 3166-1 alpha-2), by their names in the current language."""
    names = Locale.parse(language(current_locale())).territories
    codes = {*get_global("territory_languages")} - {UNKNOWN_COUNTRY}
    known = {code: str(names[code]) for code in codes & {*names} if code.isalpha()}
    return dict(sorted(known.items(), key=lambda pair: pair[1].casefold()))


@account.get("/details")
def details() -> ResponseReturnValue:
    return _show(200)


@account.post("/details")
def send_details() -> ResponseReturnValue:
    form = DetailsForm(request.form)
    with services().database.read() as db:
        newest = find_newest(db, find_own(db, current_account().id))
    if not form.check(newest):
        return _show(422, form=form)
    with services().write(current_account().actor) as act:
        _keep(act, act.session.get_one(DonorAccount, current_account().id), form)
    session.pop("language", None)
    flash(gettext("Saved."))
    return redirect(url_for("account.details"), 303)


def _keep(act: Act, user: DonorAccount, form: DetailsForm) -> None:
    """Keep what was said; monthly gifts that go on take it over for the months to come."""
    said = {field.name: field.data for field in form}
    tag = said.pop("locale")
    user.locale = user.locale if language(user.locale) == tag else tag
    user.details = said
    right = {name: said[name] for name in CONTACT_FIELDS if name in said}
    for one in list_plans(act.session, find_own(act.session, user.id, writes=True)):
        if one.plan.running is not None:
            gift = lock_gift(act.session, one.gift.id)
            bearer = bearer_of(gift)
            correct_contact(act, gift, {**right, "locale": user.locale}, why="")
            follow_person(act, bearer, gift, is_own_word=True)
    follow_details(act, find_own(act.session, user.id, writes=True).donor_ids, said)
    act.note("donor_details", user.actor, {"fields": sorted(said)})


def _show(
    status: int, *, form: PortalForm | None = None, address_form: PortalForm | None = None
) -> ResponseReturnValue:
    user = current_account()
    with services().database.read() as db:
        mine = find_own(db, user.id)
        newest = find_newest(db, mine)
        addresses = list_addresses(db, user.id)
        consents = list_consents(db, mine)
        regions = list_regions_of(db, mine)
    page = render_template(
        "account/details.html",
        form=form if form is not None else address_form or PortalForm(),
        details_form=form if isinstance(form, DetailsForm) else _fill(user, newest),
        address_form=address_form or AddressForm(),
        addresses=addresses,
        can_remove=sum(one.proven_at is not None for one in addresses) > 1,
        consents=consents,
        gives_gift_aid=_have_gift_aid(regions),
        asks_numbers=_ask_numbers(regions),
        agreed={one.channel for one in consents if one.withdrawn_at is None},
        wording=_word_consent(newest),
        countries=[("", ""), *name_countries().items()],
        tongues=list_own_names(),
    )
    return page, status


def _have_gift_aid(slugs: Iterable[str]) -> bool:
    """Whether one of some regions takes Gift Aid."""
    found = (services().catalogue.known(slug) for slug in slugs)
    return any(region is not None and region.takes_gift_aid for region in found)


def _ask_numbers(slugs: Iterable[str]) -> bool:
    """Whether one of some regions asks donors for tax numbers."""
    found = (services().catalogue.known(slug) for slug in slugs)
    today = utc_now().date()
    return any(region is not None and region.asked_on(today) for region in found)


def _fill(user: DonorAccount, newest: Gift | None) -> DetailsForm:
    """The form with what was said here, else with what the newest gift says."""
    known = {name: getattr(newest, name) for name in CONTACT_FIELDS} if newest else {}
    return DetailsForm(data={**known, **user.details, "locale": language(user.locale)})


def _word_consent(newest: Gift | None) -> str:
    home = home_of(newest) if newest else None
    if home is None:
        return ""
    return gettext(
        "Send me news of %(issuer)s by e-mail. I can stop it at any time.",
        issuer=home.region.issuer.legal_name,
    )


@account.post("/details/news")
def send_news() -> ResponseReturnValue:
    """Say yes to news by the words that are shown, or take back every yes of a kind that stands."""
    wants = request.form.get("wants", "")
    with services().write(current_account().actor) as act:
        mine = find_own(act.session, current_account().id, writes=True)
        _change_consent(act, mine, wants)
    flash(gettext("Saved."))
    return redirect(url_for("account.details"), 303)


# What the buttons take back.
TAKES_BACK = {"no": NEWS, "nameless": PARTNER}


def _change_consent(act: Act, mine: Own, wants: str) -> None:
    standing = [one for one in list_consents(act.session, mine) if one.withdrawn_at is None]
    for one in standing:
        if one.channel == TAKES_BACK.get(wants):
            one.withdrawn_at = act.now
    if wants == "yes" and not any(one.channel == NEWS for one in standing):
        _agree_to_news(act, mine)


def _agree_to_news(act: Act, mine: Own) -> None:
    wording = _word_consent(find_newest(act.session, mine))
    if wording:
        donor_id, locale = mine.donor_ids[0], current_locale()
        record_consent(act, donor_id, wording=wording, locale=locale, source="account")


@account.post("/addresses")
def send_address() -> ResponseReturnValue:
    """Send a link to an address that is said to be theirs; it counts once the link was used."""
    form = AddressForm(request.form)
    if not form.validate():
        return _show(422, address_form=form)
    try:
        _ask_address(form.email.data)
    except TooManyTries:
        form.refuse("email", too_many())
        return _show(429, address_form=form)
    except TooManyAddresses:
        form.refuse("email", gettext("Your account has as many addresses as it can have."))
        return _show(422, address_form=form)
    return redirect(url_for("account.prove_code"), 303)


def _ask_address(email: str) -> None:
    with services().write(current_account().actor) as act:
        user = act.session.get_one(DonorAccount, current_account().id)
        address = add_address(act, user, email)

    def find_owner(_db: Session, _email: str) -> int:
        return address.id

    ask("address", email, find_owner)


@account.get("/addresses/prove")
def prove_code() -> ResponseReturnValue:
    return _show_proof("", CodeForm(), 200)


@account.get("/addresses/prove/<token>")
def prove(token: str) -> ResponseReturnValue:
    """A page with a button, as for signing in: looking at it uses nothing up."""
    return _show_proof(token, CodeForm(), 200)


@account.post("/addresses/prove")
def send_proof() -> ResponseReturnValue:
    """The link in the browser that asked, or the code typed there."""
    form, token = CodeForm(request.form), request.form.get("token", "")[:80]
    if not token and not form.validate():
        return _show_proof(token, form, 422)
    address_id, status = use("address", form, show(token=token, code=form.code.data or ""))
    if address_id is None:
        return _show_proof(token, form, status)
    with services().write(current_account().actor) as act:
        user = act.session.get_one(DonorAccount, current_account().id)
        if not prove_address(act, user, address_id):
            abort(404)
    flash(gettext("Saved."))
    return redirect(url_for("account.details"), 303)


def _show_proof(token: str, form: PortalForm, status: int) -> ResponseReturnValue:
    page = render_template("account/prove.html", form=form, token_text=token, minutes=minutes())
    return page, status


@account.post("/addresses/<int:address_id>/remove")
def drop_address(address_id: int) -> ResponseReturnValue:
    try:
        with services().write(current_account().actor) as act:
            user = act.session.get_one(DonorAccount, current_account().id)
            if not remove_address(act, user, address_id):
                abort(404)
    except LastAddress:
        flash(gettext("This is your only address: without it you couldn’t come in any more."))
    else:
        flash(gettext("Saved."))
    return redirect(url_for("account.details"), 303)


@account.get("/data.json")
def data_json() -> ResponseReturnValue:
    """All that is kept of them, for people and programs."""
    return _send(json.dumps(_gather(), ensure_ascii=False, indent=1), "json", "application/json")


@account.get("/data.csv")
def data_csv() -> ResponseReturnValue:
    """Their gifts as a table."""
    return _send(write_gifts_csv(_gather()), "csv", "text/csv")


def _gather() -> Document:
    user = current_account()
    with services().database.read() as db:
        addresses = [
            {"email": one.email, "proven_at": one.proven_at and one.proven_at.isoformat()}
            for one in list_addresses(db, user.id)
        ]
        own_account = {
            "created_at": user.created_at.isoformat(),
            "signed_in_at": user.signed_in_at and user.signed_in_at.isoformat(),
            "locale": user.locale,
            "details": user.details,
            "addresses": addresses,
        }
        return {"account": own_account, **gather(db, find_own(db, user.id), services().settings)}


def _send(text: str, ending: str, kind: str) -> Response:
    response = Response(text, mimetype=kind)
    name = f"my-gifts-{utc_now():%Y-%m-%d}.{ending}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@account.get("/forget")
def forgetting() -> ResponseReturnValue:
    return _show_forgetting(ForgetForm(), 200)


@account.post("/forget")
def send_forgetting() -> ResponseReturnValue:
    """Erase the donor and the account; what the law keeps stays, and the page says so."""
    form = ForgetForm(request.form)
    if not form.sure.data:
        form.refuse("sure", gettext("Tick the box if you are sure"))
        return _show_forgetting(form, 422)
    try:
        with services().write(current_account().actor) as act:
            user = act.session.get_one(DonorAccount, current_account().id)
            forget(act, find_own(act.session, user.id, writes=True))
            act.note("donor_forget", user.actor, {})
            close_account(act, user)
    except PlansGoOn:
        form.refuse("sure", gettext("Stop your monthly gifts first: they go on otherwise."))
        return _show_forgetting(form, 409)
    end_session(session)
    flash(
        gettext(
            "You are forgotten, but for what the law makes us keep. Thank you for all you gave."
        )
    )
    return redirect(url_for("account.sign_in"), 303)


def _show_forgetting(form: PortalForm, status: int) -> ResponseReturnValue:
    return render_template("account/forget.html", form=form), status
