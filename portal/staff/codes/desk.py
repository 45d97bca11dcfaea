"""The desks of codes and scopes: what stands on each page, and how a fault is told there."""

import re
from typing import Any

from portal.codes.parsing import LONGEST_NAME, CodeError
from portal.codes.terms import LevelKind, Renewals
from portal.forms import PortalForm
from portal.i18n import gettext
from portal.regions.files import Fault, RegionError
from portal.staff.codes.parts import (
    BY_CURRENCY,
    AmountsPart,
    ChoicesPart,
    DayPart,
    OrderPart,
    ScopePart,
    ShortPart,
)
from portal.staff.codes.telling import TERM_WORDS
from portal.staff.labels import CODE_KINDS
from portal.staff.regions.desk import SENTENCES, Desk, Group
from portal.staff.regions.desk_parts import PickPart, PicturePart, ZonePart
from portal.staff.regions.parts import ListPart, NumberPart, Part, TextsPart, TickPart

FILL, CHOOSE = "Fill this in", "Choose one"
RENEWALS = {one.value: one.said for one in Renewals}
SCOPE_KINDS = {one.value: one.said for one in LevelKind if one is not LevelKind.CODE}


def _word(kind: type[Part], name: str, **texts: Any) -> Part:
    return kind(name, TERM_WORDS[name], **texts)


TERMS = (
    Group("Where", (_word(ChoicesPart, "regions"), _word(ChoicesPart, "not_regions"))),
    Group(
        "How",
        (
            _word(ChoicesPart, "currencies"),
            _word(OrderPart, "modes"),
            _word(ChoicesPart, "not_modes"),
            _word(ChoicesPart, "frequencies"),
        ),
    ),
    Group("For what", (_word(ChoicesPart, "funds"), _word(ChoicesPart, "not_funds"))),
    Group(
        "Amounts",
        (AmountsPart("amounts", hint="A row a currency. Empty: the row is left out."),),
    ),
    Group(
        "When and how often",
        (
            _word(DayPart, "first_day"),
            _word(DayPart, "last_day", hint="It is still in use on this day."),
            _word(ZonePart, "zone", default="UTC", ask=CHOOSE),
            _word(NumberPart, "max_uses", hint="Empty: no limit."),
            _word(NumberPart, "max_uses_in_all", hint="Empty: no limit."),
            _word(NumberPart, "max_uses_a_donor", hint="Empty: no limit."),
            _word(TickPart, "first_gift_only"),
        ),
    ),
    Group(
        "What donors see",
        (
            _word(TextsPart, "headline"),
            _word(TextsPart, "message"),
            _word(
                PicturePart,
                "picture",
                box=(1280, 640),
                hint="PNG, JPEG or WebP; 10 MB at most.",
            ),
            _word(Part, "landing", hint="A page of yours, with https://"),
        ),
    ),
    Group(
        "For whom it counts",
        (
            _word(ShortPart, "campaign", longest=LONGEST_NAME),
            _word(PickPart, "renewals", options=RENEWALS, default=Renewals.ALL.value, ask=CHOOSE),
            _word(ListPart, "hosts", hint="Names such as example.org, *.example.org"),
        ),
    ),
)
TAG = ShortPart("tag", "Tag", longest=60, hint="A word of yours, to find it by.")
KIND = PickPart("kind", "Kind", options=CODE_KINDS, ask=CHOOSE)
SCOPE = ScopePart("scope", "Belongs to", ask=CHOOSE)
NAME = ShortPart("name", "Name", longest=200, ask=FILL, hint="Donors see a partner’s name.")
PARENT = ScopePart("parent", "Stands below", ask=CHOOSE)
ACTIVE = TickPart("active", "In use", default=True)

# What the rules of codes say of a fault, by how it begins, as what to do about it.
CODE_SENTENCES = {
    **SENTENCES,
    "has 1 to": "Enter a code of 1 to 32 letters and digits",
    "has letters and digits": "Use letters and digits in a code; hyphens and spaces don’t count",
    "there is one already": "There is such a code already, perhaps a retired one: choose another",
    "is at least 11 letters": (
        "A secret code has 11 letters and digits or more, without 0, O, 1, I and L, that nobody"
        " could guess: let one be made up"
    ),
    "is after starts_at": "Enter a last day that is not before the first",
    "is a number from 1": "Enter a number of 1 or more, or nothing",
    "is an address such": "Enter an address that begins with https://",
    "has hosts": "Enter names such as example.org, *.example.org, with commas between",
    "is at most 80": "Shorten this to 80 characters or fewer",
    "is 2 to 40": "Use 2 to 40 small letters, digits and hyphens",
    "another one has it": "Another one has this name in addresses already: choose another one",
    "is below it": "This stands below it: nothing can stand below itself",
    "a ": "Choose one that is wider: a network is above a region, then zones, then partners",
    "the tree is at most": "Choose one that is higher up: the tree would be too deep",
}
USED = re.compile(r"is at least (\d+), which were used")
# Which part shows a fault, where it isn't called as the rules call it.
SHOWN_AT = {"code": "display", "starts_at": "first_day", "ends_at": "last_day"}


class TermsDesk(Desk):
    """A form of terms and of what has them."""

    sentences = CODE_SENTENCES

    def __init__(self, *groups: Group) -> None:
        self.groups = groups
        self.parts = {part.name: part for group in groups for part in group.parts}

    def tell(self, fault: Fault, place: str) -> str:
        if found := USED.fullmatch(fault.what):
            return gettext(
                "So many uses are taken already: enter %(number)s or more, or nothing",
                number=found[1],
            )
        return super().tell(fault, place)

    def say(self, error: CodeError) -> str:
        """A fault as a sentence, where there is no form."""
        return self.tell(Fault(error.place, error.what), "")

    def lead_code(self, form: PortalForm, error: CodeError) -> None:
        """Say a fault at the field that it is about."""
        first, dot, rest = error.place.partition(".")
        place = SHOWN_AT.get(first, first) + dot + rest
        if first in BY_CURRENCY:
            place = f"amounts.{_row_of(form, rest[:3])}_{first}"
        self.lead(form, RegionError(str(error), (Fault(place, error.what),)))


def _row_of(form: PortalForm, currency: str) -> str:
    rows = (field for field in form if re.fullmatch(r"amounts_\d+_currency", field.name))
    found = (field.name.split("_")[1] for field in rows if field.data.upper() == currency)
    return next(found, "0")


NEW_CODE = TermsDesk(
    Group(
        "Code",
        (
            ShortPart(
                "display",
                "Code as it is printed",
                longest=60,
                ask=FILL,
                hint="Such as LWCAN or Spring-2027. Donors may type it in any spelling.",
            ),
            TickPart("is_secret", "Secret: no refusal tells whether there is such a code"),
            KIND,
            SCOPE,
            TAG,
        ),
    ),
    *TERMS,
)
CODE = TermsDesk(Group("Code", (KIND, SCOPE, TAG)), *TERMS)
NEW_SCOPE = TermsDesk(
    Group(
        "Place",
        (
            NAME,
            ShortPart(
                "key",
                "Name in addresses",
                longest=40,
                ask=FILL,
                hint="Small letters, digits and hyphens; it can’t be changed later.",
            ),
            PickPart("kind", "Kind", options=SCOPE_KINDS, ask=CHOOSE),
            PARENT,
        ),
    ),
    *TERMS,
)
EDIT_SCOPE = TermsDesk(Group("Place", (NAME, PARENT, ACTIVE)), *TERMS)
CODE_DESKS = (NEW_CODE, CODE, NEW_SCOPE, EDIT_SCOPE)
