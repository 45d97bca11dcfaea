"""What a piece of evidence claims, before it is stored, and which movements of money a fact means.

Pure, and the same whatever came before.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from portal.database import Document
from portal.gifts.lifecycle import Fact, FactKind
from portal.money import Money

# Who takes payments for us, by the name of its wing: `stripe`. An id of one provider's is no
# other's. Which there are, `portal.payments.providers` says.
Provider = NewType("Provider", str)
PROVIDER_LENGTH = 12

# The first provider's ids stand bare in the evidence, in the ledger and in the names of promised
# jobs; those are only ever added to, so they stay so, and every other's bear its name.
BARE = Provider("stripe")


class Source(StrEnum):
    """Why we believe where no provider says so: the bank, a person, or our own clock."""

    STATEMENT = "statement"
    PERSON = "person"
    SYSTEM = "system"


def name_of(source: Source | Provider, own_id: str) -> str:
    """What a payment, refund or dispute is called here: no two sources have the same name.

    A provider's own ids have at most 60 characters, so that the name fits.
    """
    is_bare = isinstance(source, Source) or source == BARE
    return own_id if is_bare else f"{source}:{own_id}"


def own_id(source: str, name: str) -> str:
    """The same the other way: how its source calls it."""
    return name.removeprefix(f"{source}:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`fact` about `subject` (a payment, refund or dispute), over `money`, as of `occurred_at`.

    `source` is why we believe it, `actor` who says so (`stripe`, `staff:7`); `payment` the
    payment that a refund or dispute takes from; `detail` what it was read from, for people.
    `subject` and `payment` are the source's own ids, `name` and `payment_name` what they are
    called here.
    """

    fact: FactKind
    subject: str
    occurred_at: datetime
    money: Money | None = None
    source: Source | Provider
    actor: str
    why: str = ""
    payment: str | None = None
    detail: Document = field(default_factory=dict)

    @property
    def is_asked_for(self) -> bool:
        """Whether a provider says so, which is asked for an exact amount, not for any."""
        return not isinstance(self.source, Source)

    @property
    def name(self) -> str:
        return name_of(self.source, self.subject)

    @property
    def payment_name(self) -> str | None:
        return name_of(self.source, self.payment) if self.payment else None

    @property
    def key(self) -> str:
        """The effect's name: the same effect told twice has the same key."""
        return f"{self.fact}:{self.name}"

    def as_fact(self) -> Fact:
        if self.money is None:
            return Fact(self.fact, self.name, at=self.occurred_at)
        money = self.money
        return Fact(self.fact, self.name, money.minor, money.currency, self.occurred_at)


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
