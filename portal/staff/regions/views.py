"""Regions and their modes of payment: order, what is offered, and every word of it."""

from collections.abc import Callable
from pathlib import Path

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.database import Document
from portal.i18n import gettext
from portal.regions.accounts import FIELDS as ACCOUNT_FIELDS
from portal.regions.accounts import SCHEMES
from portal.regions.exchange import list_spare_funds, list_spare_modes
from portal.regions.files import DATA, RegionError, parse_region
from portal.regions.operations import (
    NoSuchMode,
    find_document,
    find_mode,
    move_mode,
    offer_mode,
    put_mode,
    restore_region,
    save_region,
    take_out,
)
from portal.regions.queries import RegionRecord
from portal.services import Act
from portal.staff.access import current_actor, staff
from portal.staff.labels import current_catalogue
from portal.staff.regions.desk import shows_samples, try_out, wants_preview
from portal.staff.regions.mode_form import (
    PROOFS,
    TYPES,
    ModeForm,
    account_kind,
    lead_to_field,
    make_form,
    read_mode,
)
from portal.staff.regions.parts import Context, list_languages, name_language
from portal.web import services

MOVES = {"up": -1, "down": 1}


@staff.get("/regions")
def regions() -> ResponseReturnValue:
    found = current_catalogue()
    shown, former = (
        [one for one in places.values() if shows_samples() or not one.sample]
        for places in (found.regions, found.former)
    )
    return render_template("staff/regions.html", regions=shown, former=former)


@staff.get("/regions/<slug>")
def region(slug: str) -> ResponseReturnValue:
    with services().database.read() as session:
        record = session.get(RegionRecord, slug) or abort(404)
    return render_template(
        "staff/region.html",
        region=parse_region(record.document, slug),
        edited_at=record.edited_at,
        removed_at=record.removed_at,
        spare=list_spare_modes(record.document),
        spare_funds=list_spare_funds(record.document),
    )


@staff.post("/regions/<slug>/modes/<key>/move")
def move(slug: str, key: str) -> ResponseReturnValue:
    places = MOVES.get(request.form.get("to", "")) or abort(400)
    _change(slug, "mode_move", key, lambda document: move_mode(document, key, places))
    return redirect(url_for("staff.region", slug=slug, _anchor=f"mode-{key}"), 303)


@staff.post("/regions/<slug>/modes/<key>/offer")
def offer(slug: str, key: str) -> ResponseReturnValue:
    """Take a mode off the form, or offer it again."""
    offered = request.form.get("offered") == "yes"
    act = "mode_offer" if offered else "mode_withdraw"
    try:
        _change(slug, act, key, lambda document: offer_mode(document, key, offered=offered))
    except RegionError:
        flash(gettext("This is the last mode of payment offered here."))
    return redirect(url_for("staff.region", slug=slug, _anchor=f"mode-{key}"), 303)


@staff.post("/regions/<slug>/out")
def take_region_out(slug: str) -> ResponseReturnValue:
    """Take a region out of the catalogue, or put it back, as the button said."""
    is_out = request.form.get("out") == "yes"
    with services().write(current_actor()) as act:
        record = find_document(act.session, slug) or abort(404)
        take_out(act, record, is_out=is_out)
        act.note("region_remove" if is_out else "region_readmit", f"region:{slug}", {})
    flash(
        gettext("The region is out of the catalogue. Gifts already started there continue.")
        if is_out
        else gettext("The region is in the catalogue again.")
    )
    return redirect(url_for("staff.region", slug=slug), 303)


@staff.post("/regions/<slug>/restore")
def restore(slug: str) -> ResponseReturnValue:
    """Forget staff's changes of a region and follow its file again."""
    try:
        with services().write(current_actor()) as act:
            record = find_document(act.session, slug) or abort(404)
            own = services().settings.regions
            restore_region(act, record, Path(own) if own else DATA)
            act.note("region_restore", f"region:{slug}", {})
    except RegionError:
        flash(gettext("This region has no file to follow."))
    else:
        flash(gettext("The region follows its file again."))
    return redirect(url_for("staff.region", slug=slug), 303)


@staff.get("/regions/<slug>/modes/<key>")
def mode(slug: str, key: str) -> ResponseReturnValue:
    with services().database.read() as session:
        record = session.get(RegionRecord, slug) or abort(404)
    found = _mode_of(record.document, key)
    return _show(record, found, make_form(_furnish(record.document, found)), 200)


@staff.post("/regions/<slug>/modes/<key>")
def send_mode(slug: str, key: str) -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        record = find_document(act.session, slug) or abort(404)
        found = _mode_of(record.document, key)
        form = make_form(_furnish(record.document, found), request.form)
        answer = _keep(act, record, found, form)
    return answer or _show(record, found, form, 422)


def _keep(
    act: Act, record: RegionRecord, found: Document, form: ModeForm
) -> ResponseReturnValue | None:
    """What a right form leads to, now that it is in force; else it says what is wrong."""
    form.validate()
    changed = read_mode(form, _furnish(record.document, found))
    if form.problems:
        return None
    document = put_mode(record.document, changed)
    try:
        if wants_preview():
            return try_out(act, document)
        save_region(act, record, document, what="mode_edit")
    except RegionError as error:
        lead_to_field(form, found, error)
        return None
    act.note("mode_edit", f"region:{record.slug}", {"mode": found["key"]})
    flash(gettext("The mode of payment is saved. Donors see it within a minute."))
    return redirect(url_for("staff.region", slug=record.slug, _anchor=f"mode-{found['key']}"), 303)


def _mode_of(document: Document, key: str) -> Document:
    """A mode the region has or could have, with the kind of account that was asked for."""
    try:
        found = find_mode(document, key)
    except NoSuchMode:
        spare = {mode["key"]: mode for mode in list_spare_modes(document)}
        found = spare.get(key) or abort(404)
    kind = request.values.get("account_kind")
    if found["kind"] != "instructions" or kind is None or kind == account_kind(found):
        return found
    account = {"account": {"kind": kind}} if kind in SCHEMES else {}
    return {name: value for name, value in found.items() if name != "account"} | account


def _furnish(document: Document, found: Document) -> Context:
    """A mode with what its region has."""
    return Context(found, _currencies(document), list_languages(document["locales"]))


def _currencies(document: Document) -> tuple[str, ...]:
    return tuple(option["currency"] for option in document["currencies"])


def _show(
    record: RegionRecord, found: Document, form: ModeForm, status: int
) -> ResponseReturnValue:
    shown = render_template(
        "staff/mode.html",
        region=parse_region(record.document, record.slug),
        mode=found,
        form=form,
        currencies=_currencies(record.document),
        tongues=[
            (code, name_language(code)) for code in _furnish(record.document, found).languages
        ],
        stripe_types=TYPES,
        left_out=bool(found.get("stripe_excluded")),
        account_kind=account_kind(found),
        account_fields=ACCOUNT_FIELDS,
        proofs=[(key, gettext(text)) for key, text in PROOFS.items()],
    )
    return shown, status


def _change(slug: str, what: str, key: str, change: Callable[[Document], Document]) -> None:
    """Change a region's document under its lock, on record; a stranger's key is a 404."""
    with services().write(current_actor()) as act:
        record = find_document(act.session, slug) or abort(404)
        try:
            save_region(act, record, change(record.document), what=what)
        except NoSuchMode:
            abort(404)
        act.note(what, f"region:{slug}", {"mode": key})
