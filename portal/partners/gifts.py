"""The gifts behind a partner's figure: a page of them, and all as CSV or XLSX."""

from collections.abc import Iterator, Mapping, Sequence
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple

from flask import Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.orm import Session

from portal.database import Database
from portal.i18n import current_locale
from portal.money import Money
from portal.partners.access import current_scope, partners
from portal.partners.overview import (
    Sight,
    find_figures,
    look,
    name_day,
    name_state,
    words_of,
    write_money,
)
from portal.records.partner_lists import Choice, list_paths, stream_list, write_list
from portal.records.partner_pages import MOST_PAGES, PAGE, Row, list_gifts
from portal.records.partners import AMOUNTS, Dimension, What, count_gifts
from portal.web import send_csv, services, utc_now


def _open(session: Session, sight: Sight) -> Choice:
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
    figures = find_figures(account, by, key)
    if figures is None:
        abort(404)
    return Choice(
        paths=list_paths(session, current_scope().id),
        currency=account.currency,
        what=what,
        by=by,
        of=key if by else "",
        shown=account.shown,
        partner=current_scope().key,
        number=count_gifts(figures, what) if sight.is_whole else None,
    )


def _open_file() -> Choice:
    sight = look()
    with services().database.look() as session:
        return _open(session, sight)


class ShownGift(NamedTuple):
    """One row, in the order that `partners/gifts.html` unpacks it; empty where it is not told."""

    day: str
    amount: Markup
    fund: str
    mode: str
    code: str
    state: str
    donor: str


def _show(rows: Sequence[Row], currency: str, words: Mapping[str, Any]) -> Iterator[ShownGift]:
    names, locale = words["names"], current_locale()
    for row in rows:
        yield ShownGift(
            day=name_day(row.day),
            amount=write_money(row.minor, currency, locale),
            fund=names[Dimension.FUND](row.fund),
            mode=names[Dimension.MODE](row.mode),
            code=names[Dimension.CODE](row.code),
            state=name_state(row.status),
            donor=row.donor,
        )


@partners.get("/gifts")
def gifts() -> ResponseReturnValue:
    sight = look()
    page = request.args.get("page", 1, type=int)
    if not 1 <= page <= MOST_PAGES:
        abort(404)
    with services().database.look() as session:
        choice = _open(session, sight)
        rows = list_gifts(session, choice, page)
    figures = find_figures(sight.account, choice.by, choice.of)
    words = words_of(sight)
    return render_template(
        "partners/gifts.html",
        sight=sight,
        account=sight.account,
        choice=choice,
        number_of=figures.started if figures else 0,
        total=AMOUNTS[choice.what](figures) if figures else 0,
        rows=_show(rows[:PAGE], choice.currency, words) if rows else (),
        page=page,
        older=page + 1 if len(rows) > PAGE and page < MOST_PAGES else None,
        is_cut=len(rows) > PAGE and page == MOST_PAGES,
        money=Money,
        args=_address(choice),
        **words,
    )


def _address(choice: Choice) -> dict[str, str]:
    """What the address of a list says."""
    said = {"currency": choice.currency, "what": choice.what.value}
    return said | ({"by": choice.by.value, "of": choice.of} if choice.by else {})


@partners.get("/gifts.csv")
def gifts_csv() -> ResponseReturnValue:
    pieces = stream_list(services().database, _open_file())
    return send_csv(f"gifts-{current_scope().key}", pieces)


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# A file is kept in memory up to so many bytes, and on disk beyond.
IN_MEMORY, PIECE = 1_000_000, 65_536


@partners.get("/gifts.xlsx")
def gifts_xlsx() -> ResponseReturnValue:
    name = f"gifts-{current_scope().key}-{utc_now():%Y-%m-%d-%H%M}.xlsx"
    response = Response(_write_book(services().database, _open_file()), mimetype=XLSX)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _write_book(database: Database, choice: Choice) -> Iterator[bytes]:
    with SpooledTemporaryFile(IN_MEMORY) as file:
        write_list(database, choice, file)
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece
