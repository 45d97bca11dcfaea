"""The form of one mode of payment, made from the table that its document is read by.

Each field of the table has its part of the form; `mode_reading` leads back.
"""

from collections.abc import Iterable
from typing import Any

from portal.database import Document
from portal.forms import PortalForm
from portal.regions.documents import InstructedMode, ModeTable, ProviderMode, StripeMode
from portal.staff.regions.mode_parts import (
    LONGEST,
    AccountPart,
    Context,
    CurrenciesPart,
    DaysPart,
    DetailsPart,
    ExpiryPart,
    FeePart,
    ListPart,
    MonthlyPart,
    Part,
    ProofPart,
    SecurityPart,
    StepsPart,
    TextsPart,
    WordsField,
)

PROOFS = {"none": "Not asked for", "welcome": "Welcome", "wanted": "Asked for"}


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
    "currencies": CurrenciesPart("currencies"),
    "fee": FeePart("fee"),
    "stripe_allowed": ListPart("stripe_allowed"),
    "stripe_excluded": ListPart("stripe_excluded"),
    "recipient": Part("recipient"),
    "unit": TextsPart("unit"),
    "link": Part("link"),
    "steps": StepsPart("steps"),
    "account": AccountPart("account"),
    "security": SecurityPart("security"),
    "details": DetailsPart("details"),
    "proof": ProofPart("proof"),
    "reminder_days": DaysPart("reminder_days"),
    "expires_days": ExpiryPart("expires_days"),
}
# What staff don't change here: what the mode is, and whether it is offered.
KEPT = frozenset({"key", "kind", "provider", "icon", "offered"})
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


def make_form(mode: Document, currencies: Iterable[str], sent: Any = None) -> ModeForm:
    """The form of a mode, filled in from what was `sent`, else from its document."""
    context = Context(mode, tuple(currencies))
    fields = {
        name: field
        for part in parts_of(mode).values()
        for name, field in part.fields(context).items()
    }
    added = {name: field for name, (field, _) in fields.items() if not hasattr(ModeForm, name)}
    values = {name: value for name, (_, value) in fields.items()}
    form: ModeForm = type("ThisModeForm", (ModeForm,), added)(sent, data=values)
    if "proof" in form:
        form["proof"].options = tuple(PROOFS)
    return form
