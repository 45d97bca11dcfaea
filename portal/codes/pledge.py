"""What a person means to give, as one form said it."""

from dataclasses import dataclass

from portal.money import Money
from portal.regions.frequency import Frequency

__all__ = ["Frequency", "Pledge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledge:
    """`money` to `fund` of `region` (its slug), paid by `mode`, so often, with a code or none."""

    money: Money
    region: str
    fund: str
    mode: str
    frequency: Frequency
    code: str | None = None
