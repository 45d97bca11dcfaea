"""What a partner's codes brought, one currency at a time: figures, a chart, the gifts behind."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal
from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from portal.codes.models import list_codes
from portal.codes.terms import Code
from portal.gifts.code_sums import catch_up
from portal.gifts.code_weighing import Goal, count_days_left
from portal.gifts.lifecycle import Status
from portal.i18n import current_locale, gettext, pick
from portal.money import Money, format_money
from portal.partners.access import current_scope, partners
from portal.records.partner_sums import (
    name_scopes,
    read_account,
    sum_currencies,
)
from portal.records.partners import (
    AMOUNTS,
    FEWEST_DONORS,
    Account,
    Breakdown,
    Cell,
    Dimension,
    Figures,
    What,
    list_months,
)
from portal.regions.catalogue import Catalogue, Region
from portal.web import services, utc_now

MOST_MONTHS = 24
MONEY = (What.GROSS, What.NET)
STATES = (What.PROMISED, What.RECEIVED, What.REFUNDED, What.DISPUTED)


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at the database gives: the currencies, and all of one of them.

    `is_whole` says that nothing waits to be added up.
    """

    currencies: tuple[str, ...] = ()
    account: Account | None = None
    scopes: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[Code, ...] = ()
    is_whole: bool = True


def look(*, has_codes: bool = False) -> Sight:
    """The currency that is asked for; 404 for one in which nothing was begun."""
    scope_id, wanted = current_scope().id, request.args.get("currency", "")
    is_whole = catch_up(services().database)
    with services().database.look() as session:
        totals = sum_currencies(session, scope_id)
        currency = wanted or next(iter(totals), "")
        if currency not in totals:
            return abort(404) if wanted else Sight()
        account = read_account(session, scope_id, currency, totals[currency])
        partner = account.breakdowns.get(Dimension.PARTNER)
        keys = [cell.key for cell in partner.cells] if partner else []
        scopes = name_scopes(session, keys) if len(keys) > 1 else {}
        codes = _find_codes(session, account) if has_codes else []
        return Sight(tuple(totals), account, scopes, tuple(codes), is_whole)


def _find_codes(session: Session, account: Account) -> list[Code]:
    table = account.breakdowns.get(Dimension.CODE)
    return list_codes(session, [cell.key for cell in table.cells]) if table else []


@partners.get("/")
def overview() -> ResponseReturnValue:
    sight = look(has_codes=True)
    account = sight.account
    months = account.breakdowns.get(Dimension.MONTH) if account else None
    return render_template(
        "partners/overview.html",
        sight=sight,
        account=account,
        total=account.total if account else None,
        breakdowns=_list_breakdowns(account),
        goals=_list_goals(sight),
        lines=_list_lines,
        base=url_for("partners.gifts", currency=account.currency if account else ""),
        bars=draw_bars(list_months(months, MOST_MONTHS)) if months else [],
        width=WIDTH,
        height=HEIGHT,
        states=STATES,
        money_figures=MONEY,
        fewest=FEWEST_DONORS,
        at=utc_now(),
        **words_of(sight),
    )


def _list_breakdowns(account: Account | None) -> list[Breakdown]:
    """Those that divide anything: a partner without others below it needs no table of itself."""
    found = account.breakdowns.values() if account else ()
    return [one for one in found if one.dimension is not Dimension.PARTNER or len(one.cells) > 1]


@dataclass(frozen=True, slots=True)
class CodeGoal:
    """How far a code's campaign is; `goal` is None where its gifts are withheld.

    `days_left` is 0 on the last day, and None where there is no end or it is over.
    """

    name: str
    wanted: Money
    goal: Goal | None
    days_left: int | None


def _list_goals(sight: Sight) -> list[CodeGoal]:
    """Those in the currency that is looked at, of codes that brought something."""
    account = sight.account
    if account is None or account.total is None:
        return []
    return [
        _make_goal(code, Money(minor, account.currency), account)
        for code in sight.codes
        if (minor := code.goal_minor.get(account.currency, 0)) > 0
    ]


def _make_goal(code: Code, wanted: Money, account: Account) -> CodeGoal:
    figures = account.breakdowns[Dimension.CODE].find(code.code)
    raised = Money(figures.net, account.currency) if figures else None
    left = count_days_left(code.ends_at, utc_now(), _zone_of(code))
    return CodeGoal(
        name=code.display,
        wanted=wanted,
        goal=Goal(wanted=wanted, raised=raised) if raised else None,
        days_left=left if left is not None and left >= 0 else None,
    )


def _zone_of(code: Code) -> ZoneInfo:
    """That of the first region where the code holds."""
    places = [one for one in services().catalogue.open if code.regions and one.slug in code.regions]
    return ZoneInfo(places[0].timezone if places else "UTC")


class Line(NamedTuple):
    """One cell of a breakdown, in the order that `partners/overview.html` unpacks it.

    `cell` ends the address of its gifts. Figures are empty where they are withheld.
    """

    name: str
    cell: Markup
    begun: Markup = Markup()
    paid: Markup = Markup()
    donors: Markup = Markup()
    gross: Markup = Markup()
    net: Markup = Markup()


def _list_lines(breakdown: Breakdown, name: Callable[[str], str], currency: str) -> Iterator[Line]:
    by, locale = breakdown.dimension.value, current_locale()
    for one in breakdown.cells:
        cell = Markup(f"&amp;by={by}&amp;of={quote(one.key)}")  # noqa: S704 - no sign of HTML in it
        figures = one.figures
        if figures is None:
            yield Line(name(one.key), cell)
            continue
        yield Line(
            name(one.key),
            cell,
            _write_number(figures.started, locale),
            _write_number(figures.gifts, locale),
            _write_number(figures.donors, locale),
            write_money(figures.gross, currency, locale),
            write_money(figures.net, currency, locale),
        )


def words_of(sight: Sight) -> dict[str, object]:
    """What the templates call things by."""
    return {
        "names": name_keys(services().catalogue, sight.scopes),
        "name_dimension": name_dimension,
        "name_line": name_line,
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


def find_figures(account: Account | None, by: Dimension | None, key: str) -> Figures | None:
    """The figures of a cell that is shown, or of the whole."""
    if account is None:
        return None
    return account.total if by is None else account.breakdowns[by].find(key)


WIDTH, HEIGHT = 640, 160
GAP = 4
# A withheld month has a mark of the same height each time, which tells nothing.
MARK = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One month's bar, in the units of the drawing."""

    label: str
    x: float
    y: float
    width: float
    height: float
    is_withheld: bool


def draw_bars(cells: Sequence[Cell]) -> list[Bar]:
    """A bar a month; what went below nought has none."""
    step = WIDTH / max(len(cells), 1)
    most = max((cell.figures.gross for cell in cells if cell.figures), default=0)
    bars = []
    for at, cell in enumerate(cells):
        share = max(cell.figures.gross, 0) / most if cell.figures and most > 0 else 0
        height = round(HEIGHT * share, 1) if cell.figures else MARK
        bars.append(
            Bar(
                label=name_month(cell.key),
                x=round(at * step + GAP / 2, 1),
                y=round(HEIGHT - height, 1),
                width=round(step - GAP, 1),
                height=height,
                is_withheld=cell.figures is None,
            )
        )
    return bars


Names = Mapping[str, str]


def number(value: int) -> Markup:
    return _write_number(value, current_locale())


# To write a number or a month as a reader does takes Babel longer than to read it from the
# database, and a page has hundreds.
@lru_cache(maxsize=4_096)
def _write_number(value: int, locale: str) -> Markup:
    return escape(format_decimal(value, locale=locale))


@lru_cache(maxsize=4_096)
def write_money(minor: int, currency: str, locale: str) -> Markup:
    return escape(format_money(Money(minor, currency), locale))


def name_month(key: str) -> str:
    """`2026-11` as a reader writes it."""
    return _write_month(key, current_locale())


@lru_cache(maxsize=1_024)
def _write_month(key: str, locale: str) -> str:
    return str(format_skeleton("yMMM", _first_day(key), locale=locale))


def name_day(key: str) -> str:
    """`2026-11-23` as a reader writes it; a dash for a day that is not told."""
    return _write_day(key, current_locale()) if key else "–"


@lru_cache(maxsize=1_024)
def _write_day(key: str, locale: str) -> str:
    return str(format_date(date.fromisoformat(key), format="medium", locale=locale))


def _first_day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def name_keys(catalogue: Catalogue, scopes: Names) -> dict[Dimension, Callable[[str], str]]:
    """How the keys of each dimension are called; what the catalogue forgot has its key."""
    regions = (*catalogue.former.values(), *catalogue.regions.values())
    return {
        Dimension.MONTH: name_month,
        Dimension.FUND: _finder(_name_funds(regions)),
        Dimension.REGION: _finder({one.slug: pick(one.names) for one in regions}),
        Dimension.MODE: _finder(_name_modes(regions)),
        Dimension.CODE: _finder({}),
        Dimension.PARTNER: _finder(scopes),
    }


def _finder(names: Names) -> Callable[[str], str]:
    return lambda key: names.get(key) or key or "–"


def _name_funds(regions: Iterable[Region]) -> dict[str, str]:
    return {fund.key: pick(fund.names) for region in regions for fund in region.funds}


def _name_modes(regions: Iterable[Region]) -> dict[str, str]:
    return {mode.key: pick(mode.label) for region in regions for mode in region.modes}


def name_dimension(dimension: Dimension) -> str:
    return {
        Dimension.MONTH: gettext("By month"),
        Dimension.FUND: gettext("By fund"),
        Dimension.REGION: gettext("By region"),
        Dimension.MODE: gettext("By mode of payment"),
        Dimension.CODE: gettext("By code"),
        Dimension.PARTNER: gettext("By partner"),
    }[dimension]


def name_figure(what: What) -> str:
    return {
        What.STARTED: gettext("Started gifts"),
        What.GROSS: gettext("Raised"),
        What.NET: gettext("After refunds"),
        What.RECEIVED: gettext("Received"),
        What.REFUNDED: gettext("Gone back"),
        What.DISPUTED: gettext("In dispute"),
        What.PROMISED: gettext("Promised"),
    }[what]


def name_state(status: Status) -> str:
    """Where a gift stands, as far as a partner is concerned."""
    return _write_state(status, current_locale())


@lru_cache(maxsize=128)
def _write_state(status: Status, _locale: str) -> str:
    words = {
        Status.PAID: gettext("Received"),
        Status.PARTLY_PAID: gettext("Received in part"),
        Status.PARTLY_REFUNDED: gettext("Refunded in part"),
        Status.REFUNDED: gettext("Refunded"),
        Status.DISPUTED: gettext("In dispute"),
        Status.CHARGED_BACK: gettext("Taken back by the bank"),
        Status.PENDING: gettext("Promised"),
        Status.PROCESSING: gettext("Promised"),
    }
    return words.get(status) or gettext("Not paid")


def name_line(dimension: Dimension) -> str:
    """What one line of a breakdown is, over its column."""
    return {
        Dimension.MONTH: gettext("Month"),
        Dimension.FUND: gettext("Fund"),
        Dimension.REGION: gettext("Region"),
        Dimension.MODE: gettext("Mode of payment"),
        Dimension.CODE: gettext("Code"),
        Dimension.PARTNER: gettext("Partner"),
    }[dimension]
