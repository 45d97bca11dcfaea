"""What goes to tax offices: Gift Aid with its declarations and claims, and yearly files."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.clock import day_in, read_day
from portal.forms import ChoiceField, LineField, PortalForm
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.i18n import gettext, use_locale
from portal.receipts.claims import (
    Charity,
    ClaimedMeanwhile,
    GiftAidClaim,
    NothingToClaim,
    NotTheNewest,
    list_charities,
    list_claims,
    list_items_of_gift,
    look_ahead,
    make_claim,
    read_given,
    withdraw_claim,
)
from portal.receipts.declarations import (
    PERSON,
    Declaration,
    Declaring,
    cancel,
    confirm,
    declare,
    find_declaration,
    list_of_gift,
    promise_confirmation,
    read_declared,
    write_wording,
)
from portal.receipts.eligibility import judge
from portal.receipts.filing import read_lines
from portal.receipts.gift_aid import LONGEST_DESCRIPTION, Covers, How
from portal.receipts.pdf import check_postal_code
from portal.receipts.schedules import (
    MEDIA_TYPE,
    Schedule,
    TemplateRefused,
    fill_template,
    find_template,
    keep_template,
    write_csv,
)
from portal.receipts.statutory import EXPORTS, Filing, name_file, write_file
from portal.services import Act, take_key
from portal.staff.access import current_actor, staff
from portal.staff.forms import LONGEST_REASON, make_once, read_once, read_reason
from portal.staff.gifts.contact_views import name_countries
from portal.staff.gifts.views import find_gift
from portal.staff.labels import current_catalogue
from portal.web import services, utc_now

SHOWN = 20
BY_STAFF = (How.ORAL, How.PAPER)


class DeclarationForm(PortalForm):
    """An oral or written declaration that staff took down; `once` tells a second sending."""

    how = ChoiceField(ask="Choose how it was declared")
    covers = ChoiceField(ask="Choose which gifts it is for")
    day = LineField(ask="Enter the date of the declaration", longest=10)
    title = LineField(longest=20)
    first_name = LineField(ask="Enter a first name")
    last_name = LineField(ask="Enter a last name")
    address_line1 = LineField(ask="Enter the home address", longest=200)
    address_line2 = LineField(longest=200)
    city = LineField()
    postal_code = LineField(longest=20)
    country = ChoiceField(ask="Choose a country from the list")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.how.options, self.covers.options = BY_STAFF, tuple(Covers)
        self.country.options = tuple(name_countries())

    def check(self, gift: Gift, today: object) -> bool:
        """Whether it can be kept, its postcode written as HMRC reads it."""
        self.validate()
        region = current_catalogue().issuing(gift.region)
        if self.country.data in region.countries:
            check_postal_code(self, region.address)
            if not self.postal_code.data:
                self.refuse("postal_code", gettext("Enter the postcode"))
        day = read_day(self.day.data)
        if day is None:
            self.refuse("day", gettext("Enter a date like 2026-11-23"))
        elif str(day) > str(today):
            self.refuse("day", gettext("Enter a day that has come."))
        return not self.errors


@staff.get("/gifts/<reference>/gift-aid")
def declaration(reference: str) -> ResponseReturnValue:
    gift, charity = _load(reference)
    first = {name: getattr(gift, name, "") for name in PERSON}
    today = day_in(charity.issuer.timezone, utc_now())
    data = {**first, "day": today.isoformat(), "country": gift.country or "GB"}
    return _show_declarations(gift, charity, DeclarationForm(data=data))


@staff.post("/gifts/<reference>/gift-aid")
def send_declaration(reference: str) -> ResponseReturnValue:
    gift, charity = _load(reference)
    form = DeclarationForm(request.form)
    if not form.check(gift, day_in(charity.issuer.timezone, utc_now())):
        return _show_declarations(gift, charity, form)
    with services().write(current_actor()) as act:
        locked = lock_gift(act.session, gift.id)
        if take_key(act, "gift_aid_declare", f"gift:{gift.id}", read_once(request.form)):
            _record(act, locked, charity, form)
    return redirect(url_for("staff.declaration", reference=gift.reference), 303)


def _record(act: Act, gift: Gift, charity: Charity, form: DeclarationForm) -> None:
    """Keep a declaration with the words for it, and write to who declared by word of mouth."""
    covers, how = Covers(form.covers.data), How(form.how.data)
    with use_locale(gift.locale):
        wording = write_wording(charity.issuer, covers).whole
    said = Declaring(
        person={name: form[name].data for name in PERSON if name in form},
        wording=wording,
        locale=gift.locale,
        how=how,
        covers=covers,
        made_at=_noon(form.day.data, charity.issuer.timezone),
    )
    made = declare(act, charity.issuer.key, gift.donor_id or 0, said, gift_id=gift.id)
    act.note("gift_aid_declare", f"gift:{gift.id}", {})
    if how is How.ORAL and not promise_confirmation(act, made):
        flash(gettext("There is no e-mail address: send the confirmation by post and say so here."))
    else:
        flash(gettext("The declaration is recorded."))


def _noon(day: str, timezone: str) -> datetime:
    return datetime.combine(read_day(day) or utc_now().date(), time(12), ZoneInfo(timezone))


@staff.post("/gifts/<reference>/gift-aid/<key>/confirm")
def confirm_declaration(reference: str, key: str) -> ResponseReturnValue:
    """The written confirmation went out by post."""
    gift, _charity = _load(reference)
    with services().write(current_actor()) as act:
        confirm(act, _find(act.session, gift, key))
        act.note("gift_aid_confirm", f"gift:{gift.id}", {})
    flash(gettext("The declaration is confirmed. Its donor may cancel it for 30 days from today."))
    return redirect(url_for("staff.declaration", reference=gift.reference), 303)


@staff.post("/gifts/<reference>/gift-aid/<key>/cancel")
def cancel_declaration(reference: str, key: str) -> ResponseReturnValue:
    """Its donor no longer wants it; from a day on, or from the first where it was an oral one."""
    gift, charity = _load(reference)
    reason, day = read_reason(request.form), read_day(request.form.get("from", ""))
    if not reason or day is None:
        flash(gettext("Enter a reason, and the first day without Gift Aid like 2026-11-23."))
    else:
        with services().write(current_actor()) as act:
            found = _find(act.session, gift, key)
            cancel(act, found, charity.issuer.timezone, day=day, why=reason)
            act.note("gift_aid_cancel", f"gift:{gift.id}", {"reason": reason})
        flash(gettext("The declaration is cancelled."))
    return redirect(url_for("staff.declaration", reference=gift.reference), 303)


def _find(session: Session, gift: Gift, key: str) -> Declaration:
    found = find_declaration(session, key)
    if found is None or found.donor_id != gift.donor_id:
        abort(404)
    return found


def _load(reference: str) -> tuple[Gift, Charity]:
    """A gift to a charity that takes Gift Aid, of a donor who is known; else 404."""
    with services().database.read() as session:
        gift = find_gift(session, reference)
    charities = list_charities(current_catalogue())
    found = next((one for one in charities if gift.region in one.regions), None)
    if found is None or gift.donor_id is None:
        abort(404)
    return gift, found


def _show_declarations(gift: Gift, charity: Charity, form: DeclarationForm) -> ResponseReturnValue:
    timezone, today = charity.issuer.timezone, day_in(charity.issuer.timezone, utc_now())
    with services().database.read() as session:
        declarations = list_of_gift(session, gift)
        items = list_items_of_gift(session, gift.id)
        declared = read_declared(session, charity.issuer.key, timezone, [gift.donor_id or 0])
    verdict = None
    if gift.status.is_received and not items:
        judged = declared.get(gift.donor_id or 0, ())
        verdict = judge(read_given(gift), judged, today, charity.year_end)
    page = render_template(
        "staff/declaration.html",
        gift=gift,
        charity=charity,
        form=form,
        declarations=declarations,
        items=items,
        verdict=verdict,
        hows=[(one.value, one.label) for one in BY_STAFF],
        ranges=[(one.value, one.label) for one in Covers],
        countries=name_countries().items(),
        longest=LONGEST_REASON,
        today=today.isoformat(),
        once=make_once(),
    )
    return page, 422 if form.problems else 200


@staff.get("/gift-aid")
def gift_aid() -> ResponseReturnValue:
    """What can be claimed for, why other gifts can't, and the claims that were made."""
    return _show_claims()


def _choose_charity() -> Charity | None:
    """The one that is asked for, else the first."""
    charities = list_charities(current_catalogue())
    wanted = request.values.get("issuer", "")
    return next((one for one in charities if one.issuer.key == wanted), next(iter(charities), None))


def _show_claims(problem: str = "") -> ResponseReturnValue:
    charity = _choose_charity()
    if charity is None:
        return render_template("staff/gift_aid.html", charity=None, problem=problem)
    with services().database.read() as session:
        outlook = look_ahead(session, charity, utc_now())
        claims = list_claims(session, charity.issuer.key)
        template = find_template(session)
    page = render_template(
        "staff/gift_aid.html",
        charity=charity,
        charities=list_charities(current_catalogue()),
        outlook=outlook,
        claims=claims,
        template=template,
        problem=problem,
        shown=SHOWN,
        longest=LONGEST_DESCRIPTION,
        reason_length=LONGEST_REASON,
        once=make_once(),
    )
    return page, 422 if problem else 200


@staff.post("/gift-aid")
def send_claim() -> ResponseReturnValue:
    """Make a claim of all that can be claimed for."""
    charity = _choose_charity() or abort(404)
    together = request.form.get("together", "").strip()[:LONGEST_DESCRIPTION]
    try:
        with services().write(current_actor()) as act:
            if take_key(act, "gift_aid_claim", "gift_aid", read_once(request.form)):
                make_claim(act, charity, together=together)
                flash(gettext("The claim is made: download its schedule below."))
    except NothingToClaim:
        return _show_claims(gettext("There is nothing to claim for: the page says why."))
    except ClaimedMeanwhile:
        return _show_claims(gettext("Somebody made a claim at this moment: it is below."))
    return redirect(url_for("staff.gift_aid", issuer=charity.issuer.key), 303)


@staff.post("/gift-aid/<int:claim_id>/withdraw")
def withdraw_gift_aid(claim_id: int) -> ResponseReturnValue:
    """A claim that was not sent: its gifts can be claimed for again."""
    reason = read_reason(request.form)
    if not reason:
        return _show_claims(gettext("Enter a reason, for the audit log"))
    try:
        with services().write(current_actor()) as act:
            claim = act.session.get(GiftAidClaim, claim_id) or abort(404)
            withdraw_claim(act, claim, reason)
    except NotTheNewest:
        return _show_claims(gettext("A later claim builds on this one: withdraw that one first."))
    flash(gettext("The claim is withdrawn: its gifts can be claimed for again."))
    return redirect(url_for("staff.gift_aid", issuer=claim.issuer), 303)


@staff.post("/gift-aid/template")
def send_template() -> ResponseReturnValue:
    """HMRC's own empty spreadsheet, which claims are filled into."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _show_claims(gettext("Choose HMRC’s spreadsheet"))
    try:
        with services().write(current_actor()) as act:
            keep_template(act, file.filename, file.stream.read())
    except TemplateRefused as refused:
        return _show_claims(str(refused))
    flash(gettext("HMRC’s spreadsheet is kept: schedules can be downloaded as ODS now."))
    return redirect(url_for("staff.gift_aid"), 303)


@staff.get("/gift-aid/<int:claim_id>/<int:part>.<ending>")
def gift_aid_file(claim_id: int, part: int, ending: str) -> ResponseReturnValue:
    """One schedule of a claim, counted from 1; the first says what is given back."""
    if ending not in {"csv", "ods"}:
        abort(404)
    with services().write(current_actor()) as act:
        claim = act.session.get(GiftAidClaim, claim_id) or abort(404)
        template = find_template(act.session)
        act.note("gift_aid_download", f"gift_aid:{claim_id}", {})
    if not 1 <= part <= len(claim.schedules) or (ending == "ods" and template is None):
        abort(404)
    schedule = schedule_of(claim, part)
    name = f"gift-aid-{claim_id}-{part}.{ending}"
    if ending == "ods" and template is not None:
        response = Response(fill_template(template.data, schedule), mimetype=MEDIA_TYPE)
    else:
        response = Response(write_csv(schedule), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def schedule_of(claim: GiftAidClaim, part: int) -> Schedule:
    given_back = claim.overclaimed_minor if part == 1 else 0
    return Schedule(claim.schedules[part - 1], given_back)


@staff.get("/filings")
def filings() -> ResponseReturnValue:
    """The yearly files of tax offices, to choose one."""
    return _show_filings()


def _show_filings(problem: str = "") -> ResponseReturnValue:
    issuers = {one.issuer.key: one.issuer for one in current_catalogue().regions.values()}
    page = render_template(
        "staff/filings.html",
        exports=[(one.key, gettext(one.who)) for one in EXPORTS.values()],
        open_points=[one for one in EXPORTS.values() if one.empty or one.unchecked],
        issuers=[(key, issuer.legal_name) for key, issuer in issuers.items()],
        year=request.args.get("year", str(utc_now().year))[:4],
        problem=problem,
    )
    return page, 422 if problem else 200


@staff.get("/filings/file")
def filing() -> ResponseReturnValue:
    """One of them, of an issuer and a year."""
    export = EXPORTS.get(request.args.get("key", ""))
    regions = current_catalogue().regions.values()
    wanted = request.args.get("issuer", "")
    issuer = next((one.issuer for one in regions if one.issuer.key == wanted), None)
    year = request.args.get("year", 0, type=int)
    if export is None or issuer is None or not year or not 2000 <= year <= utc_now().year + 1:
        return _show_filings(gettext("Choose a file and an issuer, and enter a year like 2026."))
    with services().write(current_actor()) as act:
        act.note("filing_download", f"issuer:{issuer.key}", {})
        made = Filing(issuer.registration_number, year, act.now)
        years = range(year - 5, year + 2)
        lines = read_lines(act.session, services().settings, export, issuer, years)
    kind = "text/csv" if export.delimiter == "," else "text/plain"
    response = Response(write_file(export, lines, made), mimetype=kind)
    name = name_file(export, made)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
