"""What the desks share: who is there, what is shown, and what a button asked for."""

import re
from collections.abc import Callable
from typing import Any

from anyascii import anyascii
from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import CombinedMultiDict

from portal.database import Document
from portal.forms import PortalForm
from portal.i18n import gettext
from portal.regions.files import RegionError, parse_region
from portal.regions.history import add_draft
from portal.regions.issuers import list_issuers
from portal.regions.pictures import ACCEPTED, keep_picture
from portal.services import Act
from portal.staff.regions.context import Context
from portal.staff.regions.desk import Desk
from portal.staff.regions.live import ShownNow, is_live
from portal.staff.regions.picture_part import PicturePart
from portal.web import services

NEW = "new"


def shows_samples() -> bool:
    """Whether samples are anybody's to see here."""
    return services().settings.environment == "demo"


def all_issuers(session: Session) -> dict[str, Document]:
    return list_issuers(session, samples=shows_samples())


def make_key(name: str, taken: set[str]) -> str:
    """A key that nobody has, from a name: `grace-chapel`, `grace-chapel-2`."""
    plain = re.sub("[^a-z0-9]+", "-", anyascii(name).lower()).strip("-")[:30].strip("-") or "one"
    tries = (plain if number == 1 else f"{plain}-{number}" for number in range(1, 10_000))
    return next(key for key in tries if key not in taken | {NEW})


def wants_preview() -> bool:
    """Whether the button was the one that shows what it would be."""
    return "preview" in request.form


def try_out(act: Act, document: Document) -> ResponseReturnValue:
    """Keep a region's document as a draft and lead to it; `RegionError` where it is wrong.

    One that a script asks for as somebody types is shown and not kept.
    """
    parse_region(document, "")
    if is_live():
        raise ShownNow(document)
    return redirect(url_for("staff.preview", draft_id=add_draft(act, document)), 303)


def everything_sent() -> CombinedMultiDict[str, Any]:
    """Fields and files alike."""
    return CombinedMultiDict([request.form, request.files])


def keep_pictures(act: Act, context: Context) -> None:
    """Keep what came with a form, also with one that is sent back: no mistake loses it."""
    for made in context.pictures:
        keep_picture(act, made)


def warn_of_others(desk: Desk, form: PortalForm, context: Context) -> None:
    """Say where somebody changed the same meanwhile; the page that says it takes it as told."""
    if request.form.get("as_of", "") not in {"", desk.version(context)}:
        form.form_errors.append(
            gettext(
                "Somebody changed this while you had it open. What you typed stands here: "
                "keep it to put it in the place of theirs, or open the page again"
            )
        )


def settle(
    desk: Desk, form: PortalForm, save: Callable[[], ResponseReturnValue], below: str = ""
) -> ResponseReturnValue | None:
    """What saving answers; None where the form now says what is wrong."""
    if form.problems:
        return None
    try:
        return save()
    except RegionError as error:
        desk.lead(form, error, below)
        return None


def show_desk(
    desk: Desk, context: Context, form: PortalForm, title: str, **values: object
) -> ResponseReturnValue:
    """The page of a desk; 422 where the form has problems."""
    page = render_template(
        "staff/desk.html",
        title=title,
        form=form,
        sections=desk.sections(context),
        accepted=ACCEPTED,
        as_of=desk.version(context),
        has_pictures=any(isinstance(part, PicturePart) for part in desk.parts.values()),
        **{"back": url_for("staff.regions"), "can_preview": True, "history": "", **values},
    )
    return page, 422 if form.problems else 200


def ask_number() -> str:
    return gettext("This number’s check digits are wrong: correct it, or choose not to check it")
