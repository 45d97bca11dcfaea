"""The gifts behind a partner's figure: a page of them, and all as CSV or XLSX."""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile

from flask import Response, abort, render_template, request
from flask.typing import ResponseReturnValue

from portal.database import Database
from portal.money import Money
from portal.partners.access import current_scope, partners
from portal.partners.overview import Sight, find_figures, look, words_of
from portal.records.partner_lists import (
    MOST_PAGES,
    PAGE,
    Choice,
    list_gifts,
    list_paths,
    stream_list,
    write_list,
)
from portal.records.partners import AMOUNTS, Dimension, What
from portal.web import send_csv, services, utc_now


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
    if find_figures(account, by, key) is None:
        abort(404)
    with services().database.read() as session:
        paths = list_paths(session, current_scope().id)
    return Choice(
        paths=paths,
        currency=account.currency,
        what=what,
        by=by,
        of=key if by else "",
        shown=account.shown,
        partner=current_scope().key,
    )


@partners.get("/gifts")
def gifts() -> ResponseReturnValue:
    sight = look()
    choice = _open(sight)
    page = request.args.get("page", 1, type=int)
    if not 1 <= page <= MOST_PAGES:
        abort(404)
    with services().database.read() as session:
        rows = list_gifts(session, choice, page)
    figures = find_figures(sight.account, choice.by, choice.of)
    return render_template(
        "partners/gifts.html",
        sight=sight,
        account=sight.account,
        choice=choice,
        number_of=figures.started if figures else 0,
        total=AMOUNTS[choice.what](figures) if figures else 0,
        rows=rows[:PAGE],
        page=page,
        older=page + 1 if len(rows) > PAGE and page < MOST_PAGES else None,
        is_cut=len(rows) > PAGE and page == MOST_PAGES,
        by=Dimension,
        money=Money,
        args=_address(choice),
        **words_of(sight),
    )


def _address(choice: Choice) -> dict[str, str]:
    """What the address of a list says."""
    said = {"currency": choice.currency, "what": choice.what.value}
    return said | ({"by": choice.by.value, "of": choice.of} if choice.by else {})


@partners.get("/gifts.csv")
def gifts_csv() -> ResponseReturnValue:
    pieces = stream_list(services().database, _open(look()))
    return send_csv(f"gifts-{current_scope().key}", pieces)


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# A file is kept in memory up to so many bytes, and on disk beyond.
IN_MEMORY, PIECE = 1_000_000, 65_536


@partners.get("/gifts.xlsx")
def gifts_xlsx() -> ResponseReturnValue:
    name = f"gifts-{current_scope().key}-{utc_now():%Y-%m-%d-%H%M}.xlsx"
    response = Response(_write_book(services().database, _open(look())), mimetype=XLSX)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _write_book(database: Database, choice: Choice) -> Iterator[bytes]:
    with SpooledTemporaryFile(IN_MEMORY) as file:
        write_list(database, choice, file)
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece
