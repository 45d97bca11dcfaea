"""What was changed in a region or an issuer, by whom, undone by a button; and drafts to look at."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from string import hexdigits

from flask import Response, abort, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.database import Document
from portal.i18n import gettext, pick
from portal.regions.files import RegionError
from portal.regions.history import (
    CatalogueChange,
    ChangedSince,
    Difference,
    NothingBefore,
    Path,
    find_draft,
    list_changes,
    list_differences,
    show_draft,
    undo,
)
from portal.regions.operations import (
    find_document,
    list_homes,
    lock_catalogue,
    save_issuer,
    save_region,
)
from portal.regions.queries import RegionRecord, means_of
from portal.services import Act
from portal.staff.access import current_actor, staff
from portal.staff.labels import ACTS, say
from portal.staff.queries import name_actors
from portal.staff.regions.desk import all_issuers
from portal.staff.regions.desk_parts import TablePart
from portal.staff.regions.desks import DESKS, ISSUER
from portal.staff.regions.parts import Part, name_language
from portal.web import services, utc_now

MOST_SHOWN = 30
LONGEST_SHOWN = 400
HASH_LENGTH = 64


def _list_words(parts: Iterable[Part]) -> Iterator[tuple[str, str]]:
    for part in parts:
        yield part.name, part.label
        if isinstance(part, TablePart):
            yield from _list_words(part.parts.values())


ISSUER_WORDS = dict(_list_words(ISSUER.parts.values()))
# The words for a document's fields, where a change is told.
FIELD_WORDS = {
    **{name: label for desk in DESKS for name, label in _list_words(desk.parts.values()) if label},
    "address": "Address of donors",
    "receipt": "Receipt",
    "transfers": "Transfers",
    "currencies": "Currencies",
    "presets": "Suggested amounts",
    "monthly_presets": "Suggested monthly amounts",
    "minimum": "Smallest gift",
    "maximum": "Largest gift",
    "modes": "Modes of payment",
    "funds": "Funds",
    "names": "Name",
    "label": "Name",
    "cost": "Cost",
    "delay": "Delay",
    "limits": "Limits",
    "recipient": "Recipient",
    "account": "Account",
    "steps": "Steps",
    "offered": "Offered",
    "fee": "Fee",
    "details": "Further details",
    "reminder_days": "Remind after (days)",
    "expires_days": "Expire after (days)",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A change for readers; `more` is how many differences are not shown."""

    change: CatalogueChange
    title: str
    differences: list[Difference]
    more: int

    @property
    def can_undo(self) -> bool:
        """A beginning can't be undone, nor what changed no document."""
        return bool(self.change.before) and self.change.before != self.change.after


@staff.get("/history/<kind>/<which>")
def history(kind: str, which: str) -> ResponseReturnValue:
    with services().database.read() as session:
        name, subjects = _find(session, kind, which)
        changes = [_tell(change) for change in list_changes(session, subjects)]
        actors = name_actors(session)
    region, issuer = url_for("staff.region", slug=which), url_for("staff.issuer", key=which)
    return render_template(
        "staff/history.html",
        name=name,
        changes=changes,
        actors=actors,
        back=region if kind == "region" else issuer,
    )


def _find(session: Session, kind: str, which: str) -> tuple[str, list[str]]:
    """What it is called, and whose changes tell its story: a region's has its issuer's."""
    if kind == "issuer":
        document = all_issuers(session).get(which) or abort(404)
        return document["legal_name"], [f"issuer:{which}"]
    if kind != "region":
        abort(404)
    record = session.get(RegionRecord, which) or abort(404)
    issuer = record.document["issuer"]["key"]
    return pick(record.document["names"]), [f"region:{which}", f"issuer:{issuer}"]


def _tell(change: CatalogueChange) -> Told:
    before = change.before
    found = list_differences(before, change.after) if before else []
    cut = [
        Difference(one.path, one.before[:LONGEST_SHOWN], one.after[:LONGEST_SHOWN])
        for one in found[:MOST_SHOWN]
    ]
    return Told(change, say(ACTS, change.act), cut, max(len(found) - MOST_SHOWN, 0))


@staff.app_template_filter("place_of_field")
def place_of_field(path: Path, subject: str) -> str:
    """`modes, card, label, fr` for readers; some words are an issuer's own."""
    of_issuer = subject.startswith("issuer:") or path[0] == "issuer"
    words = {**FIELD_WORDS, **ISSUER_WORDS} if of_issuer else FIELD_WORDS
    return " › ".join(_say_step(step, words) for step in path)


@staff.app_template_filter("short_picture")
def short_picture(text: str) -> str:
    """A picture's name, cut: nobody reads 64 signs."""
    is_name = len(text) == HASH_LENGTH and set(text) <= set(hexdigits)
    return gettext("Picture %(name)s", name=text[:8]) if is_name else text


def _say_step(step: str, words: Mapping[str, str]) -> str:
    if step in words:
        return gettext(words[step])
    if len(step) == len("en") and step.islower():
        return name_language(step)
    return step


@staff.post("/history/<int:change_id>/undo")
def undo_change(change_id: int) -> ResponseReturnValue:
    """Take one change back; what was changed since elsewhere stays."""
    with services().write(current_actor()) as act:
        change = act.session.get(CatalogueChange, change_id) or abort(404)
        kind, _, which = change.subject.partition(":")
        try:
            _undo(act, change, kind, which)
            said = gettext("The change is undone. Donors see it within a minute.")
        except ChangedSince:
            said = gettext("This was changed again since: undo the later change first.")
        except (NothingBefore, RegionError):
            said = gettext("This change can’t be undone: what is left would not work.")
    flash(said)
    return redirect(url_for("staff.history", kind=kind, which=which), 303)


def _undo(act: Act, change: CatalogueChange, kind: str, which: str) -> None:
    lock_catalogue(act.session)
    if kind == "issuer":
        document = all_issuers(act.session).get(which) or abort(404)
        save_issuer(act, undo(document, change), what="catalogue_undo")
        act.note("catalogue_undo", f"issuer:{which}", {})
        return
    record = find_document(act.session, which) or abort(404)
    document = undo(record.document, change)
    save_region(act, record, _with_issuer(act.session, document), what="catalogue_undo")
    act.note("catalogue_undo", f"region:{which}", {})


def _with_issuer(session: Session, document: Document) -> Document:
    """A region that returns to another issuer has it as it is now."""
    key = document["issuer"]["key"]
    homes = list_homes(session, key)
    return {**document, "issuer": homes[0].document["issuer"]} if homes else document


@staff.get("/preview/<int:draft_id>")
def preview(draft_id: int) -> Response:
    """The donor's form as the draft would make it; it can't be sent."""
    with services().database.read() as session:
        draft = find_draft(session, draft_id, utc_now()) or abort(404)
    means = means_of(services().settings, services().providers)
    note = gettext("This is a preview: donors don’t see it yet, and nothing can be given here.")
    show = current_app.extensions["preview"]
    response: Response = show(show_draft(draft.document, means), note)
    return response
