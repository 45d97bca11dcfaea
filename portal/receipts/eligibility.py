"""Which gifts tax may be claimed for under Gift Aid and its scheme for small cash. Pure.

A declaration covers its donor's gifts in the declaration's own name: two people who share an
address for e-mails declare for themselves alone. HMRC's guidance on declarations is chapter 3 of
https://www.gov.uk/government/publications/charities-detailed-guidance-notes
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from portal.receipts.gift_aid import (
    CURRENCY,
    TAX_PART,
    Covers,
    Declared,
    Given,
    How,
    Verdict,
    Why,
    list_faults,
    name_donor,
    period_end,
    years_before,
)

YEARS_BACK = 4
# To cancel an oral declaration as if it had never been made (SI 2000/2074, reg. 5).
DAYS_TO_CANCEL = timedelta(days=30)
_ORDER = list(Why)


def judge(gift: Given, declarations: Iterable[Declared], today: date, year_end: str) -> Verdict:
    """Which declaration of its donor covers a gift, the newest first; else the nearest reason."""
    own = _find_fault(gift, today, year_end)
    if own is not None:
        return Verdict(gift, None, own)
    nearest = Why.NO_DECLARATION
    for one in sorted(declarations, key=lambda one: (one.made_on, one.id), reverse=True):
        why = find_gap(one, gift, today)
        if why is None:
            return Verdict(gift, one, None)
        nearest = max(nearest, why, key=_ORDER.index)
    return Verdict(gift, None, nearest)


def _find_fault(gift: Given, today: date, year_end: str) -> Why | None:
    """What is wrong with a gift, whoever declared what."""
    if gift.currency != CURRENCY:
        return Why.NOT_POUNDS
    if gift.minor <= 0:
        return Why.NOTHING_LEFT
    if gift.is_disputed:
        return Why.DISPUTED
    if gift.is_others:
        return Why.OTHERS_RECEIPT
    # Four years from the end of the accounting period (Income Tax Act 2007, s. 416; TMA s. 43).
    is_late = period_end(gift.received_on, year_end) < years_before(today, YEARS_BACK)
    return Why.TOO_LATE if is_late else None


def find_gap(declared: Declared, gift: Given, today: date) -> Why | None:
    """Why a declaration doesn't cover a gift of its donor; None where it does."""
    if declared.covers is Covers.GIFT and declared.gift_id != gift.gift_id:
        return Why.OTHER_GIFT
    if gift.name not in declared.names:
        return Why.OTHER_NAME
    if declared.covers is Covers.ALL and gift.received_on < first_day(declared.made_on):
        return Why.BEFORE
    if is_cancelled(declared.cancelled_from, gift.received_on):
        return Why.CANCELLED
    if declared.how is How.ORAL and (why := _find_doubt(declared.confirmed_on, today)):
        return why
    return None if _is_whole(declared) else Why.NO_ADDRESS


def first_day(made_on: date) -> date:
    """The first day whose gifts a declaration for all can cover."""
    return years_before(made_on, YEARS_BACK)


def is_cancelled(cancelled_from: date | None, day: date) -> bool:
    return cancelled_from is not None and cancelled_from <= day


def _find_doubt(confirmed_on: date | None, today: date) -> Why | None:
    if confirmed_on is None:
        return Why.UNCONFIRMED
    return Why.MAY_CANCEL if today <= confirmed_on + DAYS_TO_CANCEL else None


def _is_whole(declared: Declared) -> bool:
    return not list_faults(name_donor(declared, date.min, 1), date.min)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A gift that stands in a claim: what was claimed for, and what was taken back of it since."""

    gift: Given
    declared: Declared | None
    minor: int
    taken_back_minor: int

    @property
    def due_minor(self) -> int:
        """What the next claim has to take back: what of it went back, or all if not covered."""
        is_covered = self.declared is not None and not is_cancelled(
            self.declared.cancelled_from, self.gift.received_on
        )
        left = max(self.gift.minor, 0) if is_covered else 0
        return max(self.minor - self.taken_back_minor - left, 0)


def overclaimed_tax(taken_back: Iterable[int]) -> int:
    """The tax to give back for what was claimed too much, in pence, rather a penny too much."""
    return -(-sum(taken_back) // TAX_PART)


# Cash and contactless gifts of at most so much, in all at most so much a tax year, and at most
# ten times what was given with Gift Aid; claimed within two years of the tax year's end.
# https://www.gov.uk/guidance/claim-a-top-up-payment-on-small-charitable-donations
GASDS_GIFT_MINOR, GASDS_YEAR_MINOR, GASDS_TIMES, GASDS_YEARS = 30_00, 8_000_00, 10, 2
TAX_YEAR_END = "04-05"


@dataclass(frozen=True, slots=True)
class SmallYear:
    """A tax year's small gifts in cash, by what may be topped up of them, in pence."""

    ends_on: date
    small_minor: int
    gift_aid_minor: int

    @property
    def most_minor(self) -> int:
        return min(self.small_minor, GASDS_YEAR_MINOR, GASDS_TIMES * self.gift_aid_minor)

    @property
    def until(self) -> date:
        """The last day to claim."""
        return years_before(self.ends_on, -GASDS_YEARS)


def sum_small(cash: Iterable[Given], claimed: Iterable[Given]) -> list[SmallYear]:
    """Small gifts in cash without a declaration, by tax year, newest first."""
    sums: dict[date, list[int]] = defaultdict(lambda: [0, 0])
    for at, gifts in enumerate((cash, claimed)):
        for gift in gifts:
            if at or 0 < gift.minor <= GASDS_GIFT_MINOR:
                sums[period_end(gift.received_on, TAX_YEAR_END)][at] += gift.minor
    years = [SmallYear(ends_on, *pair) for ends_on, pair in sums.items() if pair[0]]
    return sorted(years, key=lambda year: year.ends_on, reverse=True)
