"""Finding gifts."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import table_of
from portal.donors import Own
from portal.driver import ask
from portal.gifts.code_sums import CodeSum
from portal.gifts.code_weighing import ALL, CODE
from portal.gifts.lifecycle import Fact, FactKind, weigh
from portal.gifts.models import (
    Evidence,
    Gift,
    GiftEvent,
    LedgerEntry,
    Plan,
    Subscription,
    SubscriptionState,
)
from portal.money import Money


def find_gift_by_token(session: Session, token: str) -> Gift | None:
    """The gift of a donor's own page."""
    return session.scalar(sa.select(Gift).where(Gift.token == token))


def find_gift_by_reference(session: Session, reference: str) -> Gift | None:
    """The gift of a canonical reference."""
    return session.scalar(sa.select(Gift).where(Gift.reference == reference))


def is_own(own: Own) -> sa.ColumnElement[bool]:
    """Whether a gift was given by a person; one that was never put down to a donor, by address."""
    by_address = sa.and_(Gift.donor_id.is_(None), Gift.email.in_(own.emails))
    return sa.or_(Gift.donor_id.in_(own.donor_ids), by_address)


def find_plan(session: Session, gift: Gift) -> Plan | None:
    """The monthly promise a gift belongs to."""
    return session.get(Plan, gift.plan_id) if gift.plan_id else None


def is_superseded(session: Session, plan_id: int, subscription_id: str) -> bool:
    """Whether a subscription of a plan was ended for another."""
    over = sa.select(Subscription.id).where(
        Subscription.plan_id == plan_id,
        Subscription.stripe_id == subscription_id,
        Subscription.state == SubscriptionState.SUPERSEDED,
    )
    return session.scalar(over) is not None


def list_facts(session: Session, gift_id: int) -> list[Fact]:
    """All that is claimed of a gift."""
    return list(list_claimed(session, gift_id).values())


def list_claimed(session: Session, gift_id: int) -> dict[str, Fact]:
    """The same by the keys of its evidence."""
    return {
        key: Fact(FactKind(fact), subject, minor or 0, currency or "", at)
        for key, fact, subject, minor, currency, at in ask(
            session, _FACTS, {"wanted": gift_id}
        ).rows()
    }


def count_received(session: Session, gift: Gift) -> Money:
    """What has come for a gift so far, without what was taken back; refunds aside."""
    standing = weigh(gift.amount_minor, list_facts(session, gift.id))
    return Money(standing.paid_minor, gift.currency)


_EVIDENCE = table_of(Evidence).c
_FACTS = sa.select(
    _EVIDENCE.key,
    _EVIDENCE.fact,
    _EVIDENCE.subject,
    _EVIDENCE.amount_minor,
    _EVIDENCE.currency,
    _EVIDENCE.occurred_at,
).where(_EVIDENCE.gift_id == sa.bindparam("wanted"))


def select_payments(gift_id: int) -> sa.Select[Evidence]:
    """A gift's payments that stand: those that were taken back are left out."""
    taken_back = sa.select(Evidence.subject).where(
        Evidence.gift_id == gift_id, Evidence.fact == FactKind.WITHDRAWN.value
    )
    return sa.select(Evidence).where(
        Evidence.gift_id == gift_id,
        Evidence.fact == FactKind.PAID.value,
        Evidence.subject.not_in(taken_back),
    )


def list_gift_events(session: Session, gift_id: int) -> Sequence[GiftEvent]:
    """A gift's history, oldest first."""
    return session.scalars(
        sa.select(GiftEvent).where(GiftEvent.gift_id == gift_id).order_by(GiftEvent.id)
    ).all()


def list_ledger_entries(session: Session, gift_id: int) -> Sequence[LedgerEntry]:
    """A gift's movements of money, oldest first."""
    return session.scalars(
        sa.select(LedgerEntry).where(LedgerEntry.gift_id == gift_id).order_by(LedgerEntry.id)
    ).all()


def sum_code(session: Session, code_id: int) -> dict[str, int]:
    """What gifts by a code brought, in minor units by currency: received, less what went back.

    Promises count for nothing, and a refund or a lost dispute at once; it is the ledger's income.
    """
    rows = session.execute(
        sa.select(CodeSum.currency, CodeSum.gross - CodeSum.refunded).where(
            CodeSum.scope_id == ALL,
            CodeSum.dimension == CODE,
            CodeSum.key == str(code_id),
            CodeSum.gifts > 0,
        )
    )
    return {currency: int(minor) for currency, minor in rows}


def has_given(session: Session, donor_id: int) -> bool:
    """Whether a gift of this donor was ever received."""
    received = sa.exists().where(Gift.donor_id == donor_id, Gift.received_at.is_not(None))
    return bool(session.scalar(sa.select(received)))


def list_regions(session: Session) -> Iterator[str]:
    """The regions that gifts name, in order; one look into an index for each."""
    found = session.scalar(sa.select(sa.func.min(Gift.region)))
    while found is not None:
        yield found
        found = session.scalar(sa.select(sa.func.min(Gift.region)).where(Gift.region > found))
