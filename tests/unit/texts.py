"""Every text of the product that a person can read, as it stands in code and templates."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.extract import extract

from portal import PACKAGE, TEMPLATES
from portal.account.details import AddressForm, DetailsForm
from portal.account.gift_aid import GiftAidForm
from portal.account.plans import PauseForm
from portal.account.pledges import OwnForm
from portal.forms import UNREACHABLE
from portal.gifts.progress import Progress, Rhythm
from portal.giving.form.fields import ASK_ADDRESS, GiftForm
from portal.giving.verify import VerifyForm
from portal.mailed_links import CodeForm, SignInForm
from portal.number_form import WRONG, NumberForm
from portal.payments.books import CHECKS
from portal.person_form import PersonForm
from portal.pledge_form import FAULTS, PledgeForm
from portal.receipts.composition import PLACED
from portal.receipts.composition import TEXTS as MARKS
from portal.receipts.operations import CORRECTED, LEFT_NONE, REPLACED, RESTATED, TAKEN_BACK
from portal.regions.donor_numbers import PersonNature
from portal.regions.schemes import NumberKind, ReceiptField
from portal.serving.connections import TEXTS as REFUSALS
from portal.staff.regions.mode_form import TYPES
from portal.web import ERROR_TEXTS

KEYWORDS = {"gettext": None, "_": None, "ngettext": (1, 2)}
NOT_TRANSLATED = {"staff", "sandbox", "mailbox"}
# What stands below these is met by staff and operators alone.
FOR_STAFF = NOT_TRANSLATED | {
    "books",
    "commands",
    "imap",
    "manual_entries",
    "matching",
    "refunds",
    "runs",
    "schedules",
    "signin",
    "statements",
}
FORMS = (
    AddressForm,
    DetailsForm,
    GiftAidForm,
    NumberForm,
    OwnForm,
    PauseForm,
    PledgeForm,
    VerifyForm,
)
VALUE = re.compile(r"%\(\w+\)s")


def _sources() -> Iterator[tuple[Path, str]]:
    for path in PACKAGE.rglob("*.py"):
        yield path, "python"
    for path in TEMPLATES.rglob("*"):
        if path.suffix in {".html", ".txt"}:
            yield path, "jinja2.ext:babel_extract"


def written_texts(without: set[str] = NOT_TRANSLATED) -> Iterator[str]:
    """Every text that stands in a call, in code and templates."""
    for path, method in _sources():
        if without & {*path.parts, path.stem}:
            continue
        with path.open("rb") as source:
            for _line, found, _comments, _context in extract(method, source, keywords=KEYWORDS):
                yield from (found,) if isinstance(found, str) else filter(None, found)


def table_texts() -> Iterator[str]:
    """The texts for donors that stand in tables and are translated where they are shown."""
    for pair in (*ERROR_TEXTS.values(), *REFUSALS.values(), *MARKS.values()):
        yield from pair
    yield from ASK_ADDRESS.values()
    yield from FAULTS.values()
    yield from (one.said for one in (*Rhythm, *Progress))
    yield from (UNREACHABLE, REPLACED, TAKEN_BACK, CORRECTED, RESTATED, LEFT_NONE)
    yield from ("One time", "Every month")
    yield from (name.said for name in ReceiptField if name not in PLACED)
    yield from (one.said for one in (*NumberKind, *PersonNature))
    yield WRONG
    for form in (*FORMS, GiftForm, SignInForm, CodeForm, PersonForm):
        asks = (getattr(field, "kwargs", {}).get("ask") for field in vars(form).values())
        yield from filter(None, asks)


def staff_texts() -> Iterator[str]:
    """The same for staff."""
    yield from (sentence for _, sentence in CHECKS)
    yield from TYPES.values()


def english_of(document: Any, without: str = "") -> Iterator[str]:
    """The English of every text by language in a region's document that has none in `without`."""
    if isinstance(document, list):
        for one in document:
            yield from english_of(one, without)
    elif isinstance(document, dict):
        if "en" in document and all(isinstance(text, str) for text in document.values()):
            yield from () if without in document else (document["en"],)
        else:
            yield from english_of([*document.values()], without)
