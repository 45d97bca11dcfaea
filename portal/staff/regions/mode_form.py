"""The form of one mode of payment, made from the table that its document is read by.

Each field of the table has its part of the form; `mode_reading` leads back.
"""

import re
from typing import Any

from portal.database import Document
from portal.forms import PortalForm
from portal.i18n import gettext
from portal.regions.documents import InstructedMode, ModeTable, ProviderMode, StripeMode
from portal.regions.files import Fault, RegionError
from portal.staff.regions.context import LONGEST, Context, WordsField
from portal.staff.regions.mode_parts import (
    AccountPart,
    CurrenciesPart,
    DetailsPart,
    ExpiryPart,
    FeePart,
    InstructionsPart,
    MonthlyPart,
    ProofPart,
    SecurityPart,
)
from portal.staff.regions.parts import DaysPart, ListPart, Part, TextsPart

PROOFS = {"none": "Not requested", "welcome": "Welcome", "wanted": "Asked for"}


class ModeForm(PortalForm):
    """What every mode has. `make_form` adds what its kind, account and currencies ask for."""

    label_en = WordsField(ask="Enter a name in English", longest=60)
    label_fr = WordsField(ask="Enter a name in French", longest=60)
    cost_en = WordsField(ask="Enter what it costs, in English", longest=LONGEST)
    cost_fr = WordsField(ask="Enter what it costs, in French", longest=LONGEST)
    delay_en = WordsField(ask="Enter how long it takes, in English", longest=LONGEST)
    delay_fr = WordsField(ask="Enter how long it takes, in French", longest=LONGEST)
    limits_en = WordsField(ask="Enter the limits, in English", longest=LONGEST)
    limits_fr = WordsField(ask="Enter the limits, in French", longest=LONGEST)


# All kinds of modes have frequencies; only what is charged can have another than once.
PARTS: dict[str, Part] = {
    "label": TextsPart("label"),
    "cost": TextsPart("cost"),
    "delay": TextsPart("delay"),
    "limits": TextsPart("limits"),
    "pace": TextsPart("pace"),
    "currencies": CurrenciesPart("currencies"),
    "fee": FeePart("fee"),
    "stripe_allowed": ListPart("stripe_allowed"),
    "stripe_excluded": ListPart("stripe_excluded"),
    "recipient": Part("recipient"),
    "unit": TextsPart("unit"),
    "link": Part("link"),
    "steps": InstructionsPart("steps", ask="Enter the steps, one a line"),
    "account": AccountPart("account"),
    "security": SecurityPart("security"),
    "details": DetailsPart("details"),
    "proof": ProofPart("proof"),
    "reminder_days": DaysPart("reminder_days"),
    "expires_days": ExpiryPart("expires_days"),
}
# What staff don't change here: what the mode is, and whether it is offered.
KEPT = frozenset({"key", "kind", "provider", "icon", "offered", "wallets"})
TABLES: dict[str, type[ModeTable]] = {
    "stripe": StripeMode,
    "charged": ProviderMode,
    "instructions": InstructedMode,
}


def parts_of(mode: Document) -> dict[str, Part]:
    """The parts of a mode's table, by its fields."""
    is_charged = mode["kind"] != "instructions"
    parts = PARTS | ({"frequencies": MonthlyPart("frequencies")} if is_charged else {})
    return {name: parts[name] for name in TABLES[mode["kind"]].model_fields if name in parts}


def make_form(context: Context, sent: Any = None) -> ModeForm:
    """The form of a mode, filled in from what was `sent`, else from its document."""
    fields = {
        name: field
        for part in parts_of(context.document).values()
        for name, field in part.fields(context).items()
    }
    added = {name: field for name, (field, _) in fields.items() if not hasattr(ModeForm, name)}
    values = {name: value for name, (_, value) in fields.items()}
    form: ModeForm = type("ThisModeForm", (ModeForm,), added)(sent, data=values)
    if "proof" in form:
        form["proof"].options = tuple(PROOFS)
    return form


def read_mode(form: ModeForm, context: Context) -> Document:
    """The document the form describes; what it has no field for stays as it was.

    An error that the form can tell by itself is added to it: ask `form.problems` first.
    """
    mode = context.document
    read = {name: part.read(form, context) for name, part in parts_of(mode).items()}
    return {name: value for name, value in {**mode, **read}.items() if value is not None}


# What the tables may still find, by the field of the table and what is below it in the form.
SENTENCES = {
    "security_question": "Enter a question of 40 characters at most",
    "security_answer": "Enter an answer of 3 to 25 characters without spaces",
    "link": "Enter an address that begins with https:// and has no braces other than those named",
    "reminder_days": "Enter days in rising order, each 1 or more",
    "expires_days": "Enter a day after the last reminder, at most 730",
    "fee_percent": "Enter a fee under 50 per cent",
    "steps_en": "Use {amount}, {reference} and {recipient}, and no other braces",
    "steps_fr": "Use {amount}, {reference} and {recipient}, and no other braces",
    "unit_en": "Enter the unit in both languages, or in neither",
    "unit_fr": "Enter the unit in both languages, or in neither",
    "currency_": "Leave out the currencies whose smallest gift is below Stripe’s minimum",
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
        return gettext("Check this number: it isn’t valid in this country")
    if name in SENTENCES:
        return gettext(SENTENCES[name])
    what = f"{fault.place.rpartition('.')[2]} {fault.what}".strip()
    return gettext("This mode can’t be saved: %(what)s", what=what)
