"""Any order and repetition of a gift's evidence ends in the same ledger, status and receipt."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import count
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift, LedgerEntry
from portal.money import Money
from portal.payments.operations import accept
from portal.payments.stripe.reading import STRIPE
from tests.conftest import NOW
from tests.statements.clerk import Clerk
from tests.workplace import act_in

# What is said of one gift of CAD 75.53: the fact, the payment, its amount and its source.
TOLD = (
    (FactKind.EXPIRED, "gift", None, Source.PERSON),
    (FactKind.PAID, "a", 5000, Source.STATEMENT),
    (FactKind.PAID, "b", 2553, Source.STATEMENT),
    (FactKind.WITHDRAWN, "a", 5000, Source.STATEMENT),
    (FactKind.SETTLED, "b", None, Source.PERSON),
    (FactKind.PAID, "c", 8000, Source.STATEMENT),
    (FactKind.WITHDRAWN, "c", 8000, Source.STATEMENT),
    (FactKind.PAID, "pi", 7553, STRIPE),
    (FactKind.REFUNDED, "re", 1000, STRIPE),
)
EVERYTHING = range(len(TOLD))
_numbers = count(1)


def tell(clerk: Clerk, order: Iterable[int]) -> dict[str, Any]:
    """The books of a new gift after this was said of it in this order."""
    gift, number = clerk.promise(), next(_numbers)
    for index in order:
        with clerk.place.database.write() as session:
            accept(act_in(session, NOW, clerk.services), gift.id, [claim(index, number)])
    return books(clerk, clerk.gift(gift), number)


def claim(index: int, number: int) -> Claim:
    fact, subject, minor, source = TOLD[index]
    return Claim(
        fact=fact,
        subject=f"{subject}-{number}",
        occurred_at=NOW + timedelta(days=index),
        money=None if minor is None else Money(minor, "CAD"),
        source=source,
        actor="staff:1",
    )


def books(clerk: Clerk, gift: Gift, number: int) -> dict[str, Any]:
    with clerk.place.database.read() as session:
        entries = session.execute(
            sa.select(
                LedgerEntry.key,
                LedgerEntry.debit_account,
                LedgerEntry.credit_account,
                LedgerEntry.amount_minor,
            ).where(LedgerEntry.gift_id == gift.id)
        ).all()
    standing = clerk.standing(gift)
    return {
        "ledger": sorted((row[0].removesuffix(f"-{number}"), *row[1:]) for row in entries),
        "gift": (gift.status, gift.paid_minor, gift.refunded_minor, gift.received_at),
        "receipt": standing and standing.money,
    }


@st.composite
def tellings(draw: st.DrawFn) -> tuple[int, ...]:
    """Some of what may be said, in any order and some of it twice."""
    told = draw(st.lists(st.sampled_from(EVERYTHING), unique=True))
    again = draw(st.lists(st.sampled_from(told), max_size=6)) if told else []
    return tuple(draw(st.permutations([*told, *again])))


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(order=tellings())
@example(order=(8, 1))  # a refund of what was only a part
def test_any_order_and_repetition_ends_in_the_same_books(
    clerk: Clerk, order: tuple[int, ...]
) -> None:
    assert tell(clerk, order) == tell(clerk, sorted({*order}))
