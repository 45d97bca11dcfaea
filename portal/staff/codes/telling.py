"""Terms in words: what each is called, what it says, and the level that it comes from."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from portal.codes.revising import ToldVersion, list_other_currencies
from portal.codes.simulator import Held
from portal.codes.terms import Code, CodeState, Frequency, ReceiptClass, Renewals
from portal.i18n import current_locale, gettext, pick
from portal.money import Money, format_money
from portal.regions.catalogue import Catalogue
from portal.regions.history import Difference, list_differences
from portal.signin.accounts import Role
from portal.staff.access import may
from portal.staff.audit import name_actor
from portal.staff.labels import Names, current_names, format_moment

LONGEST_SHOWN = 400

# What each term is called, by its name in `Code`, and by that of a policy's document.
TERM_WORDS = {
    "state": "State",
    "is_live": "In use above it",
    "regions": "Only these regions",
    "not_regions": "Not these regions",
    "currencies": "Only these currencies",
    "modes": "Only these modes of payment, in this order",
    "not_modes": "Not these modes of payment",
    "funds": "Only these funds",
    "not_funds": "Not these funds",
    "frequencies": "How often a gift is made",
    "starts_at": "From",
    "ends_at": "Until",
    "presets_minor": "Suggested amounts",
    "amount_minor": "Amount filled in",
    "minimum_minor": "Smallest gift",
    "goal_minor": "Goal",
    "max_uses": "Uses of one code",
    "max_uses_in_all": "Uses of all codes together",
    "max_uses_a_donor": "Uses by one donor",
    "first_gift_only": "Only for a first gift",
    "headline": "Headline",
    "message": "Message",
    "picture": "Picture",
    "landing": "Address after giving",
    "campaign": "Campaign",
    "renewals": "Which months of a monthly gift count",
    "match_pot": "A sponsor adds to gifts, out of the pot",
    "match_ratio": "What is added for what is given",
    "match_cap_minor": "Most added to a gift",
    "no_match": "No sponsor adds to gifts",
    "receipt_class": "What document donors get",
    "hosts": "Pages that may show its panel",
    "zone": "Time zone of its days",
    "first_day": "First day",
    "last_day": "Last day",
}


@dataclass(frozen=True, slots=True)
class ToldTerm:
    """A term for readers; `source` is empty where it is the code's own."""

    label: str
    text: str
    source: str
    decides: bool


def tell_terms(terms: Iterable[Held], zone: str) -> list[ToldTerm]:
    """Terms in the order of `TERM_WORDS`; those that say nothing to anybody are left out."""
    names = current_names()
    order = list(TERM_WORDS)
    known = sorted(
        (held for held in terms if held.name in TERM_WORDS), key=lambda one: order.index(one.name)
    )
    return [
        ToldTerm(
            gettext(TERM_WORDS[held.name]),
            say_value(held.name, held.value, names, zone),
            "" if held.is_own else _say_level(held),
            held.decides,
        )
        for held in known
    ]


def _say_level(held: Held) -> str:
    return gettext("%(name)s (%(kind)s)", name=held.level.name, kind=held.level.kind.label)


def say_value(name: str, value: Any, names: Names, zone: str) -> str:
    """What a term says, in the current language; moments as days of a zone."""
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, CodeState | ReceiptClass | Renewals):
        return value.label
    if isinstance(value, datetime):
        return _say_day(name, value, zone)
    if isinstance(value, Mapping):
        return _say_mapping(value)
    if isinstance(value, str | int):
        return str(value)
    return ", ".join(_called(name, names)(one) for one in _in_order(value))


def _say_day(name: str, at: datetime, zone: str) -> str:
    """The day; an end is the last that it still holds on. Within a day, its minute stands, too."""
    day = at.astimezone(ZoneInfo(zone)).date()
    before = (at.astimezone(UTC) - datetime.resolution).astimezone(ZoneInfo(zone)).date()
    if day == before:
        return f"{format_moment(at, zone)} ({zone})"
    return f"{before if name == 'ends_at' else day} ({zone})"


def _say_mapping(value: Mapping[str, Any]) -> str:
    """Amounts by currency; texts by language."""
    if any(isinstance(one, str) for one in value.values()):
        return pick(value)
    return "; ".join(_say_amounts(currency, minor) for currency, minor in value.items())


def _say_amounts(currency: str, minor: int | tuple[int, ...]) -> str:
    several = (minor,) if isinstance(minor, int) else minor
    return ", ".join(format_money(Money(one, currency), current_locale()) for one in several)


def _called(name: str, names: Names) -> Callable[[Any], str]:
    """How one of a term's list is called."""
    kind = name.removeprefix("not_")
    if kind == "frequencies":
        return lambda one: Frequency(one).label
    words: Mapping[str, Mapping[str, str]] = {
        "regions": names.regions,
        "modes": names.modes,
        "funds": names.funds,
    }
    known = words.get(kind, {})
    return lambda one: known.get(one, str(one))


def _in_order(value: Iterable[Any]) -> Iterable[Any]:
    return sorted(value) if isinstance(value, set | frozenset) else value


def tell_unmatched(code: Code, now: datetime, catalogue: Catalogue) -> Iterator[str]:
    """What of a code's gifts is not matched though its terms have an offer."""
    pot = code.pot
    if pot is None:
        return
    if not pot.is_open:
        yield gettext("The pot of these terms is closed: nothing is added to gifts.")
    others = list_other_currencies(code, now, catalogue)
    if others:
        yield gettext(
            "The pot of these terms is in %(matched)s: nothing is added to gifts in %(others)s.",
            matched=pot.currency,
            others=", ".join(others),
        )


@dataclass(frozen=True, slots=True)
class Told:
    """One version of a policy for readers: who made it and when, and what it changed.

    `can_return` where the reader may let it hold again.
    """

    version: int
    at: datetime
    actor: str
    differences: list[Difference]
    is_current: bool
    can_return: bool


def tell_versions(versions: Iterable[ToldVersion], actors: Mapping[str, str]) -> list[Told]:
    return [
        Told(
            one.version,
            one.at,
            name_actor(one.actor, actors),
            [_name_terms(found) for found in list_differences(one.before or {}, one.terms)],
            one.is_current,
            can_return=not one.is_current and may(Role.ADMIN),
        )
        for one in versions
    ]


def _name_terms(found: Difference) -> Difference:
    """The same with its terms named: `Smallest gift › CAD`."""
    return Difference(tuple(map(_say_step, found.path)), _cut(found.before), _cut(found.after))


def _say_step(step: str) -> str:
    word = TERM_WORDS.get(step) or TERM_WORDS.get(f"{step}_minor")
    return gettext(word) if word else step


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"
