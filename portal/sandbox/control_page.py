"""The page at `/`: everything the control API can do, as forms with buttons."""

from flask import Blueprint, render_template

from portal.sandbox import control
from portal.sandbox.cards import CARDS
from portal.sandbox.control import delivery_rows, state_of
from portal.sandbox.store import Json
from portal.sandbox.world import World

_SHOWN = 25


def make_control_page(world: World) -> Blueprint:
    page = Blueprint("control_page", __name__)

    @page.get("/")
    def index() -> str:
        return render_template(
            "sandbox/control.html",
            state=state_of(world),
            calls=_calls(),
            cards=CARDS,
            charges=_latest(world, "charge"),
            disputes=_latest(world, "dispute"),
            refunds=_latest(world, "refund"),
            subscriptions=_latest(world, "subscription"),
            deliveries=delivery_rows(world, _SHOWN),
        )

    return page


def _latest(world: World, kind: str) -> list[Json]:
    return world.select(kind)[: -_SHOWN - 1 : -1]


def _calls() -> list[list[str]]:
    """The table of `control`'s docstring, so that page and code say the same."""
    rows = [line for line in (control.__doc__ or "").splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
