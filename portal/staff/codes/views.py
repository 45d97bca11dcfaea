"""The list of codes, newest first, and its filters."""

from collections.abc import Iterable, Mapping

from flask import render_template, request
from flask.typing import ResponseReturnValue

from portal.codes.listing import ID, CodeFilters, ListedScope, list_below, list_page, list_scopes
from portal.codes.parsing import normalise_code
from portal.codes.terms import CodeState
from portal.plain import clean_line
from portal.staff.access import staff
from portal.staff.codes.parts import MOST_CHOSEN
from portal.web import services

LONGEST = 60


@staff.get("/codes")
def codes() -> ResponseReturnValue:
    asked = {name: clean_line(request.args.get(name))[:LONGEST] for name in NAMES}
    with services().database.read() as session:
        scopes = list_scopes(session)
        page = list_page(session, read_filters(asked, scopes), request.args.get("after", ""))
    return render_template(
        "staff/codes.html",
        page=page,
        asked=asked,
        is_first="after" not in request.args,
        args={name: text for name, text in asked.items() if text},
        scopes=label_scopes(scopes) if len(scopes) <= MOST_CHOSEN else None,
    )


def read_number(text: str | None) -> int:
    """A number that an address or a hidden field carries; 0 for anything else."""
    return int(text) if text and ID.fullmatch(text) else 0


NAMES = ("q", "state", "scope", "tag")


def read_filters(asked: Mapping[str, str], scopes: Iterable[ListedScope]) -> CodeFilters:
    """What the list's address asks for; a state that there isn't means any, a scope none at all."""
    state, key = asked["state"], asked["scope"]
    scopes = tuple(scopes)
    top = next((scope.id for scope in scopes if scope.key == key), None)
    within = list_below(scopes, top) if top is not None else set()
    return CodeFilters(
        beginning=normalise_code(asked["q"]),
        state=CodeState(state) if state in {*CodeState} else None,
        scopes=within if key else None,
        tag=asked["tag"],
    )


def label_scopes(scopes: Iterable[ListedScope]) -> dict[str, str]:
    """Scopes to choose from, by key; what stands below another is set in."""
    return {scope.key: f"{'– ' * scope.depth}{scope.name}" for scope in scopes}
