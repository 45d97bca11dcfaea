"""The gift list, one gift explained, its receipt, the export, and ending a monthly gift.

The list's rows are made ready to be put into their page. Two thirds of the page's time went into
formatting row by row what most rows have in common, so here each amount, status and address is
made once.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.orm import Session

from portal.gifts.models import Gift, Plan
from portal.gifts.queries import find_gift_by_reference, find_plan
from portal.gifts.references import clean_reference
from portal.i18n import current_locale, gettext
from portal.money import Money, format_money
from portal.payments.providers import ProviderBusy, ProviderRefused, ProviderUnavailable
from portal.payments.refunds import say_refused
from portal.plain import full_name
from portal.receipts.composition import receipt_mark
from portal.receipts.donor_numbers import (
    DonorNumber,
    bearer_of,
    find_receiver,
    list_numbers,
)
from portal.receipts.register import find_receipt
from portal.receipts.rendering import render_receipt
from portal.records.export import stream_gifts
from portal.records.filters import (
    GiftFilters,
    Search,
    read_filters,
    read_search,
)
from portal.records.listing import ListedGift, list_gifts
from portal.records.stretches import Cursor
from portal.signin.accounts import Role
from portal.staff.access import current_actor, may, staff
from portal.staff.audit import Known
from portal.staff.forms import StopForm, make_once
from portal.staff.gifts.page import explain_receipt, goes_on, list_actions, tell
from portal.staff.labels import (
    Names,
    all_currencies,
    current_catalogue,
    current_names,
    show_status,
    show_time,
)
from portal.staff.queries import GiftFile, name_actors, open_file
from portal.web import send_csv, services, utc_now


class ShownGift(NamedTuple):
    """One row, in the order that `staff/gifts.html` unpacks it; empty text where there is none."""

    reference: str
    address: str
    is_monthly: bool
    started: Markup
    name: str
    email: str
    region: str
    fund: str
    mode: str
    code: str
    status: Markup
    amount: str
    refunded: str


def show_rows(rows: Sequence[ListedGift], timezone: str, names: Names) -> Iterator[ShownGift]:
    """Gifts as `portal.records.listing` lists them, with their times in a zone."""
    say_amount = _Amounts(current_locale())
    begin, unknown = _begin_addresses(), gettext("Unknown")
    for row in rows:
        currency = row.currency
        yield ShownGift(
            reference=row.reference,
            address=begin + row.reference,
            is_monthly=row.frequency == "monthly",
            started=show_time(row.created_at, timezone),
            name=full_name(row.first_name, row.last_name) or unknown,
            email=row.email,
            region=names.regions.get(row.region, row.region),
            fund=names.funds.get(row.fund, row.fund),
            mode=names.mode(row.region, row.mode),
            code=row.code or "",
            status=show_status(row.status),
            amount=say_amount[row.amount_minor, currency],
            refunded=say_amount[row.refunded_minor, currency] if row.refunded_minor else "",
        )


class _Amounts(dict[tuple[int, str], str]):
    """Amounts as a reader of the locale writes them, each made when it is first asked for."""

    def __init__(self, locale: str) -> None:
        super().__init__()
        self.locale = locale

    def __missing__(self, key: tuple[int, str]) -> str:
        self[key] = said = format_money(Money(*key), self.locale)
        return said


def _begin_addresses() -> str:
    """What the address of each gift begins with; references have no sign that addresses escape."""
    return url_for("staff.gift", reference="_").removesuffix("_")


@staff.get("/gifts")
def gifts() -> ResponseReturnValue:
    filters, search = _asked()
    cursor = Cursor(
        before=request.args.get("before", type=int), after=request.args.get("after", type=int)
    )
    with services().database.look() as session:
        page = list_gifts(session, filters, search, cursor)
    names = current_names()
    return render_template(
        "staff/gifts.html",
        page=page,
        rows=show_rows(page.rows, filters.timezone, names),
        filters=filters,
        cursor=cursor,
        names=names,
        is_first=cursor == Cursor(),
    )


@staff.get("/gifts/<reference>")
def gift(reference: str) -> ResponseReturnValue:
    with services().database.read() as session:
        found = find_gift(session, reference)
        if found.reference != reference:
            return redirect(url_for("staff.gift", reference=found.reference), 301)
        file = open_file(session, found)
        actors = name_actors(session)
    return show_gift(file, actors)


@staff.get("/gifts/<reference>/receipt.pdf")
def receipt_pdf(reference: str) -> ResponseReturnValue:
    with services().database.read() as session:
        found = find_gift(session, reference)
        receipt = find_receipt(session, found.id)
    if receipt is None:
        abort(404)
    mark = receipt_mark(found)
    pdf = render_receipt(services(), receipt.id, mark=mark)
    response = Response(pdf, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{receipt.label}.pdf"'
    return response


@staff.get("/gifts.csv")
def export() -> ResponseReturnValue:
    filters, search = _asked()
    # What was searched for may be a person's name, which must not outlive their gift.
    asked = {name: "*" if name == "q" else text for name, text in filters.as_args().items()}
    detail = {"filters": "&".join(f"{name}={text}" for name, text in asked.items())}
    with services().write(current_actor()) as act:
        act.note("export", "gifts", detail)
    return send_csv("gifts", stream_gifts(services().database, filters, search))


def find_gift(session: Session, reference: str) -> Gift:
    """The gift of an address; 404 where there is none."""
    found = find_gift_by_reference(session, clean_reference(reference) or reference)
    if found is None:
        abort(404)
    return found


def show_gift(file: GiftFile, actors: dict[str, str]) -> str:
    """A gift's page."""
    region, names = current_catalogue().known(file.gift.region), current_names()
    mode = region.mode(file.gift.mode) if region else None
    provider = services().providers.find(mode.provider) if mode else None
    actions = list_actions(
        file.gift,
        mode=mode,
        takes_back=provider is not None and provider.refunds is not None,
        plan=file.plan,
        has_receipt=file.receipt is not None,
        is_finance=may(Role.FINANCE),
    )
    return render_template(
        "staff/gift.html",
        file=file,
        gift=file.gift,
        moments=tell(file, Known(actors, names)),
        names=names,
        actions=actions,
        gift_aid=region is not None and region.takes_gift_aid and file.gift.donor_id is not None,
        numbers=_list_numbers(file.gift),
        timezone=current_catalogue().timezone_of(file.gift.region),
        receipt_notes=_explain_receipt(file),
        once=make_once(),
        today=utc_now().date().isoformat(),
    )


def _list_numbers(gift: Gift) -> Sequence[DonorNumber] | None:
    """What the donor has said of the tax numbers that are asked; None where none is."""
    region, bearer = current_catalogue().known(gift.region), bearer_of(gift)
    if region is None or bearer is None or not region.asked_on(utc_now().date()):
        return None
    with services().database.read() as session:
        return list_numbers(session, bearer)


def _explain_receipt(file: GiftFile) -> list[str]:
    """Why there is no receipt, or no official one; of money without a home nothing is known."""
    region = current_catalogue().known(file.gift.region) or current_catalogue().rest
    if region is None:
        return []
    now, has_receipt = utc_now(), file.receipt is not None
    with services().database.read() as session:
        donor = find_receiver(session, services().settings, file.gift, region, now)
    return explain_receipt(file.gift, region, now, file.particulars, donor, has_receipt=has_receipt)


def _asked() -> tuple[GiftFilters, Search | None]:
    timezones = {
        slug: region.issuer.timezone for slug, region in current_catalogue().regions.items()
    }
    filters = read_filters(request.args, timezones)
    return filters, read_search(filters.text, all_currencies(), services().providers.names)


@staff.get("/gifts/<reference>/stop-monthly")
def stop_monthly(reference: str) -> ResponseReturnValue:
    gift, plan = _load(reference)
    return _show(gift, plan, StopForm())


@staff.post("/gifts/<reference>/stop-monthly")
def send_stop_monthly(reference: str) -> ResponseReturnValue:
    gift, plan = _load(reference)
    form = StopForm(request.form)
    if form.validate() and _stop(gift, plan, form):
        return redirect(url_for("staff.gift", reference=gift.reference), 303)
    return _show(gift, plan, form), 422


def _show(gift: Gift, plan: Plan | None, form: StopForm) -> str:
    return render_template(
        "staff/stop_monthly.html", gift=gift, plan=plan, form=form, goes_on=goes_on(plan)
    )


def _load(reference: str) -> tuple[Gift, Plan | None]:
    with services().database.read() as session:
        gift = find_gift(session, reference)
        return gift, find_plan(session, gift)


def _stop(gift: Gift, plan: Plan | None, form: StopForm) -> bool:
    """Whether it has ended; else the form says why not. The wish is on record before."""
    reason, name = form.reason.data, plan.provider if plan else None
    with services().write(current_actor()) as act:
        act.note("plan_stop", f"gift:{gift.id}", {"reason": reason})
    provider = services().providers.find(name)
    title = provider.title if provider else gettext("The provider")
    try:
        monthly = services().providers.get_monthly(name)
        monthly.stop(services(), gift.id, actor=current_actor(), reason=reason)
    except ProviderRefused as error:
        form.refuse("reason", say_refused(title, error))
        return False
    except ProviderBusy:
        form.refuse(
            "reason",
            gettext(
                "%(provider)s takes no more requests at this moment. The gift continues; try "
                "again in a minute.",
                provider=title,
            ),
        )
        return False
    except ProviderUnavailable:
        form.refuse(
            "reason",
            gettext(
                "%(provider)s can’t be reached. The gift continues; try again in a minute.",
                provider=title,
            ),
        )
        return False
    flash(gettext("The monthly gift has ended. The donor gets an e-mail."))
    return True
