"""A code as it is set, and the terms that hold for a gift. Pure records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code and what it sets; empty or None leaves the region's own rule.

    `code` is normalised, `display` is as people write it. `regions` are slugs where it
    holds, none for everywhere. Amounts are minor units by currency. `modes` are keys in
    the order they are to be shown. It holds from `starts_at` up to, not at, `ends_at`.
    """

    code: str
    display: str
    kind: Kind
    partner: str | None = None
    partner_name: str = ""
    regions: frozenset[str] = frozenset()
    fund: str | None = None
    currency: str | None = None
    presets_minor: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    amount_minor: Mapping[str, int] = field(default_factory=dict)
    modes: tuple[str, ...] | None = None
    minimum_minor: Mapping[str, int] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    active: bool = True
    message: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a gift may be: the region's offer, narrowed by a code where there is one.

    `fund` is chosen at first, and can't be changed where `fund_fixed`. `currencies`,
    never empty, carry the presets and limits that hold here; the first is the default.
    `modes`, never empty, are in the order to show; `funds` are those that can be given to,
    each with the modes it takes. `amount_minor` fills in the amount.
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

    @property
    def currency(self) -> str:
        """The currency chosen at first."""
        return self.currencies[0].currency

    def option(self, currency: str) -> CurrencyOption | None:
        """Presets and limits in a currency; None where it can't be given here."""
        return next((one for one in self.currencies if one.currency == currency), None)

    def modes_for(self, fund: str, currency: str, frequency: str) -> tuple[Mode, ...]:
        """The modes of a fund, in order, that take this currency in this frequency."""
        return tuple(mode for mode in self.funds[fund] if mode.takes(currency, frequency))
