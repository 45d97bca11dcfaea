"""Issuers: who receives the gifts of a region and signs for them."""

from typing import Any

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.database import Document
from portal.forms import PortalForm
from portal.i18n import gettext
from portal.regions.colours import (
    DARK_SURFACE,
    WHITE,
    contrast,
    parse_colour,
    shown_in_dark,
    shown_in_light,
    write_colour,
)
from portal.regions.issuers import list_homes, parse_issuer, save_issuer
from portal.regions.operations import is_number_doubtful
from portal.services import Act
from portal.staff.access import current_actor, staff
from portal.staff.regions.context import Context, list_languages
from portal.staff.regions.desks import ISSUER
from portal.staff.regions.saving import (
    NEW,
    all_issuers,
    ask_number,
    everything_sent,
    keep_pictures,
    make_key,
    settle,
    show_desk,
    try_out,
    wants_preview,
    warn_of_others,
)
from portal.web import services


@staff.get("/issuers")
def issuers() -> ResponseReturnValue:
    with services().database.read() as session:
        found = all_issuers(session)
        homes = {key: list_homes(session, key) for key in found}
    return render_template("staff/issuers.html", issuers=found, homes=homes)


@staff.get("/issuers/<key>")
def issuer(key: str) -> ResponseReturnValue:
    with services().database.read() as session:
        context = _open(session, key)
    return _show(key, context, ISSUER.make_form(context))


@staff.post("/issuers/<key>")
def send_issuer(key: str) -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        context = _open(act.session, key)
        form = ISSUER.make_form(context, everything_sent())
        document = ISSUER.read(form, context)
        keep_pictures(act, context)
        warn_of_others(ISSUER, form, context)
        answer = settle(ISSUER, form, lambda: _save(act, key, form, document))
    return answer or _show(key, context, form)


def _open(session: Session, key: str) -> Context:
    """An issuer as it is, in the languages of its regions; an empty one for `new`."""
    if key == NEW:
        return Context({"timezone": "UTC"})
    document = all_issuers(session).get(key) or abort(404)
    locales = [locale for home in list_homes(session, key) for locale in home.document["locales"]]
    return Context(document, languages=list_languages(locales))


def _save(act: Act, key: str, form: PortalForm, document: Document) -> ResponseReturnValue:
    name: str = document["legal_name"]
    its_key = make_key(name, {*all_issuers(act.session)}) if key == NEW else key
    document = {"key": its_key, **document}
    if is_number_doubtful(parse_issuer(document)):
        form.refuse("registration_number", ask_number())
        return _show(key, Context(document), form)
    homes = list_homes(act.session, its_key)
    if wants_preview() and homes:
        return try_out(act, {**homes[0].document, "issuer": document})
    if wants_preview():
        form.form_errors.append(
            gettext("No region has this issuer yet, so there is no page to preview: keep it first")
        )
        return _show(key, Context(document), form)
    what = "issuer_add" if key == NEW else "issuer_edit"
    save_issuer(act, document, what=what)
    act.note(what, f"issuer:{its_key}", {})
    flash(gettext("The issuer is saved. Donors see it within a minute."))
    return redirect(url_for("staff.issuers"), 303)


def _show(key: str, context: Context, form: PortalForm) -> ResponseReturnValue:
    is_new = key == NEW
    return show_desk(
        ISSUER,
        context,
        form,
        gettext("New issuer") if is_new else context.document["legal_name"],
        back=url_for("staff.issuers"),
        can_preview=not is_new,
        history="" if is_new else url_for("staff.history", kind="issuer", which=key),
        swatches=_show_accent(form["accent"].data),
    )


def _show_accent(accent: str) -> list[dict[str, Any]]:
    """The accent as typed, and as it is shown on light and dark pages, each with its contrast."""
    typed = parse_colour(accent)
    light, dark = shown_in_light(typed), shown_in_dark(typed)
    shown = (
        (gettext("As typed, on white"), typed, WHITE),
        (gettext("As shown on light pages"), light, WHITE),
        (gettext("As shown on dark pages"), dark, DARK_SURFACE),
    )
    return [
        {
            "label": label,
            "colour": write_colour(colour),
            "paper": write_colour(paper),
            "contrast": contrast(colour, paper),
        }
        for label, colour, paper in shown
    ]
