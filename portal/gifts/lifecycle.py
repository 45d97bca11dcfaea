"""What a gift's facts amount to: one pure, order-free derivation.

A fact is never taken back; the later word (`refund_failed` after `refunded`) is a further
fact. The status is a function of the *set* of facts, so evidence that comes late, twice or
in any order ends in the same place, and nothing that is believed is ever un-believed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Where a gift stands."""

    PENDING = "pending"
    PROCESSING = "processing"
    FAILED = "failed"
    EXPIRED = "expired"
    PAID = "paid"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    CHARGED_BACK = "charged_back"

    @property
    def is_received(self) -> bool:
        """Whether the money has come, whatever happened to it since."""
        return self in RECEIVED

    @property
    def is_open(self) -> bool:
        """Whether the donor can still pay it."""
        return self in {Status.PENDING, Status.FAILED, Status.EXPIRED}


RECEIVED = frozenset(
    {
        Status.PAID,
        Status.PARTLY_REFUNDED,
        Status.REFUNDED,
        Status.DISPUTED,
        Status.CHARGED_BACK,
    }
)


class FactKind(StrEnum):
    """What a piece of evidence says."""

    PROCESSING = "processing"
    FAILED = "failed"
    EXPIRED = "expired"
    PAID = "paid"
    FEE = "fee"
    REFUND_PENDING = "refund_pending"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


@dataclass(frozen=True, slots=True)
class Fact:
    """`kind`, said of `subject` (a payment, refund or dispute), over `minor` units."""

    kind: FactKind
    subject: str
    minor: int = 0
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A gift's facts, counted. `owed_minor` is what a full refund gives back: a gift paid
    twice and refunded once is still paid.
    """

    owed_minor: int
    paid: bool
    processing: bool
    failed: bool
    expired: bool
    refunded_minor: int
    disputed: bool
    charged_back: bool

    @property
    def status(self) -> Status:
        """The first line of the table that holds."""
        return next(status for status, holds in TABLE if holds(self))


TABLE: tuple[tuple[Status, Callable[[Standing], bool]], ...] = (
    (Status.CHARGED_BACK, lambda s: s.charged_back),
    (Status.REFUNDED, lambda s: s.refunded_minor >= s.owed_minor),
    (Status.DISPUTED, lambda s: s.disputed),
    (Status.PARTLY_REFUNDED, lambda s: s.refunded_minor > 0),
    (Status.PAID, lambda s: s.paid),
    (Status.PROCESSING, lambda s: s.processing),
    (Status.FAILED, lambda s: s.failed),
    (Status.EXPIRED, lambda s: s.expired),
    (Status.PENDING, lambda _: True),
)


def weigh(amount_minor: int, facts: Iterable[Fact]) -> Standing:
    """Count a gift's facts; `amount_minor` is what was promised."""
    facts = tuple(facts)
    about = {kind: {fact.subject for fact in facts if fact.kind is kind} for kind in FactKind}
    settled = about[FactKind.PAID] | about[FactKind.FAILED]
    # A later word about a refund or a dispute implies that there was one, and so a payment.
    disputes = about[FactKind.DISPUTE_OPENED] | about[FactKind.DISPUTE_LOST]
    refunds = {
        fact.subject: fact.minor
        for fact in facts
        if fact.kind is FactKind.REFUNDED and fact.subject not in about[FactKind.REFUND_FAILED]
    }
    paid_minor = sum(fact.minor for fact in facts if fact.kind is FactKind.PAID)
    return Standing(
        owed_minor=max(amount_minor, paid_minor),
        paid=any(about[kind] for kind in FactKind if kind not in UNPAID),
        processing=bool(about[FactKind.PROCESSING] - settled),
        failed=bool(about[FactKind.FAILED]),
        expired=bool(about[FactKind.EXPIRED]),
        refunded_minor=sum(refunds.values()),
        disputed=bool(disputes - about[FactKind.DISPUTE_WON]),
        charged_back=bool(about[FactKind.DISPUTE_LOST]),
    )


UNPAID = frozenset({FactKind.PROCESSING, FactKind.FAILED, FactKind.EXPIRED})
