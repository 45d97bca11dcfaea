"""What a processor keeps of a gift, and what to add so that all of it arrives. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from portal.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What a processor keeps: basis points of all that is charged, plus a fixed part.

    `fixed_minor` and `maximum_minor` are minor units by currency; a currency without a
    fixed part has no known fee, and one without a maximum has no cap.
    """

    basis_points: int
    fixed_minor: Mapping[str, int]
    maximum_minor: Mapping[str, int] = field(default_factory=dict)

    def covers(self, currency: str) -> bool:
        """Whether the fee is known in this currency, so that covering it can be offered."""
        return currency in self.fixed_minor


def cover_fee(money: Money, fee: Fee) -> Money:
    """The least to add to `money` so that, after the fee on the whole, `money` is left.

    With rate r and fixed part f: ceil((amount * r + f) / (1 - r)), and never more than the
    fee's cap. Nothing where the fee is not known in this currency.
    """
    if not fee.covers(money.currency):
        return Money(0, money.currency)
    due = money.minor * fee.basis_points + fee.fixed_minor[money.currency] * 10_000
    cover = -(-due // (10_000 - fee.basis_points))
    return Money(min(cover, fee.maximum_minor.get(money.currency, cover)), money.currency)
