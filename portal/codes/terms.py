"""A code as it is set, and the terms that hold: every level's, laid over each other. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from portal.database import Document
from portal.i18n import Labelled
from portal.money import Money
from portal.regions.catalogue import CurrencyOption, Frequency, Mode, Texts

__all__ = ["Frequency", "Pledge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledge:
    """`given` to `fund` of `region` (its slug), paid by `mode`, so often, with a code or none.

    `cover` is what is added so that the fee leaves `given` whole, in the same currency; it may
    be nothing.
    """

    given: Money
    cover: Money
    region: str
    fund: str
    mode: str
    frequency: Frequency
    code: str | None = None

    @property
    def total(self) -> Money:
        """What is paid."""
        return self.given + self.cover


class Kind(StrEnum):
    """Whose code it is: a partner's, a campaign's, or a promotion's."""

    PARTNER = "partner"
    CAMPAIGN = "campaign"
    PROMOTION = "promotion"


class CodeState(Labelled):
    """Whether a code may be used: paused for a while, or retired for good."""

    ACTIVE = "active", "In use"
    PAUSED = "paused", "Paused"
    RETIRED = "retired", "Retired"


class BatchState(StrEnum):
    """Whether all codes of a batch are there."""

    MAKING = "making"
    DONE = "done"


class Via(Labelled):
    """How a gift came by its code."""

    LINK = "link", "By a link"
    EMBED = "embed", "By a panel on another page"
    QR = "qr", "By a QR code"
    TYPED = "typed", "Typed in"
    STAFF = "staff", "By staff"
    IMPORT = "import", "By an import"
    API = "api", "By the interface for programs"


class Renewals(Labelled):
    """Which months of a monthly gift count for its code."""

    FIRST = "first", "Only the first"
    CAMPAIGN = "campaign", "While the code runs"
    ALL = "all", "All of them"


class ReceiptClass(Labelled):
    """What document a gift gets: what its region has, or a plain acknowledgement."""

    REGION = "region", "What the region has"
    NONE = "none", "No receipt from us: an acknowledgement"


class LevelKind(Labelled):
    """Where a term is set. Above a code stands the scope it is of, and all above that."""

    NETWORK = "network", "Network"
    REGION = "region", "Region"
    ZONE = "zone", "Zone"
    PARTNER = "partner", "Partner"
    CODE = "code", "Code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How often the codes of one policy may be used: in all, and by one donor; None for ever."""

    policy_id: int
    most: int | None = None
    most_a_donor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PotView:
    """A pot as donors may see it: what a sponsor sets aside to add to gifts, and what is left.

    `left_minor` is in the pot's currency; nothing once it is closed.
    """

    sponsor: str
    currency: str
    left_minor: int
    is_open: bool = True

    @property
    def left(self) -> Money:
        """What is neither promised nor matched."""
        return Money(self.left_minor, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchOffer:
    """What is added to a gift: `times` for each `per` of it, out of the pot of this key.

    `cap_minor` is the most for one gift, by currency; None where there is no end to it.
    """

    pot: str
    times: int = 1
    per: int = 1
    cap_minor: Mapping[str, int] = field(default_factory=dict)

    def cap(self, currency: str) -> int | None:
        return self.cap_minor.get(currency)

    def match(self, given: Money) -> int:
        """What is added to `given`, the gift without what covers its fee, by a pot that has enough.

        In minor units of the same currency.
        """
        return match_minor(given.minor, self.times, self.per, self.cap(given.currency))


def match_minor(given_minor: int, times: int, per: int, cap_minor: int | None) -> int:
    """`times` for each `per` of a gift, rounded down to whole minor units, at most the cap."""
    match = max(given_minor, 0) * times // per
    return match if cap_minor is None else min(match, cap_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code with all that holds for it; empty or None leaves the region's own rule.

    `code` is normalised, `display` is as people write it. `regions` are slugs where it
    holds, None for everywhere. Amounts are minor units by currency. `modes` are keys in
    the order they are to be shown. It holds from `starts_at` up to, not at, `ends_at`.
    `is_live` says whether the scopes above let it; `is_spent` that all its uses are taken;
    `sources` names the level that each term comes from, nothing where it is its own. `path` are
    the ids of its scopes, the highest first: `/3/17/`. `match_ratio` is written `2:1`; `pot` is
    what its offer takes from, where that was looked up.
    """

    code: str
    display: str
    kind: Kind
    id: int = 0
    policy_id: int = 0
    policy_version: int = 1
    scope_id: int | None = None
    path: str = ""
    partner: str | None = None
    partner_name: str = ""
    state: CodeState = CodeState.ACTIVE
    is_live: bool = True
    is_secret: bool = False
    is_spent: bool = False
    regions: frozenset[str] | None = None
    not_regions: frozenset[str] = frozenset()
    funds: tuple[str, ...] | None = None
    not_funds: frozenset[str] = frozenset()
    modes: tuple[str, ...] | None = None
    not_modes: frozenset[str] = frozenset()
    currencies: tuple[str, ...] | None = None
    frequencies: tuple[Frequency, ...] | None = None
    presets_minor: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    amount_minor: Mapping[str, int] = field(default_factory=dict)
    minimum_minor: Mapping[str, int] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_uses: int | None = None
    budgets: tuple[Budget, ...] = ()
    first_gift_only: bool = False
    message: Texts = field(default_factory=dict)
    headline: Texts = field(default_factory=dict)
    picture: str = ""
    landing: str = ""
    campaign: str = ""
    renewals: Renewals = Renewals.ALL
    hosts: tuple[str, ...] = ()
    goal_minor: Mapping[str, int] = field(default_factory=dict)
    match_pot: str = ""
    match_ratio: str = "1:1"
    match_cap_minor: Mapping[str, int] = field(default_factory=dict)
    no_match: bool = False
    receipt_class: ReceiptClass = ReceiptClass.REGION
    pot: PotView | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def offer(self) -> MatchOffer | None:
        """What a sponsor adds to its gifts; None without a pot, or where a level denies it."""
        if not self.match_pot or self.no_match:
            return None
        times, per = map(int, self.match_ratio.split(":"))
        return MatchOffer(pot=self.match_pot, times=times, per=per, cap_minor=self.match_cap_minor)

    @property
    def is_counted(self) -> bool:
        """Whether its uses are limited."""
        return self.max_uses is not None or any(
            budget.most is not None or budget.most_a_donor is not None for budget in self.budgets
        )

    def spent(self) -> "Code":
        """The same with no use left."""
        return replace(self, is_spent=True)

    def as_promised(self) -> "Code":
        """The same for a gift that has its use already, whatever became of the code since."""
        return replace(self, is_spent=False, is_live=True, state=CodeState.ACTIVE)

    def like(self) -> "Code":
        """What all codes of the same terms have in common."""
        return replace(self, id=0, code="", display="", is_spent=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a gift may be: the region's offer, narrowed by a code where there is one.

    `fund` is chosen at first, and can't be changed where `fund_fixed`. `currencies`,
    never empty, carry the presets and limits that hold here; the first is the default.
    `modes`, never empty, are in the order to show; `funds` are those that can be given to,
    each with the modes it takes. `amount_minor` fills in the amount; `frequencies` are those that
    a code leaves, None for all. `offer` is what a sponsor adds, out of `pot` where that is known.
    """

    region: str
    code: str | None
    display: str | None
    partner: str | None
    partner_name: str
    fund: str
    fund_fixed: bool
    currencies: tuple[CurrencyOption, ...]
    modes: tuple[Mode, ...]
    funds: Mapping[str, tuple[Mode, ...]]
    amount_minor: Mapping[str, int]
    message: Texts
    frequencies: tuple[Frequency, ...] | None = None
    headline: Texts = field(default_factory=dict)
    picture: str = ""
    offer: MatchOffer | None = None
    pot: PotView | None = None
    receipt_class: ReceiptClass = ReceiptClass.REGION

    @property
    def currency(self) -> str:
        """The currency chosen at first."""
        return self.currencies[0].currency

    def option(self, currency: str) -> CurrencyOption | None:
        """Presets and limits in a currency; None where it can't be given here."""
        return next((one for one in self.currencies if one.currency == currency), None)

    def modes_for(self, fund: str, currency: str, frequency: str) -> tuple[Mode, ...]:
        """The modes of a fund, in order, that take this currency in this frequency."""
        if self.frequencies is not None and frequency not in self.frequencies:
            return ()
        return tuple(mode for mode in self.funds[fund] if mode.takes(currency, frequency))


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


def _fewest(above: ReceiptClass, own: ReceiptClass) -> ReceiptClass:
    """None, where either says so."""
    return ReceiptClass.NONE if ReceiptClass.NONE in (above, own) else own


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
    "receipt_class": _fewest,
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
