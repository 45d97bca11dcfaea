"""The desks of codes and scopes: what stands on each page, terms led onto it and back."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flask import abort, flash, request
from flask.typing import ResponseReturnValue

from portal.codes.models import CodeRecord, Policy, find_code
from portal.codes.operations import Draft
from portal.codes.parsing import LONGEST_NAME, CodeError, TermsTable
from portal.codes.pots import with_pot
from portal.codes.revising import (
    DAYS,
    allows_nothing,
    draft_again,
    return_to,
    with_days,
)
from portal.codes.terms import (
    Code,
    Frequency,
    Kind,
    Level,
    LevelKind,
    ReceiptClass,
    Renewals,
    make_code,
)
from portal.database import Document
from portal.forms import PortalForm
from portal.i18n import gettext
from portal.regions.files import Fault, RegionError
from portal.services import Act
from portal.staff.codes.parts import (
    BY_CURRENCY,
    AmountsPart,
    ChoicesPart,
    DayPart,
    OrderPart,
    ScopePart,
    ShortPart,
    list_amounts,
    map_amounts,
)
from portal.staff.codes.telling import TERM_WORDS, tell_unmatched
from portal.staff.codes.views import read_number
from portal.staff.labels import CODE_KINDS, all_currencies, current_names
from portal.staff.regions.desk import SENTENCES, Desk, Group
from portal.staff.regions.desk_parts import PickPart, PicturePart, ZonePart
from portal.staff.regions.parts import (
    Context,
    ListPart,
    NumberPart,
    Part,
    TextsPart,
    TickPart,
    list_languages,
)

FILL, CHOOSE = "Fill this in", "Choose one"
RECEIPT_CLASSES = {one.value: one.said for one in ReceiptClass}
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
        "Matching",
        (
            _word(ShortPart, "match_pot", longest=40, hint="A pot’s name, as “Pots” lists it."),
            _word(
                ShortPart,
                "match_ratio",
                longest=7,
                hint="Such as 2:1, two for each one that is given. Empty: 1:1.",
            ),
            _word(TickPart, "no_match"),
        ),
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
            _word(
                PickPart,
                "receipt_class",
                options=RECEIPT_CLASSES,
                default=ReceiptClass.REGION.value,
                ask=CHOOSE,
            ),
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
    "is the key of a pot": "Enter the name of a pot that there is, as “Pots” lists it",
    "is a ratio": "Enter a ratio of whole numbers up to 999, like 1:1 or 2:1",
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


# A policy's own fields that are parts of a form by the same name.
FIELDS = tuple(name for name in TermsTable.model_fields if name not in BY_CURRENCY)


def furnish(terms: Policy | Draft | None, own: Document, scopes: Mapping[str, str]) -> Context:
    """A form's context: terms, what has them (`own`), and all that may be chosen."""
    document = with_days(terms) if terms else {}
    names = current_names()
    # What a file or a batch says of other languages has its fields, too.
    spoken = {code for name in ("message", "headline") for code in document.get(name) or {}}
    above = {"": gettext("Nothing above it"), **scopes}
    return Context(
        {**document, "amounts": list_amounts(document), **own},
        currencies=tuple(all_currencies()),
        languages=list_languages(sorted(spoken)),
        choices={
            "regions": names.regions,
            "modes": names.modes,
            "funds": names.funds,
            "currencies": {code: code for code in all_currencies()},
            "frequencies": {one.value: one.label for one in Frequency},
            "scope": above,
            "parent": above,
        },
    )


def read_draft(read: Document, terms: Policy | Draft | None) -> Draft:
    """The terms that a form describes; days that stand as they were keep their moments."""
    said = {name: read[name] for name in FIELDS if name in read and not _is_nothing(read[name])}
    document = {**said, **map_amounts(read.get("amounts") or [])}
    days = {name: read.get(name) for name in DAYS}
    if not any(days.values()) and (terms is None or "zone" not in terms.document):
        document.pop("zone", None)
    return draft_again(terms, {**document, **days})


def _is_nothing(value: object) -> bool:
    """A 0 is something, which is refused."""
    return value is None or value is False or value in ("", [], {})


def settle(
    desk: TermsDesk, form: PortalForm, act: Act, save: Callable[[], ResponseReturnValue]
) -> ResponseReturnValue | None:
    """What saving answers; None where the form now says what is wrong, and nothing is kept."""
    if form.problems:
        return None
    try:
        with act.session.begin_nested():
            return save()
    except CodeError as error:
        desk.lead_code(form, error)
        return None


def warn_of_code(act: Act, record: CodeRecord, *, is_placed: bool = False) -> None:
    """Say what may be meant otherwise: terms that allow nothing, and what a public code gives away.

    `is_placed` where it is new what the code belongs to.
    """
    code = find_code(act.session, record.code)
    if code is None:
        return
    if allows_nothing(code, act.now, act.catalogue):
        flash(say_nothing_allowed())
    for sentence in tell_unmatched(with_pot(act.session, code), act.now, act.catalogue):
        flash(sentence)
    if not code.is_secret:
        for sentence in _list_given_away(code, is_placed=is_placed):
            flash(sentence)


def _list_given_away(code: Code, *, is_placed: bool) -> Iterator[str]:
    if code.minimum_minor:
        yield gettext(
            "This code isn’t secret, and its terms set an amount of their own: whoever guesses it"
            " can use it."
        )
    if code.offer is not None:
        yield gettext(
            "This code isn’t secret, and a sponsor adds to its gifts: whoever guesses it can use"
            " it."
        )
    if code.partner_name and is_placed:
        yield gettext(
            "This code isn’t secret: whoever guesses it sees the name %(name)s. If that is a"
            " private person, make a secret code instead.",
            name=code.partner_name,
        )


def warn_of_offer(act: Act, code: Code) -> None:
    """Say what an offer means that a scope makes to all codes below it; `code` has its terms."""
    if code.offer is None:
        return
    flash(
        gettext(
            "A sponsor adds to the gifts of all codes below this. Those that aren’t secret can be"
            " guessed, and used by anybody."
        )
    )
    for sentence in tell_unmatched(with_pot(act.session, code), act.now, act.catalogue):
        flash(sentence)


def say_nothing_allowed() -> str:
    return gettext("These terms allow nothing in any region: nobody can give so. Check them.")


def code_of_levels(levels: Sequence[Level]) -> Code:
    """A code that says what a scope's levels do, so that they can be judged."""
    return make_code(levels, code="X", display="X", kind=Kind.PARTNER, is_secret=True)


def return_policy(act: Act, policy: Policy) -> bool:
    """Return a policy to the version that the form names, and say so; whether that is new."""
    version = read_number(request.form.get("version"))
    try:
        is_new = return_to(act.session, policy, version, act.now, actor=act.actor)
    except LookupError:
        abort(404)
    except CodeError as error:
        flash(gettext("This can’t be saved: %(what)s", what=CODE.say(error)))
        return False
    flash(gettext("The terms of version %(number)s hold again.", number=version))
    return is_new
