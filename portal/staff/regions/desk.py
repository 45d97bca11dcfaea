"""A desk: a table of the catalogue as a form, in groups, made from its parts.

What the table has and no part shows is shown by its kind, so that a new field has its place. All
desks share who is there, what is shown, and what a button asked for.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from http import HTTPStatus
from typing import Any, get_args, get_type_hints

from anyascii import anyascii
from flask import Response, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import CombinedMultiDict

from portal.database import Document
from portal.forms import PortalForm
from portal.i18n import gettext
from portal.regions.branding import ACCEPTED, keep_picture
from portal.regions.catalogue import Frequency, Region
from portal.regions.files import Fault, RegionError, parse_region
from portal.regions.history import add_draft, show_draft, version_of
from portal.regions.operations import list_issuers
from portal.regions.queries import means_of
from portal.regions.records import Flag, OptionalTexts, Texts, Whole
from portal.services import Act
from portal.staff.access import staff
from portal.staff.regions.desk_parts import PicturePart
from portal.staff.regions.parts import (
    Context,
    Control,
    ListPart,
    NumberPart,
    Part,
    TextsPart,
    TickPart,
)
from portal.web import services

KINDS: dict[Any, type[Part]] = {
    str: Part,
    Texts: TextsPart,
    OptionalTexts: TextsPart,
    Flag: TickPart,
    Whole: NumberPart,
    tuple[str, ...]: ListPart,
}

# Of a region's table, and not of its record.
BESIDE = {"transfers"}


@dataclass(frozen=True)
class Group:
    """Parts under a heading."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A group as the page shows it."""

    title: str
    rows: tuple[tuple[Control, ...], ...]


# What the tables say of a fault, by how it begins, as what to do about it.
SENTENCES = {
    "is missing": "Fill this in",
    "is a colour": "Enter a colour as # and six digits or letters a to f, like #1d4f91",
    "is an address with": "Enter an address that begins with https://",
    "is 2 to 20": "Use 2 to 20 small letters, digits and hyphens, a letter first",
    "is no other": "Another region has this address already: choose another one",
    "is a list of ISO": "Enter countries by their two letters, like GB, with commas between",
    "offers English": "Name English and French at least, like en_CA, fr_CA",
    "is a list of locales": "Enter languages as in en_CA, fr_CA, with commas between",
    "is three capital": "Enter a currency by its three letters, like CAD",
    "has at least one": "At least one is needed, and one that is open or offered",
    "has each only": "Enter each only once",
    "is a date": "Enter a date like 2026-11-23",
    "is an amount": "Enter an amount in figures that this currency can express, like 75.50",
    "is above the minimum": "Enter a limit above the smallest gift",
    "has amounts": "Enter amounts between the smallest and the largest gift",
    "names fields": "Ask only for fields that have a name above",
    "is a regular": "This pattern can’t be read: correct it, or leave it empty",
    "is a code of the pattern": "Enter an example that the pattern takes, as it is to be written",
    "is a rising list": "Enter days in rising order, each 1 or more",
    "is after the last": "Enter a day after the last reminder, at most 730",
    "is a month and a day": "Enter a month and a day, like 04-05",
    "is for a region of": "Gift Aid is for a region of the United Kingdom alone: name GB",
    "names modes": "Choose among the region’s modes of payment",
}


class Desk:
    """The groups of one table's form; `kept` are its fields that are changed elsewhere."""

    # What is said of a fault, by how it begins.
    sentences: Mapping[str, str] = SENTENCES

    def __init__(self, record: Any, groups: Iterable[Group], kept: Iterable[str]) -> None:
        """Parts of fields that the table doesn't have are left out."""
        names = {one.name for one in fields(record)} | BESIDE
        self.groups = tuple(
            Group(group.title, tuple(part for part in group.parts if part.name in names))
            for group in groups
        )
        named = {part.name for group in self.groups for part in group.parts}
        further = tuple(_make_parts(record, named | {*kept}))
        if further:
            self.groups += (Group("Further", further),)
        self.parts = {part.name: part for group in self.groups for part in group.parts}

    def texts(self) -> Iterator[str]:
        """All that the page says of it, in English, for whoever translates."""
        for group in self.groups:
            yield group.title
            for part in group.parts:
                yield from part.texts()

    def make_form(self, context: Context, sent: Any = None) -> PortalForm:
        """The form, filled in from what was `sent`, else from the document."""
        found = {
            name: field
            for part in self.parts.values()
            for name, field in part.fields(context).items()
        }
        members = {name: field for name, (field, _) in found.items()}
        values = {name: value for name, (_, value) in found.items()}
        form: PortalForm = type("DeskForm", (PortalForm,), members)(sent, data=values)
        return form

    def read(self, form: PortalForm, context: Context) -> Document:
        """The document the form describes; what it has no field for stays as it was.

        What can't be read, and what was not typed, is added to the form: ask `form.problems`.
        """
        form.validate()
        read = {name: part.read(form, context) for name, part in self.parts.items()}
        return {
            name: said for name, said in {**context.document, **read}.items() if said is not None
        }

    def version(self, context: Context) -> str:
        """What differs where anything that this page shows was changed."""
        return version_of({name: context.document.get(name) for name in self.parts})

    def sections(self, context: Context) -> list[Section]:
        """The groups that have something to show here."""
        sections = (
            Section(
                gettext(group.title),
                tuple(row for part in group.parts for row in part.rows(context)),
            )
            for group in self.groups
        )
        return [section for section in sections if section.rows]

    def tell(self, fault: Fault, place: str) -> str:
        """What to do about it; where no field shows it, with its place."""
        known = (text for begin, text in self.sentences.items() if fault.what.startswith(begin))
        sentence = next(known, None)
        if place:
            return gettext("This can’t be saved: %(what)s", what=f"{place} {fault.what}".strip())
        return (
            gettext(sentence) if sentence else gettext("Check this: it %(what)s", what=fault.what)
        )

    def lead(self, form: PortalForm, error: RegionError, below: str = "") -> None:
        """Add what the table found, each to the field it is about; `below` is cut off places."""
        for fault in error.faults or (Fault("", str(error)),):
            place = fault.place.removeprefix(below).lstrip(".")
            found = re.match(r"(\w+)(.*)", place)
            part = self.parts.get(found[1]) if found else None
            name = part.field_at(found[2].lstrip(".")) if found and part else ""
            shown = next((field.name for field in form if name and field.name == name), None)
            shown = shown or next(
                (field.name for field in form if name and field.name.startswith(name)), None
            )
            if shown is None:
                form.form_errors.append(self.tell(fault, place))
            elif not form[shown].errors:
                form.refuse(shown, self.tell(fault, ""))


def _make_parts(record: Any, named: set[str]) -> Iterator[Part]:
    """The parts of a table's further fields, by their kinds; what has none is kept as it is."""
    hints = get_type_hints(record, include_extras=True)
    for one in fields(record):
        kind = hints[one.name]
        made = KINDS.get(kind) or KINDS.get(next(iter(get_args(kind)), None))
        if one.name in named or made is None:
            continue
        label = one.name.replace("_", " ").capitalize()
        is_flag = made is TickPart and one.default is not MISSING
        yield (
            TickPart(one.name, label, default=bool(one.default))
            if is_flag
            else made(one.name, label)
        )


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
