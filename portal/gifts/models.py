"""Gifts, monthly plans, evidence, events and the ledger.

Evidence, events and ledger entries are only ever added; database triggers
(migrations) hold that line on both engines.
"""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, column_property, mapped_column

from portal.database import Base, BigId, Document, by_prefix, enum_column, partial_index
from portal.donors import Donor
from portal.gifts.evidence import PROVIDER_LENGTH, Provider
from portal.gifts.lifecycle import EventKind, FactKind, Status
from portal.gifts.progress import Rhythm
from portal.i18n import Labelled
from portal.money import Money
from portal.plain import full_name


class SubscriptionState(StrEnum):
    """What a plan makes of a subscription: its own, heard of beside that, or over for another."""

    FOLLOWED = "followed"
    BESIDE = "beside"
    SUPERSEDED = "superseded"


class Subscription(Base):
    """What a provider charges a plan by: one is followed, and every other that was heard of.

    One beside the plan's own may charge too, until it is ended. `ended_at` is when it was known
    to be over; one that ended with its plan is followed still.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        sa.UniqueConstraint("provider", "stripe_id"),
        partial_index(
            "uq_subscriptions_followed", "plan_id", where="state = 'followed'", unique=True
        ),
        sa.CheckConstraint("state IN ('followed', 'beside', 'superseded')", name="state_known"),
        sa.CheckConstraint("state <> 'superseded' OR ended_at IS NOT NULL", name="end_dated"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    provider: Mapped[Provider] = mapped_column(sa.String(PROVIDER_LENGTH))
    stripe_id: Mapped[str] = mapped_column(sa.String(80))
    plan_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("plans.id"), index=True)
    state: Mapped[SubscriptionState] = enum_column(SubscriptionState, 12)
    heard_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class PlanStatus(Labelled):
    """Where a monthly promise stands."""

    PENDING = "pending", "Not begun"
    ACTIVE = "active", "Goes on"
    PAST_DUE = "past_due", "Last payment failed"
    PAUSED = "paused", "Paused"
    CANCELLED = "cancelled", "Ended"


class Plan(Base):
    """A monthly promise, carried by one subscription; each charge is its own gift.

    `stripe_subscription_id` is the one it follows, at its `provider`; that, the status and all
    that the provider says of the plan are of this one.
    """

    __tablename__ = "plans"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    donor_id: Mapped[int] = mapped_column(sa.ForeignKey(Donor.id), index=True)
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str] = mapped_column(sa.String(3))
    status: Mapped[PlanStatus] = enum_column(PlanStatus, 20)
    stripe_subscription_id: Mapped[str | None] = column_property(
        sa.select(Subscription.stripe_id)
        .where(Subscription.plan_id == id, Subscription.state == SubscriptionState.FOLLOWED)
        .correlate_except(Subscription)
        .scalar_subquery()
    )
    provider: Mapped[Provider | None] = column_property(
        sa.select(Subscription.provider)
        .where(Subscription.plan_id == id, Subscription.state == SubscriptionState.FOLLOWED)
        .correlate_except(Subscription)
        .scalar_subquery()
    )
    stripe_customer_id: Mapped[str | None] = mapped_column(sa.String(64))
    stripe_changed_at: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    cancel_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    @property
    def money(self) -> Money:
        """What each month brings."""
        return Money(self.amount_minor, self.currency)

    @property
    def running(self) -> str | None:
        """The subscription that goes on, by Stripe's id; none before it began or after its end."""
        return None if self.status == PlanStatus.CANCELLED else self.stripe_subscription_id


class Gift(Base):
    """One gift: what was promised, by whom, and where it stands.

    `amount_minor` is all the donor promises; `cover_minor` the part of it that covers the fee.
    `paid_minor` is what came, nothing taken off; `received_at` when the last of it came,
    and `received_on` the day that was where its issuer is, as receipts have it;
    `refunded_minor` what went back of it, by refunds and by disputes that were lost.
    `origin` names what made it where no donor did, once; `is_unattributed` says that it only
    stands for money that nobody promised; `is_counted` that the uses of its code are limited;
    `is_matched` that a pot adds to it, `is_only_acknowledged` that others give its
    receipt, `has_particulars` that its receipt says more than the money. What a booking changes
    is in none of its indexes, so that it writes none of them: `GiftStanding` has the status.
    """

    __tablename__ = "gifts"
    __table_args__ = (
        sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
        sa.CheckConstraint("cover_minor >= 0 AND cover_minor < amount_minor", name="cover_part"),
        sa.CheckConstraint("refunded_minor >= 0", name="refunded_not_negative"),
        sa.Index("ix_gifts_code_created_at_id", "code", "created_at", "id"),
        sa.Index("ix_gifts_region_created_at_id", "region", "created_at", "id"),
        sa.Index("ix_gifts_mode_created_at_id", "mode", "created_at", "id"),
        sa.Index("ix_gifts_fund_created_at_id", "fund", "created_at", "id"),
        sa.Index("ix_gifts_created_at_id", "created_at", "id"),
        sa.Index("ix_gifts_amount", "currency", "amount_minor", "created_at", "id"),
        sa.Index("ix_gifts_email_created_at_id", "email", "created_at", "id"),
        sa.Index("ix_gifts_search_name_created_at_id", "search_name", "created_at", "id"),
        sa.Index("ix_gifts_given_name_created_at_id", "given_name", "created_at", "id"),
        sa.Index("ix_gifts_fingerprint_created_at", "fingerprint", "created_at"),
        {"postgresql_with": {"fillfactor": 80}},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    reference: Mapped[str] = mapped_column(sa.String(16), unique=True)
    origin: Mapped[str | None] = mapped_column(sa.String(80), unique=True)
    is_unattributed: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    is_counted: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    is_matched: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    is_only_acknowledged: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    has_particulars: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    plan_id: Mapped[int | None] = mapped_column(sa.ForeignKey("plans.id"), index=True)
    donor_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Donor.id), index=True)

    region: Mapped[str] = mapped_column(sa.String(20))
    fund: Mapped[str] = mapped_column(sa.String(40))
    code: Mapped[str | None] = mapped_column(sa.String(40))
    partner: Mapped[str | None] = mapped_column(sa.String(40))
    mode: Mapped[str] = mapped_column(sa.String(20))
    frequency: Mapped[str] = mapped_column(sa.String(12))
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    cover_minor: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    currency: Mapped[str] = mapped_column(sa.String(3))

    first_name: Mapped[str] = mapped_column(sa.String(100), default="")
    last_name: Mapped[str] = mapped_column(sa.String(100), default="")
    email: Mapped[str] = mapped_column(by_prefix(254), default="")
    search_name: Mapped[str] = mapped_column(by_prefix(210), default="")
    given_name: Mapped[str] = mapped_column(by_prefix(110), default="")
    address_line1: Mapped[str] = mapped_column(sa.String(200), default="")
    address_line2: Mapped[str] = mapped_column(sa.String(200), default="")
    city: Mapped[str] = mapped_column(sa.String(100), default="")
    province: Mapped[str] = mapped_column(sa.String(100), default="")
    postal_code: Mapped[str] = mapped_column(sa.String(20), default="")
    country: Mapped[str] = mapped_column(sa.String(2), default="")
    locale: Mapped[str] = mapped_column(sa.String(12), default="en")
    dedication: Mapped[str] = mapped_column(sa.String(300), default="")
    anonymous: Mapped[bool] = mapped_column(default=False)

    status: Mapped[Status] = enum_column(Status, 20, default=Status.PENDING)
    paid_minor: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    refunded_minor: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    fee_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    fee_currency: Mapped[str | None] = mapped_column(sa.String(3))
    fingerprint: Mapped[str | None] = mapped_column(sa.String(64))
    created_at: Mapped[datetime]
    received_at: Mapped[datetime | None]
    received_on: Mapped[date | None]

    @property
    def money(self) -> Money:
        """All the donor promises."""
        return Money(self.amount_minor, self.currency)

    @property
    def received(self) -> Money:
        """What came, by all payments that stand; refunds are not taken off."""
        return Money(self.paid_minor, self.currency)

    @property
    def due(self) -> Money:
        """What is left to pay of what was promised."""
        return Money(max(self.amount_minor - self.paid_minor, 0), self.currency)

    @property
    def cover(self) -> Money:
        """The part of it that covers the processing fee."""
        return Money(self.cover_minor, self.currency)

    @property
    def refunded(self) -> Money:
        """What went back, given by us or taken by the bank."""
        return Money(self.refunded_minor, self.currency)

    @property
    def name(self) -> str:
        return full_name(self.first_name, self.last_name)


class GiftStanding(Base):
    """Where a gift stands, once more and narrow, for the index that lists walk along.

    Triggers on `gifts` keep it (migrations); nothing else writes it.
    """

    __tablename__ = "gift_standing"
    __table_args__ = (
        sa.Index("ix_gift_standing_status_created_at_gift_id", "status", "created_at", "gift_id"),
        {"postgresql_with": {"fillfactor": 80}},
    )

    gift_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    status: Mapped[Status] = enum_column(Status, 20)
    created_at: Mapped[datetime]


class GiftWord(Base):
    """A word by which a gift's donor is found (`portal.gifts.references`).

    A word's gifts stand in the order of the list.
    """

    __tablename__ = "gift_words"
    __table_args__ = (
        sa.Index("ix_gift_words_gift_id_word", "gift_id", "word"),
        {"sqlite_with_rowid": False},
    )

    word: Mapped[str] = mapped_column(by_prefix(60), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(primary_key=True)
    gift_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("gifts.id"), primary_key=True)


class Evidence(Base):
    """Why something is believed of a gift: Stripe's object, a bank line or a person's word.

    `key` names the effect (`paid:pi_…`), so that one effect told twice is stored once;
    `subject` is the payment, refund or dispute it speaks of; `payment` what a refund or dispute
    takes from. `detail` is for people, and decides nothing.
    """

    __tablename__ = "evidence"
    __table_args__ = (sa.Index("ix_evidence_gift_id", "gift_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(120), unique=True)
    gift_id: Mapped[int] = mapped_column(sa.ForeignKey("gifts.id"))
    source: Mapped[str] = mapped_column(sa.String(20))
    fact: Mapped[FactKind] = enum_column(FactKind, 30)
    subject: Mapped[str] = mapped_column(sa.String(80))
    payment: Mapped[str | None] = mapped_column(sa.String(80))
    amount_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    currency: Mapped[str | None] = mapped_column(sa.String(3))
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))
    detail: Mapped[Document]


class GiftEvent(Base):
    """One line of a gift's history: what happened, by whom and why, and the status it left."""

    __tablename__ = "gift_events"
    __table_args__ = (sa.Index("ix_gift_events_gift_id", "gift_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    gift_id: Mapped[int] = mapped_column(sa.ForeignKey("gifts.id"))
    evidence_id: Mapped[int | None] = mapped_column(sa.ForeignKey("evidence.id"))
    kind: Mapped[EventKind] = enum_column(EventKind, 40)
    status: Mapped[Status] = enum_column(Status, 20)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))
    why: Mapped[str] = mapped_column(sa.String(300), default="")
    data: Mapped[Document]


class LedgerEntry(Base):
    """An amount moved from one account to another: balanced by its very form.

    `key` names the movement (`refund:re_…`), so that no evidence moves money twice.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
        sa.CheckConstraint("debit_account <> credit_account", name="two_accounts"),
        sa.Index("ix_ledger_entries_gift_id", "gift_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(120), unique=True)
    gift_id: Mapped[int] = mapped_column(sa.ForeignKey("gifts.id"))
    evidence_id: Mapped[int] = mapped_column(sa.ForeignKey("evidence.id"))
    debit_account: Mapped[str] = mapped_column(sa.String(60))
    credit_account: Mapped[str] = mapped_column(sa.String(60))
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str] = mapped_column(sa.String(3))
    booked_at: Mapped[datetime]


class DaySum(Base):
    """What moved on one day, in minor units; `portal.gifts.day_sums` says how it is kept.

    `day` is by the calendar of the region's issuer, `kind` of `portal.gifts.day_sums.DayKind`.
    """

    __tablename__ = "day_sums"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - as SQLAlchemy wants it

    kind: Mapped[str] = mapped_column(sa.String(12), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(sa.String(3), primary_key=True)
    region: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    minor: Mapped[int] = mapped_column(sa.BigInteger)


class DayChange(Base):
    """What one booking changed of a day's sum, until that is added to it."""

    __tablename__ = "day_changes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(12))
    day: Mapped[date]
    currency: Mapped[str] = mapped_column(sa.String(3))
    region: Mapped[str] = mapped_column(sa.String(20))
    minor: Mapped[int] = mapped_column(sa.BigInteger)


class Commitment(Base):
    """What users call a pledge: so much, so often, within a span, of a donor or of a partner.

    A donor's is fulfilled by gifts of that address, a partner's by those under it (`scope_id`) or
    by its code (`code_id`); where a donor's names a partner or a code, by gifts of both. `fund`
    is empty where any will do.
    """

    __tablename__ = "commitments"
    __table_args__ = (
        sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
        sa.CheckConstraint("until IS NULL OR until >= since", name="span_forward"),
        sa.CheckConstraint(
            "donor_id IS NOT NULL OR scope_id IS NOT NULL OR code_id IS NOT NULL",
            name="of_somebody",
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    donor_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Donor.id), index=True)
    scope_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("scopes.id"), index=True)
    code_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("codes.id"), index=True)
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str] = mapped_column(sa.String(3))
    rhythm: Mapped[Rhythm] = enum_column(Rhythm, 10)
    since: Mapped[date]
    until: Mapped[date | None]
    fund: Mapped[str] = mapped_column(sa.String(40), default="")
    note: Mapped[str] = mapped_column(sa.String(300), default="")
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]


class CommitmentChange(Base):
    """One line of a commitment's history: what it said from then on; only ever added."""

    __tablename__ = "commitment_changes"
    __table_args__ = (sa.Index("ix_commitment_changes_commitment_id", "commitment_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    commitment_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("commitments.id"))
    what: Mapped[str] = mapped_column(sa.String(10))
    said: Mapped[Document]
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))
