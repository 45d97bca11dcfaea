"""What holds for a code: the terms of every level above it and its own, laid over each other.

Terms are inherited and the nearest level wins, but what a level denies stays denied below it:
lists are narrowed, the highest minimum and the shortest time hold. Every term keeps the name of
the level that it comes from. Pure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portal.codes.terms import Budget, Code, LevelKind
from portal.database import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What one level sets. `terms` are named as in `Code`; what it leaves open is not there.

    `id` and `key` are its scope's, none where it is the code's own, which has no name either.
    """

    kind: LevelKind
    name: str
    terms: Mapping[str, Any] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_live: bool = True
    policy_id: int | None = None
    id: int | None = None
    key: str | None = None


def _nearest(_above: Any, own: Any) -> Any:
    return own


def _narrow(above: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    """What both allow, in the order of the nearer one."""
    return tuple(one for one in own if one in above)


def _join(above: Iterable[str], own: Iterable[str]) -> frozenset[str]:
    return frozenset((*above, *own))


def _highest(above: Mapping[str, int], own: Mapping[str, int]) -> dict[str, int]:
    return {
        currency: max(amounts.get(currency, 0) for amounts in (above, own))
        for currency in {**above, **own}
    }


Rule = Callable[[Any, Any], Any]
# How a level's own term goes with what stands above it; the nearest wins where none is named.
RULES: Mapping[str, Rule] = {
    "regions": _narrow,
    "funds": _narrow,
    "modes": _narrow,
    "currencies": _narrow,
    "frequencies": _narrow,
    "not_regions": _join,
    "not_funds": _join,
    "not_modes": _join,
    "minimum_minor": _highest,
    "max_uses": min,
    "starts_at": max,
    "ends_at": min,
}
# What limits the uses of all of a policy's codes is counted for each level by itself.
COUNTED = ("max_uses_in_all", "max_uses_a_donor")
SETS = ("regions", "not_regions", "not_funds", "not_modes")


def merge(levels: Sequence[Level]) -> Document:
    """The terms that hold by all levels, from the highest down to the code's own, as `Code` has
    them."""
    held: Document = {}
    sources: dict[str, str] = {}
    for level in levels:
        for name, own in _terms(level).items():
            rule = RULES.get(name, _nearest)
            merged = rule(held[name], own) if name in held else own
            if merged != held.get(name):
                sources[name] = level.name
            held[name] = merged
    held |= {name: frozenset(held[name]) for name in SETS if name in held}
    scopes = [level for level in levels if level.id is not None]
    partner = next((level for level in reversed(scopes) if level.kind is LevelKind.PARTNER), None)
    return {
        **held,
        "is_live": all(level.is_live for level in levels),
        "budgets": tuple(_list_budgets(levels)),
        "scope_id": scopes[-1].id if scopes else None,
        "path": "".join(f"/{level.id}" for level in scopes) + "/" if scopes else "",
        "partner": partner.key if partner else None,
        "partner_name": partner.name if partner else "",
        "sources": sources,
    }


def _terms(level: Level) -> Document:
    """A level's own terms, its dates among them."""
    dates = {"starts_at": level.starts_at, "ends_at": level.ends_at}
    own = {name: value for name, value in level.terms.items() if name not in COUNTED}
    return {**own, **{name: at for name, at in dates.items() if at is not None}}


def _list_budgets(levels: Sequence[Level]) -> Iterable[Budget]:
    for level in levels:
        most, most_a_donor = (level.terms.get(name) for name in COUNTED)
        if level.policy_id is not None and (most or most_a_donor):
            yield Budget(policy_id=level.policy_id, most=most, most_a_donor=most_a_donor)


def make_code(levels: Sequence[Level], **own: Any) -> Code:
    """A code of these levels; `own` is what stands on the code itself."""
    return Code(**merge(levels), **own)
