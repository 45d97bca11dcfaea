"""A refusal: why a code or a choice doesn't hold, and the next way to give."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a gift can't be given as asked."""

    UNKNOWN_REGION = "unknown_region"
    UNKNOWN_CODE = "unknown_code"
    INACTIVE = "inactive"
    NOT_YET = "not_yet"
    ENDED = "ended"
    WRONG_REGION = "wrong_region"
    NOT_POSSIBLE_HERE = "not_possible_here"
    WRONG_CURRENCY = "wrong_currency"
    UNDER_MINIMUM = "under_minimum"
    OVER_MAXIMUM = "over_maximum"
    WRONG_FUND = "wrong_fund"
    WRONG_MODE = "wrong_mode"
    WRONG_FREQUENCY = "wrong_frequency"


# The form field a refusal speaks of; the code where it is not named here.
_FIELDS = {
    Reason.UNKNOWN_REGION: "region",
    Reason.WRONG_CURRENCY: "currency",
    Reason.UNDER_MINIMUM: "amount",
    Reason.OVER_MAXIMUM: "amount",
    Reason.WRONG_FUND: "fund",
    Reason.WRONG_MODE: "mode",
    Reason.WRONG_FREQUENCY: "frequency",
}


@dataclass(frozen=True, slots=True)
class NextWay:
    """Another way to give: the form of `region` (a slug), with `code` or without one."""

    region: str
    code: str | None
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why not, as a sentence in the reader's language, and where to go on."""

    reason: Reason
    sentence: str
    next_ways: tuple[NextWay, ...] = ()

    @property
    def field(self) -> str:
        """The form field to show the sentence at."""
        return _FIELDS.get(self.reason, "code")
