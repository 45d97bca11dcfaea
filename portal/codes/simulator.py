"""Trying a code out: what the real policy says of a gift, and which level each term is from. Pure.

What depends on the donor, a first gift or their own uses, can't be told beforehand.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from portal.codes.policy import decide, open_terms, region_terms
from portal.codes.refusals import Reason, Refusal
from portal.codes.terms import Code, CodeState, Frequency, Level, LevelKind, Pledge, Terms
from portal.money import Money
from portal.regions.catalogue import Catalogue, Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One term that holds: its name and value as `Code` has them, and the level it is from.

    `decides` where it is why the gift is refused.
    """

    name: str
    value: Any
    level: Level
    decides: bool = False

    @property
    def is_own(self) -> bool:
        """Whether it stands on the code itself."""
        return self.level.kind is LevelKind.CODE


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What donors would be told of a gift (`verdict`), and why.

    `refusal` is the true one, which donors don't see of a secret code. `shown` is what the form
    would offer before a choice is made; None where the code doesn't hold there. `match` is what a
    sponsor would add now, and what is left of the pot before that; None without an offer.
    """

    pledge: Pledge
    at: datetime
    verdict: Terms | Refusal
    refusal: Refusal | None
    shown: Terms | None
    terms: tuple[Held, ...]
    levels: tuple[Level, ...]
    match: tuple[Money, Money] | None = None

    @property
    def is_allowed(self) -> bool:
        return self.refusal is None

    @property
    def is_by_donor(self) -> bool:
        """Whether it may be refused yet for what the donor gave before."""
        return any(held.name in {"first_gift_only", "max_uses_a_donor"} for held in self.terms)

    @property
    def query(self) -> dict[str, str]:
        """What the address of the form says so that it shows this gift."""
        pledge = self.pledge
        said = {
            "code": pledge.code or "",
            "amount": pledge.given.plain(),
            "currency": pledge.given.currency,
            "fund": pledge.fund,
            "mode": pledge.mode,
            "frequency": str(pledge.frequency),
        }
        return {name: value for name, value in said.items() if value}


def simulate(
    code: Code | None, levels: Sequence[Level], pledge: Pledge, now: datetime, catalogue: Catalogue
) -> Simulation:
    """What `decide` says of a gift at a moment, by a code and its levels as they are now.

    `code` None with a code in the pledge is one that nobody has; it has its pot where its match is
    to be told. Never raises.
    """
    verdict = decide(code, pledge, now, catalogue)
    plain = replace(code, is_secret=False) if code else None
    truth = decide(plain, pledge, now, catalogue)
    refusal = truth if isinstance(truth, Refusal) else None
    region = catalogue.by_slug(pledge.region)
    opened = open_terms(code, region, now, catalogue) if region else None
    return Simulation(
        pledge=pledge,
        at=now,
        verdict=verdict,
        refusal=refusal,
        shown=opened if isinstance(opened, Terms) else None,
        terms=tuple(_list_held(code, levels, refusal)) if code else (),
        levels=tuple(levels),
        match=_match(code, pledge.given) if code and refusal is None else None,
    )


def _match(code: Code, given: Money) -> tuple[Money, Money] | None:
    """Nothing is added to a gift in another currency than the pot's."""
    offer, pot = code.offer, code.pot
    if offer is None or pot is None:
        return None
    wanted = offer.match(given) if given.currency == pot.currency else 0
    return Money(min(wanted, pot.left_minor), pot.currency), pot.left


def complete_pledge(
    code: Code | None,
    region: Region,
    now: datetime,
    catalogue: Catalogue,
    *,
    given: Money | None = None,
    currency: str | None = None,
    fund: str | None = None,
    mode: str | None = None,
    frequency: Frequency | None = None,
    typed: str | None = None,
) -> Pledge:
    """A gift with what was asked; the rest is as the form would have it chosen at first.

    `typed` is the code as it was asked for, where nobody has it.
    """
    opened = open_terms(code, region, now, catalogue)
    terms = opened if isinstance(opened, Terms) else region_terms(region)
    money = given or _first_amount(terms, currency or terms.currency)
    often = frequency or next(iter(terms.frequencies or (Frequency.ONCE,)))
    chosen = fund or terms.fund
    modes = terms.modes_for(chosen, money.currency, often) if chosen in terms.funds else ()
    # Where nothing can be given, as before a payment's provider is set up, there is no mode at all.
    first = next((one.key for one in modes or terms.modes), "")
    return Pledge(
        given=money,
        cover=Money(0, money.currency),
        region=region.slug,
        fund=chosen,
        mode=mode or first,
        frequency=often,
        code=code.code if code else typed,
    )


def moment_of(day: date, region: Region) -> datetime:
    """The noon of a day where donors of the region are."""
    return datetime.combine(day, time(12), ZoneInfo(region.timezone))


def _first_amount(terms: Terms, currency: str) -> Money:
    """What the form fills in, else its first suggestion; 1 in a currency that it doesn't have."""
    option = terms.option(currency)
    suggested = option.presets_minor[0] if option else 1
    return Money(terms.amount_minor.get(currency, suggested), currency)


# The terms that may be why a gift is refused; where none of them is set, it is the region's offer.
DECIDING: Mapping[Reason, tuple[str, ...]] = {
    Reason.INACTIVE: ("state",),
    Reason.PAUSED: ("state", "is_live"),
    Reason.NOT_YET: ("starts_at",),
    Reason.ENDED: ("ends_at",),
    Reason.USED_UP: ("max_uses", "max_uses_in_all"),
    Reason.WRONG_REGION: ("regions", "not_regions"),
    Reason.NOT_POSSIBLE_HERE: (
        *("regions", "not_regions", "currencies", "modes", "not_modes", "funds", "not_funds"),
        "frequencies",
    ),
    Reason.WRONG_CURRENCY: ("currencies",),
    Reason.UNDER_MINIMUM: ("minimum_minor",),
    Reason.WRONG_FUND: ("funds", "not_funds"),
    Reason.WRONG_MODE: ("modes", "not_modes", "currencies"),
    Reason.WRONG_FREQUENCY: ("frequencies",),
}
# How a budget names them, and a policy.
BUDGETS = {"most": "max_uses_in_all", "most_a_donor": "max_uses_a_donor"}


def list_held(code: Code, levels: Sequence[Level]) -> tuple[Held, ...]:
    """Every term that holds for a code, with the level it is from."""
    return tuple(_list_held(code, levels, None))


def _list_held(code: Code, levels: Sequence[Level], refusal: Refusal | None) -> Iterator[Held]:
    deciding = DECIDING.get(refusal.reason, ()) if refusal else ()
    for name, value, level in _list_terms(code, levels):
        yield Held(name=name, value=value, level=level, decides=name in deciding)


def _list_terms(code: Code, levels: Sequence[Level]) -> Iterator[tuple[str, Any, Level]]:
    """What stands on the code, what was merged, and what each level counts by itself."""
    own = levels[-1] if levels else Level(kind=LevelKind.CODE, name="")
    if code.state is not CodeState.ACTIVE:
        yield "state", code.state, own
    yield from (("is_live", False, level) for level in levels if not level.is_live)
    for name, source in code.sources.items():
        yield name, getattr(code, name), _level_named(source, name, levels) or own
    for budget in code.budgets:
        level = next((one for one in levels if one.policy_id == budget.policy_id), own)
        limits = ((term, getattr(budget, field)) for field, term in BUDGETS.items())
        yield from ((term, most, level) for term, most in limits if most is not None)


def _level_named(source: str, term: str, levels: Iterable[Level]) -> Level | None:
    """The nearest level of a name that sets the term: two may be called the same."""
    named = [level for level in levels if level.name == source and _sets(level, term)]
    return named[-1] if named else None


def _sets(level: Level, term: str) -> bool:
    if term in {"starts_at", "ends_at"}:
        return getattr(level, term) is not None
    return term in level.terms
