"""What a piece of evidence claims, before it is stored."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from portal.database import Document
from portal.gifts.lifecycle import Fact, FactKind
from portal.money import Money


class Source(StrEnum):
    """Why we believe: the processor, the bank, a person, or our own clock."""

    STRIPE = "stripe"
    STATEMENT = "statement"
    PERSON = "person"
    SYSTEM = "system"


class Provider(StrEnum):
    """Who takes payments for us; an id of one provider's is no other's."""

    STRIPE = "stripe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`fact` about `subject` (a payment, refund or dispute), over `money`, as of `occurred_at`.

    `actor` is who says so (`stripe`, `staff:7`); `payment` the payment that a refund or dispute
    takes from, by the provider's id; `detail` what it was read from, for people.
    """

    fact: FactKind
    subject: str
    occurred_at: datetime
    money: Money | None = None
    source: Source = Source.STRIPE
    actor: str = "stripe"
    why: str = ""
    payment: str | None = None
    detail: Document = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The effect's name: the same effect told twice has the same key."""
        return f"{self.fact}:{self.subject}"

    def as_fact(self) -> Fact:
        if self.money is None:
            return Fact(self.fact, self.subject, at=self.occurred_at)
        money = self.money
        return Fact(self.fact, self.subject, money.minor, money.currency, self.occurred_at)
