"""The preview that follows what is typed at a desk; nothing of it is kept.

The desk's script sends the form as its Preview button would. What the desk makes of it is shown at
once, and the act that it was read in is undone, so that no draft and no lock stays behind.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from flask import Response, current_app, request

from portal.database import Document
from portal.i18n import gettext
from portal.regions.catalogue import Frequency, Region
from portal.regions.history import show_draft
from portal.regions.queries import means_of
from portal.staff.access import staff
from portal.web import services

LIVE = "live"
# Marks an answer that is the desk with its problems, as nothing can be shown.
NOT_SHOWN = "X-Not-Shown"
SCRIPT = re.compile(rb"<script\b[^>]*>.*?</script>", re.DOTALL)
# The choices that a link to the form may bring.
Choices = dict[str, str]


class ShownNow(Exception):
    """A region's document is to be shown, and all that was written on the way forgotten."""

    def __init__(self, document: Document) -> None:
        super().__init__(document["slug"])
        self.document = document


def is_live() -> bool:
    """Whether a desk's script asks, and nobody has pressed anything."""
    return request.form.get("preview") == LIVE


@staff.errorhandler(ShownNow)
def show_now(shown: ShownNow) -> Response:
    """The donor's page without its scripts, opened at what the desk is about."""
    installation = services()
    region = show_draft(shown.document, means_of(installation.settings, installation.providers))
    focus = FOCUS.get(request.endpoint or "")
    key = (request.view_args or {}).get("key", "")
    region, choices = focus(region, key) if focus else (region, {})
    note = gettext("This is a preview: donors don’t see it yet, and nothing can be given here.")
    page: Response = current_app.extensions["preview"](region, note, **choices)
    page.set_data(SCRIPT.sub(b"", page.get_data()))
    return page


@staff.after_request
def say_what_is_wrong(response: Response) -> Response:
    """Half of a word is no fault for a browser to report: the desk's page says what is lacking."""
    if response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY and is_live():
        response.status_code = HTTPStatus.OK
        response.headers[NOT_SHOWN] = "1"
    return response


def show_mode(region: Region, key: str) -> tuple[Region, Choices]:
    """A mode as the chosen one, in a currency, frequency and fund that it takes; offered or not."""
    modes = tuple(replace(one, offered=one.offered or one.key == key) for one in region.modes)
    [mode] = [one for one in modes if one.key == key]
    taken = (
        {"currency": option.currency, "frequency": frequency}
        for frequency in Frequency
        for option in region.currencies
        if mode.takes(option.currency, frequency)
    )
    funds = (one.key for one in region.funds if one.offered and one.narrow((mode,), in_order=True))
    choices = {"mode": key, "fund": next(funds, ""), **next(taken, {})}
    return replace(region, modes=modes), choices


def show_fund(region: Region, key: str) -> tuple[Region, Choices]:
    """A fund as the chosen one, open or not; one that is new stands last."""
    known = {one.key for one in region.funds}
    chosen = key if key in known else region.funds[-1].key
    funds = tuple(replace(one, offered=one.offered or one.key == chosen) for one in region.funds)
    return replace(region, funds=funds), {"fund": chosen}


FOCUS: dict[str, Callable[[Region, str], tuple[Region, Choices]]] = {
    "staff.send_mode": show_mode,
    "staff.send_fund": show_fund,
}
