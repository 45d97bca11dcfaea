"""What a gift's facts amount to: one pure, order-free derivation.

A fact is never taken back; the later word (`refund_failed` after `refunded`) is a further
fact. The status is a function of the *set* of facts, so evidence that comes late, twice or
in any order ends in the same place, and nothing that is believed is ever un-believed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portal.i18n import Labelled


class Status(Labelled):
    """Where a gift stands."""

    PENDING = "pending", "Pending"
    PROCESSING = "processing", "Processing"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"
    PARTLY_PAID = "partly_paid", "Partly paid"
    PAID = "paid", "Paid"
    PARTLY_REFUNDED = "partly_refunded", "Partly refunded"
    REFUNDED = "refunded", "Refunded"
    DISPUTED = "disputed", "Disputed"
    CHARGED_BACK = "charged_back", "Charged back"

    @property
    def is_received(self) -> bool:
        """Whether the money has come, whatever happened to it since."""
        return self in RECEIVED

    @property
    def is_open(self) -> bool:
        """Whether the donor can still pay it."""
        return self in {Status.PENDING, Status.FAILED, Status.EXPIRED, Status.PARTLY_PAID}


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
    """What a piece of evidence says.

    `withdrawn` takes a payment's evidence back: it was another gift's, or the bank returned
    it. `settled` is a person's word that what came is all that will come. `reopened` says that
    an attempt which failed or ran out is no longer what counts: the gift is paid otherwise.
    """

    PROCESSING = "processing"
    FAILED = "failed"
    EXPIRED = "expired"
    REOPENED = "reopened"
    PAID = "paid"
    WITHDRAWN = "withdrawn"
    SETTLED = "settled"
    FEE = "fee"
    REFUND_PENDING = "refund_pending"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


class EventKind(Labelled):
    """What a line of a gift's history tells: every fact, and what was done about the gift."""

    STARTED = "started", "Gift started"
    CODE_APPLIED = "code_applied", "Code applied"
    HANDED_OFF = "handed_off", "Sent to the pay page"
    HAND_OFF_FAILED = "hand_off_failed", "The pay page could not be opened"
    PROCESSING = "processing", "Payment on its way"
    FAILED = "failed", "Payment failed"
    EXPIRED = "expired", "Not paid in time"
    REOPENED = "reopened", "Open again"
    MODE_CHANGED = "mode_changed", "Another mode of payment chosen"
    CONTACT_CORRECTED = "contact_corrected", "Donor’s details corrected"
    DONOR_SAYS_PAID = "giver_says_paid", "The donor says they have paid"
    PROOF_SENT = "proof_sent", "Proof of payment sent"
    REMINDERS_STOPPED = "reminders_stopped", "Reminders stopped"
    PAID = "paid", "Paid"
    WITHDRAWN = "withdrawn", "Payment undone"
    SETTLED = "settled", "Accepted as paid in full"
    FEE = "fee", "Fee known"
    REFUND_REQUESTED = "refund_requested", "Refund requested"
    REFUND_PENDING = "refund_pending", "Refund on its way"
    REFUNDED = "refunded", "Refunded"
    REFUND_FAILED = "refund_failed", "Refund failed"
    DISPUTE_OPENED = "dispute_opened", "Dispute opened"
    DISPUTE_WON = "dispute_won", "Dispute won"
    DISPUTE_LOST = "dispute_lost", "Dispute lost"
    RECEIPT_SENT = "receipt_sent", "Receipt sent"
    LETTER_SENT = "letter_sent", "Letter sent"
    RENEWAL_FAILED = "renewal_failed", "Monthly payment failed"
    MONTHLY_STOP_REQUESTED = "monthly_stop_requested", "Ending of the monthly gift requested"
    DONOR_FORGOTTEN = "donor_forgotten", "Donor forgotten, as they asked"
    MONTHLY_CHANGE_REQUESTED = "monthly_change_requested", "Change of the monthly gift requested"
    MONTHLY_CHANGED = "monthly_changed", "Monthly gift changed"
    MONTHLY_ENDED = "monthly_ended", "Monthly gift ended"
    SUBSCRIPTION_ENDED = "subscription_ended", "Earlier subscription ended for a new one"
    UNATTRIBUTED = "unattributed", "Money arrived without a gift"
    MONEY_DIFFERS = "money_differs", "The amount that came is not the amount promised"


@dataclass(frozen=True, slots=True)
class Fact:
    """`kind`, said of `subject` (a payment, refund or dispute), over `minor` units, as of `at`."""

    kind: FactKind
    subject: str
    minor: int = 0
    currency: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A gift's facts, counted. `owed_minor` is what a full refund gives back: a gift paid
    twice and refunded once is still paid. `refunded_minor` is all that went back: refunds that
    stand, and `lost_minor`, which the bank took in disputes. `received_at` is when the last of
    its money came.
    """

    owed_minor: int
    paid_minor: int
    paid: bool
    partly_paid: bool
    processing: bool
    failed: bool
    expired: bool
    refunded_minor: int
    lost_minor: int
    disputed: bool
    received_at: datetime | None = None

    @property
    def is_all_back(self) -> bool:
        """Whether nothing of the gift is left, by refunds, disputes or both."""
        return self.refunded_minor >= self.owed_minor

    @property
    def status(self) -> Status:
        """The first line of the table that holds."""
        return next(status for status, holds in TABLE if holds(self))


TABLE: tuple[tuple[Status, Callable[[Standing], bool]], ...] = (
    (Status.CHARGED_BACK, lambda s: s.is_all_back and s.lost_minor > 0),
    (Status.REFUNDED, lambda s: s.is_all_back),
    (Status.DISPUTED, lambda s: s.disputed),
    (Status.PARTLY_REFUNDED, lambda s: s.refunded_minor > 0),
    (Status.PAID, lambda s: s.paid),
    (Status.PARTLY_PAID, lambda s: s.partly_paid),
    (Status.PROCESSING, lambda s: s.processing),
    (Status.FAILED, lambda s: s.failed),
    (Status.EXPIRED, lambda s: s.expired),
    (Status.PENDING, lambda _: True),
)


def weigh(amount_minor: int, facts: Iterable[Fact]) -> Standing:
    """Count a gift's facts; `amount_minor` is what was promised."""
    facts = tuple(facts)
    about = {kind: {fact.subject for fact in facts if fact.kind is kind} for kind in FactKind}
    over = about[FactKind.PAID] | about[FactKind.FAILED]
    # A later word about a refund or a dispute implies that there was one, and so a payment.
    implied = any(about[kind] for kind in AFTER_PAYMENT)
    closed = about[FactKind.DISPUTE_WON] | about[FactKind.DISPUTE_LOST]
    withdrawn = about[FactKind.WITHDRAWN]
    paid_minor = _sum(facts, FactKind.PAID, withdrawn)
    lost_minor = _sum(facts, FactKind.DISPUTE_LOST, set())
    is_enough = paid_minor >= amount_minor or bool(about[FactKind.SETTLED] - withdrawn)
    return Standing(
        owed_minor=paid_minor or amount_minor,
        paid_minor=paid_minor,
        paid=implied or (paid_minor > 0 and is_enough),
        partly_paid=paid_minor > 0,
        processing=bool(about[FactKind.PROCESSING] - over),
        failed=bool(about[FactKind.FAILED] - about[FactKind.REOPENED]),
        expired=bool(about[FactKind.EXPIRED] - about[FactKind.REOPENED]),
        refunded_minor=lost_minor + _sum(facts, FactKind.REFUNDED, about[FactKind.REFUND_FAILED]),
        lost_minor=lost_minor,
        disputed=bool(about[FactKind.DISPUTE_OPENED] - closed),
        received_at=_latest(facts, withdrawn),
    )


def _latest(facts: tuple[Fact, ...], withdrawn: set[str]) -> datetime | None:
    """When the last payment that stands came: no receipt says that money came before it did."""
    moments = (
        fact.at for fact in facts if fact.kind is FactKind.PAID and fact.subject not in withdrawn
    )
    return max(filter(None, moments), default=None)


def _sum(facts: tuple[Fact, ...], kind: FactKind, without: set[str]) -> int:
    """What the facts of a kind come to, each subject once, without those taken back."""
    amounts = {fact.subject: fact.minor for fact in facts if fact.kind is kind}
    return sum(minor for subject, minor in amounts.items() if subject not in without)


AFTER_PAYMENT = frozenset(
    {
        FactKind.REFUND_PENDING,
        FactKind.REFUNDED,
        FactKind.REFUND_FAILED,
        FactKind.DISPUTE_OPENED,
        FactKind.DISPUTE_WON,
        FactKind.DISPUTE_LOST,
    }
)
