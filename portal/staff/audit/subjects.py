"""What an act of the audit log was done to: its name in the reader's words, and its page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import url_for

from portal.i18n import gettext
from portal.staff.names import Names

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


def _name_file(which: str, known: Known) -> Named:
    name = known.called.get(f"file:{which}")
    if name is None:
        return gettext("Bank file %(number)s", number=which), ""
    return name, url_for("staff.reconcile", file=which, state="all")


def _name_line(which: str, _known: Known) -> Named:
    page = url_for("staff.line", line_id=int(which)) if which.isdecimal() else ""
    return gettext("Bank line %(number)s", number=which), page


def _name_event(_which: str, _known: Known) -> Named:
    return gettext("Stripe’s event"), url_for("staff.events")


# What an act may be done to, by the word before the colon: its name and its page.
SUBJECTS: dict[str, Callable[[str, Known], Named]] = {
    "gift": _name_gift,
    "staff": _name_staff,
    "region": _name_region,
    "file": _name_file,
    "line": _name_line,
    "event": _name_event,
    "gifts": lambda _which, _known: (gettext("Gifts"), url_for("staff.gifts")),
    "lines": lambda _which, _known: (gettext("Bank lines"), url_for("staff.reconcile")),
    "jobs": lambda _which, _known: (gettext("Jobs"), url_for("staff.events")),
}
