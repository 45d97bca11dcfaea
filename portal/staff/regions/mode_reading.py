"""What the form of a mode says, as the mode's document again.

It is checked by the region's own tables, so that staff and files are held to the same rules; a
fault is led to its field by its place.
"""

import re
from collections.abc import Iterable

from portal.database import Document
from portal.i18n import gettext
from portal.regions.parsing import Fault, RegionError
from portal.staff.regions.mode_form import ModeForm, parts_of
from portal.staff.regions.mode_parts import Context


def read_mode(form: ModeForm, mode: Document, currencies: Iterable[str]) -> Document:
    """The document the form describes; what it has no field for stays as it was.

    An error that the form can tell by itself is added to it: ask `form.problems` first.
    """
    context = Context(mode, tuple(currencies))
    read = {name: part.read(form, context) for name, part in parts_of(mode).items()}
    return {name: value for name, value in {**mode, **read}.items() if value is not None}


# What the tables may still find, by the field of the table and what is below it in the form.
SENTENCES = {
    "security_question": "Enter a question of 40 characters at most",
    "security_answer": "Enter an answer of 3 to 25 characters without spaces",
    "link": "Enter an address that begins with https:// and has no other braces than those named",
    "reminder_days": "Enter rising days, each 1 or more",
    "expires_days": "Enter a day after the last reminder, at most 730",
    "fee_percent": "Enter a fee under 50 per cent",
    "steps_en": "Use {amount}, {reference} and {recipient}, and no other braces",
    "steps_fr": "Use {amount}, {reference} and {recipient}, and no other braces",
    "unit_en": "Enter the unit in both languages, or in neither",
    "unit_fr": "Enter the unit in both languages, or in neither",
    "currency_": "Leave out the currencies whose smallest gift is below what Stripe takes",
}


def lead_to_field(form: ModeForm, mode: Document, error: RegionError) -> None:
    """Add what the region's tables found, each to the field it is about."""
    for fault in error.faults:
        name = _name_field(mode, fault)
        shown = next((field.name for field in form if field.name.startswith(name)), None)
        if name and shown:
            form.refuse(shown, _sentence(name, fault))
        else:
            form.form_errors.append(_sentence(name, fault))


def _name_field(mode: Document, fault: Fault) -> str:
    """The form's field, or how its name begins; empty where there is none."""
    place = re.sub(r"^modes\[\d+\]\.?", "", fault.place)
    found = re.match(r"(\w+)(?:\[\d+\])?\.?(.*)", place)
    part = parts_of(mode).get(found[1]) if found else None
    return part.field_at(found[2]) if found and part else ""


def _sentence(name: str, fault: Fault) -> str:
    if name.startswith("account_"):
        return gettext("Check this number: it is not one of this country’s")
    if name in SENTENCES:
        return gettext(SENTENCES[name])
    what = f"{fault.place.rpartition('.')[2]} {fault.what}".strip()
    return gettext("This mode can’t be kept so: %(what)s", what=what)
