"""The log of what staff did, told in words: each act, its details, and what it was done to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for

from portal.codes.terms import CodeState
from portal.gifts.lifecycle import Status
from portal.i18n import current_locale, gettext, ngettext
from portal.money import AmountError, format_money, parse_amount
from portal.payments.statements.models import LineState
from portal.regions.schemes import NumberKind
from portal.services import AuditEntry
from portal.signin.accounts import Role
from portal.staff.labels import ACTORS, ACTS, CONTACT_FIELDS, Names, say

# A name, and the address of its page, empty where there is none.
Named = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What acts speak of: names by how the log calls it (`gift:12`), and the catalogue's."""

    called: Mapping[str, str]
    names: Names


def name_subject(subject: str, known: Known) -> Named:
    """What `gift:12`, `region:ca` or `lines` is called."""
    kind, _, which = subject.partition(":")
    return SUBJECTS[kind](which, known) if kind in SUBJECTS else (subject, "")


def name_mode(subject: str, key: str, names: Names) -> Named:
    """A mode of payment of the region that the subject is."""
    slug = subject.partition(":")[2]
    if (slug, key) not in names.modes_by_region:
        return names.mode(slug, key), ""
    return names.mode(slug, key), url_for("staff.mode", slug=slug, key=key)


def _name_gift(which: str, known: Known) -> Named:
    reference = known.called.get(f"gift:{which}")
    if reference is None:
        return gettext("Gift %(reference)s", reference=which), ""
    return reference, url_for("staff.gift", reference=reference)


def _name_staff(which: str, known: Known) -> Named:
    name = known.called.get(f"staff:{which}")
    if name is None:
        return gettext("An unknown account"), ""
    return name, url_for("staff.users", _anchor=f"staff-{which}")


def _name_region(which: str, known: Known) -> Named:
    if which not in known.names.regions:
        return which, ""
    return known.names.regions[which], url_for("staff.region", slug=which)


def _name_issuer(which: str, known: Known) -> Named:
    return known.called.get(f"issuer:{which}", which), url_for("staff.issuer", key=which)


def _name_file(which: str, known: Known) -> Named:
    name = known.called.get(f"file:{which}")
    if name is None:
        return gettext("Bank file %(number)s", number=which), ""
    return name, url_for("staff.reconcile", file=which, state="all")


def _name_line(which: str, _known: Known) -> Named:
    page = url_for("staff.line", line_id=int(which)) if which.isdecimal() else ""
    return gettext("Bank line %(number)s", number=which), page


def _name_code(which: str, known: Known) -> Named:
    name = known.called.get(f"code:{which}")
    page = url_for("staff.code", code_id=int(which)) if name else ""
    return name or gettext("Code %(code)s", code=which), page


def _name_scope(which: str, known: Known) -> Named:
    name = known.called.get(f"scope:{which}")
    return name or which, url_for("staff.scope", scope_id=int(which)) if name else ""


def _name_pot(which: str, known: Known) -> Named:
    name = known.called.get(f"pot:{which}")
    return name or which, url_for("staff.pots", _anchor=f"pot-{which}") if name else ""


def _name_pledge(which: str, _known: Known) -> Named:
    page = url_for("staff.pledge", number=int(which))
    return gettext("Pledge %(number)s", number=which), page


def _name_claim(which: str) -> Named:
    page = url_for("staff.gift_aid", _anchor=f"claim-{which}")
    return gettext("Gift Aid claim %(number)s", number=which), page


def _name_merge(which: str) -> Named:
    page = url_for("staff.donors", _anchor=f"merge-{which}")
    return gettext("Merge of donors %(number)s", number=which), page


def _name_event(_which: str, _known: Known) -> Named:
    return gettext("Stripe’s event"), url_for("staff.events")


# What an act may be done to, by the word before the colon: its name and its page.
SUBJECTS: dict[str, Callable[[str, Known], Named]] = {
    "gift": _name_gift,
    "staff": _name_staff,
    "region": _name_region,
    "issuer": _name_issuer,
    "file": _name_file,
    "line": _name_line,
    "code": _name_code,
    "scope": _name_scope,
    "pledge": _name_pledge,
    "pot": _name_pot,
    "gift_aid": lambda which, _known: _name_claim(which),
    "event": _name_event,
    "installation": lambda _which, _known: (gettext("The installation"), ""),
    "gifts": lambda _which, _known: (gettext("Gifts"), url_for("staff.gifts")),
    "lines": lambda _which, _known: (gettext("Bank lines"), url_for("staff.reconcile")),
    "receipt": lambda which, _known: (gettext("Receipt no. %(number)s", number=which), ""),
    "receipts": lambda _which, _known: (gettext("Receipts"), url_for("staff.receipts")),
    "bounce": lambda which, _known: (
        gettext("Letter that came back (%(number)s)", number=which),
        url_for("staff.bounces"),
    ),
    "merge": lambda which, _known: _name_merge(which),
    "batch": lambda which, _known: (gettext("Batch of codes %(number)s", number=which), ""),
    "codes": lambda _which, _known: (gettext("Codes"), ""),
    "jobs": lambda _which, _known: (gettext("Jobs"), url_for("staff.events")),
    "donor": lambda which, _known: (gettext("A donor’s account (%(number)s)", number=which), ""),
    "partner": lambda which, _known: (gettext("A partner’s person (%(number)s)", number=which), ""),
}


# A longer list of numbers is cut: how many they are stands before them.
SHOWN_NUMBERS = 8

# The words for every detail that an act may carry, in the order they are shown.
DETAIL_LABELS = {
    "reason": "Why",
    "amount": "Amount",
    "sentence": "Answer",
    "role": "Role",
    "account": "Account",
    "from": "Before",
    "to": "After",
    "mode": "Mode of payment",
    "gift": "Gift",
    "gifts": "Gift",
    "fields": "Corrected",
    "receipt": "Receipt",
    "proof": "Proof",
    "event": "Event",
    "job": "Job",
    "rows": "Rows",
    "filters": "Filters",
    "state": "State",
    "file": "File",
    "currency": "Currency",
    "lines": "Lines",
    "new": "New lines",
    "version": "Version",
    "year": "Year",
    "rule": "Receipts",
    "kind": "Kind",
}
# What an act means by a word that others use otherwise.
OWN_LABELS = {
    ("expiry_set", "to"): "Kept open until",
    ("lines_export", "from"): "From",
    ("lines_export", "to"): "Until",
    ("codes_import", "new"): "New codes",
}
# The details that name something with a page of its own.
SUBJECT_KINDS = {"gift": "gift", "gifts": "gift", "file": "file"}
# Kept for the program: a form's token against a second sending, a row without a page.
UNSAID = frozenset({"once", "match"})
FILTER_LABELS = {
    "q": "Find",
    "status": "Status",
    "region": "Region",
    "code": "Code",
    "mode": "Mode of payment",
    "fund": "Fund",
    "from": "Started from",
    "to": "Started until",
    "received_from": "Received from (issuer’s date)",
    "received_to": "Received until (issuer’s date)",
}


@dataclass(frozen=True, slots=True)
class Detail:
    """A text with its label, and the page of what it names, if there is one."""

    label: str
    text: str
    page: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log for readers."""

    at: datetime
    actor: str
    title: str
    subject: Detail
    details: tuple[Detail, ...]


def list_mentioned(entries: Sequence[AuditEntry]) -> set[str]:
    """What the entries are about or name in their details, as the log calls it."""
    found = {entry.subject for entry in entries}
    for entry in entries:
        found |= {one for key in SUBJECT_KINDS for one in _list_subjects(entry, key)}
    return found


def _list_subjects(entry: AuditEntry, key: str) -> list[str]:
    """What a detail names, as the log calls it: one thing, or several of a kind."""
    value = entry.detail.get(key, [])
    several = value if isinstance(value, list) else [value]
    return [f"{SUBJECT_KINDS[key]}:{one}" for one in several]


def tell_act(entry: AuditEntry, known: Known) -> Entry:
    return Entry(
        at=entry.at,
        actor=name_actor(entry.actor, known.called),
        title=say(ACTS, entry.act),
        subject=Detail("", *name_subject(entry.subject, known)),
        details=tuple(describe_act(entry, known)),
    )


def name_actor(actor: str, names: Mapping[str, str]) -> str:
    """Who `staff:7`, `donor`, `donor:7` (in their account) or `stripe` is."""
    kind = "donor" if actor.startswith("donor:") else actor
    return names.get(actor) or (say(ACTORS, kind) if kind in ACTORS else actor)


def describe_act(entry: AuditEntry, known: Known) -> Iterator[Detail]:
    """The details of an act that are for readers."""
    for key, label in DETAIL_LABELS.items():
        # An export without filters is one of everything: that is said, too.
        if entry.detail.get(key) or (key == "filters" and key in entry.detail):
            said = gettext(OWN_LABELS.get((entry.act, key), label))
            yield from _describe(entry, key, said, known)


def _describe(entry: AuditEntry, key: str, label: str, known: Known) -> Iterator[Detail]:
    value: Any = entry.detail[key]
    if key == "filters":
        yield from _describe_filters(value, label, known.names)
    elif key in SUBJECT_KINDS:
        for one in _list_subjects(entry, key):
            yield Detail(label, *name_subject(one, known))
    elif key == "fields":
        yield Detail(label, ", ".join(say(CONTACT_FIELDS, name) for name in value))
    elif isinstance(value, list):
        yield Detail(_count_lines(len(value)), _cut(value))
    elif key == "mode":
        yield Detail(label, *name_mode(entry.subject, value, known.names))
    else:
        yield Detail(label, TEXTS.get(key, str)(value))


def _count_lines(number: int) -> str:
    return ngettext("%(num)s line", "%(num)s lines", number)


def _cut(numbers: Sequence[int]) -> str:
    """The first of the numbers: `4, 5, 6 …`."""
    shown = ", ".join(str(number) for number in numbers[:SHOWN_NUMBERS])
    return f"{shown} …" if len(numbers) > SHOWN_NUMBERS else shown


def _say_money(text: str) -> str:
    """`CAD 75.53` as the reader writes money; a text that is none stays."""
    currency, _, amount = text.partition(" ")
    try:
        return format_money(parse_amount(amount, currency), current_locale())
    except (AmountError, ValueError):
        return text


def _say_step(value: str) -> str:
    """A role's name, or a code's state; days, which stand so as well, stay as they are."""
    if value in {*CodeState}:
        return CodeState(value).label
    return Role(value).label if value in {*Role} else value


def _say_state(value: str) -> str:
    return LineState(value).label if value in {*LineState} else say({"all": "All"}, value)


TEXTS: dict[str, Callable[[Any], str]] = {
    "amount": _say_money,
    "role": _say_step,
    "from": _say_step,
    "to": _say_step,
    "state": _say_state,
    "kind": lambda value: NumberKind(value).label,
}


def _describe_filters(query: str, label: str, names: Names) -> Iterator[Detail]:
    """What an export was narrowed to, in the words of the list's own form."""
    if not query:
        yield Detail(label, gettext("none"))
        return
    words: dict[str, Mapping[str, str]] = {
        "region": names.regions,
        "mode": names.modes,
        "fund": names.funds,
        "status": {status.value: status.label for status in Status},
    }
    for key, _, value in (pair.partition("=") for pair in query.split("&")):
        called = words.get(key, {}).get(value, value)
        yield Detail(gettext(FILTER_LABELS.get(key, key)), called)
