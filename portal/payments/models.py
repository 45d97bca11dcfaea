"""What we keep of providers: hand-offs, the events they sent, and which of their objects is whose.

Each row says whose its ids are. The columns bear the name of the first provider; another one's
ids stand in them likewise.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, BigId, Document, enum_column
from portal.gifts.evidence import PROVIDER_LENGTH, Provider
from portal.gifts.models import Gift
from portal.i18n import Labelled
from portal.money import Money


class Installation(Base):
    """Which installation this is, in the one row that its migration made.

    Several may share an account at Stripe, and hear of each other's gifts.
    """

    __tablename__ = "installations"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    created_at: Mapped[datetime]


def find_installation(session: Session) -> str:
    """This installation's id, for the metadata of what it makes at Stripe."""
    return session.scalars(sa.select(Installation.id)).one()


class CheckoutState(StrEnum):
    """How far a hand-off is: `new` before its provider was asked, `refused` where it said no."""

    NEW = "new"
    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"
    REFUSED = "refused"


class Checkout(Base):
    """One hand-off of a gift to a provider's pay page, which names it `stripe_session_id`."""

    __tablename__ = "checkouts"
    __table_args__ = (
        sa.UniqueConstraint("provider", "stripe_session_id"),
        sa.Index("ix_checkouts_state_expires_at", "state", "expires_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    gift_id: Mapped[int] = mapped_column(sa.ForeignKey(Gift.id), index=True)
    provider: Mapped[Provider] = mapped_column(sa.String(PROVIDER_LENGTH))
    stripe_session_id: Mapped[str | None] = mapped_column(sa.String(80))
    url: Mapped[str] = mapped_column(sa.Text, default="")
    state: Mapped[CheckoutState] = enum_column(CheckoutState, 12)
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime]


class EventState(Labelled):
    """How far we are with an event of Stripe's."""

    PROCESSED = "processed", "Processed"
    IGNORED = "ignored", "Not needed"
    WAITING = "waiting", "Waiting"
    FAILED = "failed", "Failed"
    NOT_OURS = "not_ours", "Not ours"


class Problem(Labelled):
    """Why an event was not booked as it came; what the program stumbled over has its own name."""

    LIVEMODE = (
        "livemode",
        "It is of Stripe’s other mode: live, where this portal tests, or the reverse. "
        "Nothing was booked.",
    )
    UNREADABLE = (
        "unreadable",
        "Stripe signed it, but it is not as Stripe describes such events. Nothing was booked; "
        "see in Stripe’s own list what it was about.",
    )
    THIN = (
        "thin",
        "It is a thin event, which says that something changed and not what. Set the endpoint "
        "at Stripe to snapshot payloads.",
    )
    NO_GIFT = "no such gift", "It names no gift that is here."
    UNATTRIBUTED = "unattributed", "Its money was booked without a donor."
    NOT_A_GIFT = "not a gift of this portal", "It is about no gift of this portal."
    OTHER_INSTALLATION = (
        "another installation",
        "It names a gift of another installation that shares the account.",
    )
    OTHER_ACCOUNT = "another account", "It came for a connected account, whose money is not ours."


# Trying again changes nothing of these.
HOPELESS = frozenset({Problem.LIVEMODE, Problem.UNREADABLE, Problem.THIN})
# An event in one of these is applied once its gift is known: it waits, or was set aside.
MAY_WAIT = (EventState.WAITING, EventState.IGNORED, EventState.NOT_OURS)
DONE = frozenset({EventState.PROCESSED, EventState.IGNORED, EventState.NOT_OURS})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event."""

    state: EventState
    gift_id: int | None = None
    waits_for: str | None = None
    problem: str = ""

    @property
    def is_worth_another_try(self) -> bool:
        """Whether time, or what comes meanwhile, may help."""
        return self.state not in DONE and self.problem not in HOPELESS


class StripeEvent(Base):
    """An event as it came, stored before it is understood, and what became of it.

    `waits_for` is the Stripe object whose gift is not known yet.
    """

    __tablename__ = "stripe_events"
    __table_args__ = (
        sa.UniqueConstraint("provider", "stripe_event_id"),
        sa.Index("ix_stripe_events_waits_for", "waits_for"),
        sa.Index("ix_stripe_events_state_id", "state", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    provider: Mapped[Provider] = mapped_column(sa.String(PROVIDER_LENGTH))
    stripe_event_id: Mapped[str] = mapped_column(sa.String(80))
    type: Mapped[str] = mapped_column(sa.String(80))
    livemode: Mapped[bool]
    api_version: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]
    received_at: Mapped[datetime]
    payload: Mapped[Document]
    state: Mapped[EventState] = enum_column(EventState, 12)
    problem: Mapped[str] = mapped_column(sa.String(200), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    waits_for: Mapped[str | None] = mapped_column(sa.String(80))
    gift_id: Mapped[int | None] = mapped_column(sa.BigInteger, index=True)


class LinkKind(StrEnum):
    """What a link's id names."""

    CHECKOUT_SESSION = "checkout_session"
    PAYMENT_INTENT = "payment_intent"
    CHARGE = "charge"
    INVOICE = "invoice"
    SUBSCRIPTION = "subscription"
    REFUND = "refund"
    DISPUTE = "dispute"
    OTHER = "other"


class StripeLink(Base):
    """Which gift a payment intent, charge, invoice or session of a provider's belongs to."""

    __tablename__ = "stripe_links"

    stripe_id: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    provider: Mapped[Provider] = mapped_column(sa.String(PROVIDER_LENGTH), primary_key=True)
    kind: Mapped[LinkKind] = enum_column(LinkKind, 20, server_default="other")
    gift_id: Mapped[int] = mapped_column(sa.ForeignKey(Gift.id), index=True)


class RefundState(StrEnum):
    """How far a refund was asked for; what became of the money is told by evidence.

    One that was never answered, and of which its provider knows nothing, is `refused` as well.
    """

    ASKED = "asked"
    MADE = "made"
    REFUSED = "refused"


class Refund(Base):
    """A refund that staff ask for: committed before its provider is asked.

    `once` names the form, so that sent twice it is one refund; `payment` is the provider's id
    of what it takes from. All but the last two columns stay as they were asked for.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        sa.UniqueConstraint("gift_id", "once"),
        sa.UniqueConstraint("provider", "stripe_refund_id"),
        sa.UniqueConstraint("provider", "idempotency_key"),
        sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    gift_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey(Gift.id))
    once: Mapped[str] = mapped_column(sa.String(64))
    provider: Mapped[Provider] = mapped_column(sa.String(PROVIDER_LENGTH))
    payment: Mapped[str] = mapped_column(sa.String(80))
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str] = mapped_column(sa.String(3))
    reason: Mapped[str] = mapped_column(sa.String(300))
    actor: Mapped[str] = mapped_column(sa.String(80))
    asked_at: Mapped[datetime]
    idempotency_key: Mapped[str] = mapped_column(sa.String(80))
    state: Mapped[RefundState] = enum_column(RefundState, 12)
    stripe_refund_id: Mapped[str | None] = mapped_column(sa.String(80))

    @property
    def money(self) -> Money:
        """How much is to go back."""
        return Money(self.amount_minor, self.currency)


class Comparison(Base):
    """One look at Stripe for what the webhooks may have missed: when, and what it found."""

    __tablename__ = "comparisons"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    found: Mapped[Document]
