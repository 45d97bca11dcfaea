"""Which movements of money a fact means: pure, and the same whatever came before.

Each fact brings the movements it implies, predecessors included (a refund that failed was
once made), each under its own key; adding only keys that are new makes the ledger of a
gift a function of its set of facts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from portal.gifts.lifecycle import Fact, FactKind
from portal.money import Money

CLEARING = "clearing"
FEES = "fees"
DISPUTES = "disputes"


@dataclass(frozen=True, slots=True)
class Movement:
    """`money` from the credited to the debited account, named by `key` once and for ever."""

    key: str
    debit: str
    credit: str
    money: Money


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts one gift moves money between, by where it comes from and what it is for."""

    source: str
    fund: str

    @property
    def clearing(self) -> str:
        """Money a processor or bank holds for us."""
        return f"{CLEARING}:{self.source}"

    @property
    def income(self) -> str:
        return f"income:{self.fund}"


def movements(fact: Fact, accounts: Accounts) -> Iterator[Movement]:
    """The movements `fact` means; none where no money moves."""
    if fact.minor <= 0:
        return
    money = Money(fact.minor, fact.currency)
    for name, debit, credit in PLAN.get(fact.kind, ()):
        yield Movement(
            f"{name}:{fact.subject}", _account(debit, accounts), _account(credit, accounts), money
        )


_INCOME, _CLEARING = "income", "clearing"

PLAN: dict[FactKind, tuple[tuple[str, str, str], ...]] = {
    FactKind.PAID: (("gift", _CLEARING, _INCOME),),
    FactKind.WITHDRAWN: (
        ("gift", _CLEARING, _INCOME),
        ("gift-withdrawn", _INCOME, _CLEARING),
    ),
    FactKind.FEE: (("fee", FEES, _CLEARING),),
    FactKind.REFUNDED: (("refund", _INCOME, _CLEARING),),
    FactKind.REFUND_FAILED: (
        ("refund", _INCOME, _CLEARING),
        ("refund-returned", _CLEARING, _INCOME),
    ),
    FactKind.DISPUTE_OPENED: (("dispute", DISPUTES, _CLEARING),),
    FactKind.DISPUTE_WON: (
        ("dispute", DISPUTES, _CLEARING),
        ("dispute-returned", _CLEARING, DISPUTES),
    ),
    FactKind.DISPUTE_LOST: (
        ("dispute", DISPUTES, _CLEARING),
        ("dispute-lost", _INCOME, DISPUTES),
    ),
}


def _account(name: str, accounts: Accounts) -> str:
    if name == _CLEARING:
        return accounts.clearing
    return accounts.income if name == _INCOME else name
