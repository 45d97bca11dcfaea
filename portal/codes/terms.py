"""A code as it is set, and the terms that hold for a gift. Pure records."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

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
class Code:
    """A code with all that holds for it; empty or None leaves the region's own rule.

    `code` is normalised, `display` is as people write it. `regions` are slugs where it
    holds, None for everywhere. Amounts are minor units by currency. `modes` are keys in
    the order they are to be shown. It holds from `starts_at` up to, not at, `ends_at`.
    `is_live` says whether the scopes above let it; `is_spent` that all its uses are taken;
    `sources` names the level that each term comes from, nothing where it is its own. `path` are
    the ids of its scopes, the highest first: `/3/17/`.
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
    sources: Mapping[str, str] = field(default_factory=dict)

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
    a code leaves, None for all.
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
