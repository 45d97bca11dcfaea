"""All that a donor gave: gifts, receipts, monthly gifts, and what they may want to make good."""

from dataclasses import dataclass
from datetime import date

from babel.dates import format_date
from flask import abort, current_app, g, render_template, request
from flask.typing import ResponseReturnValue

from portal.account.access import account, current_account
from portal.database import Document
from portal.donors import Own
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, Plan, PlanStatus
from portal.i18n import current_locale, gettext, pick
from portal.money import Money, format_coded
from portal.receipts.composition import receipt_mark
from portal.receipts.pdf import render_statement
from portal.receipts.rendering import render_receipt, seal_document
from portal.receipts.sending import receipt_filename
from portal.records.own import (
    MOST_PAGES,
    PAGE,
    OwnGift,
    OwnPlan,
    find_newest,
    find_receipt_of,
    list_failed,
    list_gifts,
    list_plans,
)
from portal.records.own_statement import compose_statement, list_years, read_statement
from portal.regions.catalogue import Home
from portal.signin.donor_accounts import find_own
from portal.web import format_date as format_day
from portal.web import services, utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A gift as the list shows it; `receipt_id` is of the document that stands, if any does."""

    gift: Gift
    day: str
    amount: str
    fund: str
    mode: str
    state: str
    receipt_id: int | None
    receipt_title: str
    receipt_label: str
    is_paid_there: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Monthly:
    """A monthly gift as the list shows it; `is_failing` while it may still come right by itself."""

    token: str
    amount: str
    fund: str
    state: str
    is_failing: bool


def own() -> Own:
    """Whose things the pages of this request show."""
    with services().database.read() as session:
        return find_own(session, current_account().id)


@account.get("/")
def home() -> ResponseReturnValue:
    page, mine = read_page(), own()
    with services().database.read() as session:
        gifts = list_gifts(session, mine, page)
        plans = [_show_plan(one) for one in list_plans(session, mine)]
        failed = list_failed(session, mine) if page == 1 else ()
    g.csp_form_action = ("'self'", *services().providers.pay_origins)
    return render_template(
        "account/home.html",
        rows=[show_gift(one) for one in gifts[:PAGE]],
        failed=[show_gift(OwnGift(one, None)) for one in failed],
        failing=[plan for plan in plans if plan.is_failing],
        plans=plans,
        page=page,
        older=page + 1 if len(gifts) > PAGE and page < MOST_PAGES else None,
    )


def read_page() -> int:
    """The page that the address asks for; 404 for none that there can be."""
    page = request.args.get("page", 1, type=int)
    return page if 1 <= page <= MOST_PAGES else abort(404)


def show_gift(one: OwnGift) -> Row:
    """A gift in words of the current language."""
    gift, receipt = one.gift, one.receipt
    home = home_of(gift)
    return Row(
        gift=gift,
        day=name_day(gift),
        amount=coded(gift.money),
        fund=name_fund(gift, home),
        mode=pick(home.mode.label) if home and home.mode else gift.mode,
        state=STATES[gift.status](),
        receipt_id=receipt.id if receipt else None,
        receipt_title=receipt.snapshot["title"] if receipt else "",
        receipt_label=receipt.label if receipt else "",
        is_paid_there=home is not None and home.mode is not None and not home.mode.is_instructed,
    )


def _show_plan(one: OwnPlan) -> Monthly:
    plan = one.plan
    return Monthly(
        token=plan.token,
        amount=coded(plan.money),
        fund=name_fund(one.gift, home_of(one.gift)),
        state=name_plan_state(plan, services().catalogue.timezone_of(one.gift.region)),
        is_failing=plan.status is PlanStatus.PAST_DUE,
    )


def home_of(gift: Gift) -> Home | None:
    """Where a gift belongs, as far as the catalogue knows."""
    try:
        return services().catalogue.home_of(gift)
    except LookupError:
        return None


def name_fund(gift: Gift, home: Home | None) -> str:
    fund = home.region.fund(gift.fund) if home else None
    return pick(fund.names) if fund else gift.fund


def coded(money: Money) -> str:
    """An amount that names its currency beyond doubt."""
    return format_coded(money, current_locale())


def name_day(gift: Gift) -> str:
    """The day on which it came where its issuer is, else that on which it began."""
    if gift.received_on is not None:
        return write_date(gift.received_on)
    return format_day(gift.created_at, services().catalogue.timezone_of(gift.region), "medium")


def write_date(day: date) -> str:
    return str(format_date(day, format="medium", locale=current_locale()))


STATES = {
    Status.PENDING: lambda: gettext("Not paid yet"),
    Status.PROCESSING: lambda: gettext("On its way"),
    Status.FAILED: lambda: gettext("Did not go through"),
    Status.EXPIRED: lambda: gettext("Not paid"),
    Status.PARTLY_PAID: lambda: gettext("Received in part"),
    Status.PAID: lambda: gettext("Received"),
    Status.PARTLY_REFUNDED: lambda: gettext("Refunded in part"),
    Status.REFUNDED: lambda: gettext("Refunded"),
    Status.DISPUTED: lambda: gettext("In dispute"),
    Status.CHARGED_BACK: lambda: gettext("Taken back by the bank"),
}


def name_plan_state(plan: Plan, timezone: str) -> str:
    """Where a monthly gift stands, in a few words."""
    if plan.running is None:
        return gettext("Ended")
    if plan.cancel_at is not None:
        return gettext("Ends on %(day)s", day=format_day(plan.cancel_at, timezone))
    if plan.status is PlanStatus.PAUSED:
        return gettext("Paused")
    if plan.status is PlanStatus.PAST_DUE:
        return gettext("The last monthly payment did not go through")
    return gettext("Goes on")


@account.get("/receipts/<int:receipt_id>.pdf")
def receipt(receipt_id: int) -> ResponseReturnValue:
    """A receipt that stands, marked where its gift did not stay as it was."""
    with services().database.read() as session:
        found = find_receipt_of(session, find_own(session, current_account().id), receipt_id)
    if found is None or found.receipt is None:
        abort(404)
    pdf = render_receipt(services(), receipt_id, mark=receipt_mark(found.gift))
    return send_pdf(pdf, receipt_filename(found.receipt))


def send_pdf(pdf: bytes, filename: str) -> ResponseReturnValue:
    response = current_app.response_class(pdf, mimetype="application/pdf")
    response.headers.set("Content-Disposition", "inline", filename=filename)
    return response


@account.get("/statement/")
def statements() -> ResponseReturnValue:
    """The newest year's, or a word that there is none yet."""
    years = _list_years()
    return _show_year(years[0] if years else utc_now().year)


@account.get("/statement/<int(fixed_digits=4):year>")
def statement(year: int) -> ResponseReturnValue:
    return _show_year(year)


@account.get("/statement/<int(fixed_digits=4):year>.pdf")
def statement_pdf(year: int) -> ResponseReturnValue:
    pdf = seal_document(services(), render_statement(_compose(year)), current_locale(), utc_now())
    return send_pdf(pdf, f"statement-{year}.pdf")


def _list_years() -> list[int]:
    mine = own()
    with services().database.read() as session:
        return list_years(session, mine, services().catalogue)


def _show_year(year: int) -> ResponseReturnValue:
    composed = _compose(year)
    years = _list_years()
    return render_template("account/statement.html", statement=composed, year=year, years=years)


def _compose(year: int) -> Document:
    mine, catalogue = own(), services().catalogue
    with services().database.read() as session:
        sheets = read_statement(session, mine, year, catalogue)
        newest = find_newest(session, mine)
    name = current_account().name or (newest.name if newest else "")
    return compose_statement(sheets, year, name, catalogue, utc_now())
