"""Ways to find gifts by what was typed into the search box, each along one index."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from portal.gifts.models import Gift, GiftWord, Plan
from portal.payments.models import Checkout, StripeEvent, StripeLink
from portal.receipts.models import Receipt, ReceiptSeries
from portal.staff.searching import Search

# How many gifts that only begin like the text one search looks at.
MOST_BEGINNINGS = 1_000
# How many gifts that have its longest word.
MOST_WORDED = 2_000

Ids = sa.Select[Any]


def same_as(search: Search) -> Iterator[Ids]:
    """Gifts that fit exactly and may be many; in no order, so that a caller sets one."""
    for money in search.amounts:
        yield _gifts(Gift.currency == money.currency, Gift.amount_minor == money.minor)
    if search.email:
        yield _gifts(Gift.email == search.email)
    for name in search.names:
        yield _gifts(Gift.search_name == name)
    if search.given:
        yield _gifts(Gift.given_name == search.given)


def known_by(search: Search) -> Iterator[Ids]:
    """The few gifts that carry an identifier."""
    if search.reference:
        yield _gifts(Gift.reference == search.reference)
    if search.receipt:
        yield _by_receipt(*search.receipt)
    if search.stripe_id:
        yield from _by_stripe_id(search.stripe_id)


def beginning_like(search: Search) -> Iterator[Ids]:
    """Gifts whose giver's name or address begins so, in the order of the text."""
    if search.email:
        yield _beginning(Gift.email, search.email)
    for name in search.names:
        yield _beginning(Gift.search_name, name)
    if search.given:
        yield _beginning(Gift.given_name, search.given)


def having_words(search: Search, most: int | None = MOST_WORDED) -> Iterator[Ids]:
    """Gifts whose giver's name or address has every word, or words that begin so.

    The longest word is the rarest; of the gifts of each of its spellings, the newest `most` that
    have just that word and the first `most` whose word begins so are looked through.
    """
    words = sorted(filter(None, search.words), key=lambda word: -max(map(len, word)))
    if not words:
        return
    first, *others = words
    found = united([statement.limit(most) for statement in _driving(first)]).subquery()
    statement = sa.select(found.c[0]).distinct()
    for other in others:
        word = aliased(GiftWord)
        begins = sa.or_(*(_begins(word.word, spelling) for spelling in sorted(other)))
        statement = statement.where(sa.exists().where(word.gift_id == found.c[0], begins))
    yield statement


def _driving(spellings: frozenset[str]) -> Iterator[Ids]:
    """The gifts of one word, along the index; each statement has an order of its own."""
    word, gift_id = GiftWord.word, GiftWord.gift_id
    for spelling in sorted(spellings):
        yield sa.select(gift_id).where(word == spelling).order_by(gift_id.desc())
        yield sa.select(gift_id).where(_begins(word, spelling)).order_by(word, gift_id)


def _begins(column: InstrumentedAttribute[str], prefix: str) -> sa.ColumnElement[bool]:
    return sa.and_(column >= prefix, column < prefix + "\U0010ffff")


def begins_too_many(session: Session, search: Search) -> bool:
    """Whether more gifts begin so than one search looks at."""
    return any(
        session.scalar(statement.offset(MOST_BEGINNINGS).limit(1)) is not None
        for statement in beginning_like(search)
    )


def united(statements: Sequence[Ids]) -> Ids:
    """The ids of them all."""
    parts = [sa.select(statement.subquery().c[0]) for statement in statements]
    return sa.select(sa.union_all(*parts).subquery().c[0])


def _gifts(*conditions: sa.ColumnElement[bool]) -> Ids:
    return sa.select(Gift.id).where(*conditions)


def _beginning(column: InstrumentedAttribute[str], prefix: str) -> Ids:
    between = (column > prefix, column < prefix + "\U0010ffff")
    return _gifts(*between).order_by(column, Gift.created_at, Gift.id)


def _by_receipt(year: int, number: int) -> Ids:
    issuers = sa.select(ReceiptSeries.issuer).where(ReceiptSeries.year == year)
    return sa.select(Receipt.gift_id).where(
        Receipt.issuer.in_(issuers), Receipt.year == year, Receipt.number == number
    )


def _by_stripe_id(stripe_id: str) -> Iterator[Ids]:
    yield sa.select(StripeLink.gift_id).where(StripeLink.stripe_id == stripe_id)
    yield sa.select(Checkout.gift_id).where(Checkout.stripe_session_id == stripe_id)
    yield sa.select(StripeEvent.gift_id).where(
        StripeEvent.stripe_event_id == stripe_id, StripeEvent.gift_id.is_not(None)
    )
    plan = sa.select(Plan.id).where(Plan.stripe_subscription_id == stripe_id)
    yield _gifts(Gift.plan_id.in_(plan))
