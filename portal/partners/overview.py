"""What a partner's codes brought, one currency at a time, and the gifts behind each figure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import abort, current_app, render_template, request
from flask.typing import ResponseReturnValue

from portal.money import Money
from portal.partners.access import current_scope, partners
from portal.partners.chart import HEIGHT, WIDTH, draw_bars
from portal.partners.keeping import Keeper, Kept
from portal.partners.words import (
    name_day,
    name_dimension,
    name_figure,
    name_keys,
    name_state,
    number,
)
from portal.records.partner_lists import MOST_PAGES, PAGE, Choice, list_gifts, stream_list, sum_list
from portal.records.partner_sums import (
    Paths,
    list_paths,
    name_scopes,
    read_account,
    sum_currencies,
)
from portal.records.partners import (
    AMOUNTS,
    FEWEST_DONORS,
    Account,
    Breakdown,
    Dimension,
    Figures,
    What,
    list_months,
)
from portal.web import send_csv, services, utc_now

MOST_MONTHS = 24
KEEPER = "partner_figures"
MONEY = (What.GROSS, What.NET)
STATES = (What.PROMISED, What.RECEIVED, What.REFUNDED, What.DISPUTED)


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at the database gives: the currencies, and all of one of them."""

    currencies: tuple[str, ...] = ()
    account: Account | None = None
    paths: Paths = ()
    scopes: Mapping[str, str] = field(default_factory=dict)


def _look() -> Kept[Sight]:
    """The currency that is asked for; 404 for one in which nothing was begun."""
    scope_id, wanted = current_scope().id, request.args.get("currency", "")
    keeper: Keeper[Sight | None] = current_app.extensions[KEEPER]
    kept = keeper.get((scope_id, wanted), lambda: _read(scope_id, wanted), utc_now())
    if kept.value is None:
        abort(404)
    return Kept(kept.value, kept.at, kept.until)


def _read(scope_id: int, wanted: str) -> Sight | None:
    with services().database.read() as session:
        paths = list_paths(session, scope_id)
        totals = sum_currencies(session, paths)
        currency = wanted or next(iter(totals), "")
        if currency not in totals:
            return None if wanted else Sight()
        account = read_account(session, paths, currency, totals[currency])
        partner = account.breakdowns.get(Dimension.PARTNER)
        keys = [cell.key for cell in partner.cells] if partner else []
        return Sight(tuple(totals), account, paths, name_scopes(session, keys))


@partners.get("/")
def overview() -> ResponseReturnValue:
    kept = _look()
    sight, account = kept.value, kept.value.account
    months = account.breakdowns.get(Dimension.MONTH) if account else None
    return render_template(
        "partners/overview.html",
        sight=sight,
        account=account,
        total=account.total if account else None,
        breakdowns=_list_breakdowns(account),
        bars=draw_bars(list_months(months, MOST_MONTHS)) if months else [],
        width=WIDTH,
        height=HEIGHT,
        states=STATES,
        money_figures=MONEY,
        fewest=FEWEST_DONORS,
        at=kept.at,
        **_words(sight),
    )


def _list_breakdowns(account: Account | None) -> list[Breakdown]:
    """Those that divide anything: a partner without others below it needs no table of itself."""
    found = account.breakdowns.values() if account else ()
    return [one for one in found if one.dimension is not Dimension.PARTNER or len(one.cells) > 1]


def _words(sight: Sight) -> dict[str, object]:
    """What the templates call things by."""
    return {
        "names": name_keys(services().catalogue, sight.scopes),
        "name_dimension": name_dimension,
        "name_figure": name_figure,
        "name_state": name_state,
        "name_day": name_day,
        "number": number,
        "amount_of": amount_of,
        "what": What,
    }


def amount_of(figures: Figures, what: What, currency: str) -> Money:
    """One figure of a cell, as money."""
    return Money(AMOUNTS[what](figures), currency)


def _open(sight: Sight) -> Choice:
    """The figure that the address names; 404 for one that isn't shown, or isn't there."""
    account = sight.account
    if account is None or account.total is None:
        abort(404)
    try:
        what = What(request.args.get("what", What.GROSS.value))
        by = Dimension(request.args["by"]) if request.args.get("by") else None
    except ValueError:
        abort(404)
    key = request.args.get("of", "")
    if by is not None and account.breakdowns[by].find(key) is None:
        abort(404)
    return Choice(
        paths=sight.paths,
        currency=account.currency,
        what=what,
        by=by,
        of=key if by else "",
        hidden=account.hidden,
    )


@partners.get("/gifts")
def gifts() -> ResponseReturnValue:
    sight = _look().value
    choice = _open(sight)
    page = request.args.get("page", 1, type=int)
    if not 1 <= page <= MOST_PAGES:
        abort(404)
    with services().database.read() as session:
        rows = list_gifts(session, choice, page)
        number_of, minor = sum_list(session, choice)
    return render_template(
        "partners/gifts.html",
        sight=sight,
        account=sight.account,
        choice=choice,
        number_of=number_of,
        total=minor,
        rows=rows[:PAGE],
        page=page,
        older=page + 1 if len(rows) > PAGE and page < MOST_PAGES else None,
        is_cut=len(rows) > PAGE and page == MOST_PAGES,
        by=Dimension,
        money=Money,
        args=_address(choice),
        **_words(sight),
    )


def _address(choice: Choice) -> dict[str, str]:
    """What the address of a list says."""
    said = {"currency": choice.currency, "what": choice.what.value}
    return said | ({"by": choice.by.value, "of": choice.of} if choice.by else {})


@partners.get("/gifts.csv")
def gifts_csv() -> ResponseReturnValue:
    pieces = stream_list(services().database, _open(_look().value))
    return send_csv(f"gifts-{current_scope().key}", pieces)
