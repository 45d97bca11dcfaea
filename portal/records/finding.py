"""Which gifts a search finds, as statements that are made once for all searches of one shape."""

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, aliased

from portal.database import Document
from portal.gifts.evidence import name_of
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence, Gift, GiftWord, Subscription
from portal.payments.models import Checkout, StripeEvent, StripeLink
from portal.receipts.register import Receipt, ReceiptGift, ReceiptSeries
from portal.records.filters import Search, bind
from portal.records.stretches import Bounds

# How many gifts that only begin like the text one search looks at, or have its only word.
MOST_BEGINNINGS = 1_000
# How many that have the longest of its words, where each is asked for the others.
MOST_COMPARED = 250

# No text goes beyond this character.
LAST = "\U0010ffff"

Ids = sa.Select[*tuple[Any, ...]]
Column = InstrumentedAttribute[Any]


class SearchShape(NamedTuple):
    """Which parts a search has, and how many: searches of one shape share their statements."""

    reference: bool
    receipt: bool
    providers: int
    amounts: int
    email: bool
    names: int
    given: bool
    words: tuple[int, ...]


def shape_of(search: Search) -> SearchShape:
    return SearchShape(
        reference=search.reference is not None,
        receipt=search.receipt is not None,
        providers=len(search.providers) if search.provider_id else 0,
        amounts=len(search.amounts),
        email=bool(search.email),
        names=len(search.names),
        given=bool(search.given),
        words=tuple(map(len, _sort_words(search))),
    )


def _sort_words(search: Search) -> list[list[str]]:
    """The longest word first, which is the rarest."""
    words = sorted(filter(None, search.words), key=lambda word: -max(map(len, word)))
    return [sorted(spellings) for spellings in words]


def search_values(search: Search) -> Document:
    """What statements of the search's shape are run with, by their names there."""
    values: Document = {"reference": search.reference, "provider_id": search.provider_id}
    values["year"], values["number"] = search.receipt or (None, None)
    for at, money in enumerate(search.amounts):
        values |= {f"currency{at}": money.currency, f"amount{at}": money.minor}
    for at, provider in enumerate(search.providers if search.provider_id else ()):
        values[f"provider{at}"] = provider
        for fact in FactKind:
            values[f"key{at}_{fact}"] = f"{fact}:{name_of(provider, search.provider_id or '')}"
    for name, prefix in _list_prefixes(search):
        values |= {name: prefix, name + END: prefix + LAST}
    return values


def _list_prefixes(search: Search) -> Iterator[tuple[str, str]]:
    """Texts that a column may begin with."""
    yield "email", search.email or ""
    yield "given", search.given
    for at, name in enumerate(search.names):
        yield f"name{at}", name
    for at, spellings in enumerate(_sort_words(search)):
        for nth, spelling in enumerate(spellings):
            yield f"word{at}_{nth}", spelling


# Names the first text that doesn't begin so any more.
END = "_end"


def same_as(shape: SearchShape) -> Iterator[Ids]:
    """Gifts that fit exactly and may be many; in no order, so that a caller sets one."""
    for at in range(shape.amounts):
        yield _gifts(
            Gift.currency == bind(f"currency{at}", Gift.currency),
            Gift.amount_minor == bind(f"amount{at}", Gift.amount_minor),
        )
    for column, name in _list_beginnings(shape):
        yield _gifts(column == bind(name, column))


def known_by(shape: SearchShape) -> Iterator[Ids]:
    """The few gifts that carry an identifier."""
    if shape.reference:
        yield _gifts(Gift.reference == bind("reference", Gift.reference))
    if shape.receipt:
        yield _by_receipt()
    if shape.providers:
        yield from _by_provider_id(shape.providers)


def beginning_like(shape: SearchShape) -> Iterator[Ids]:
    """Gifts whose donor's name or address begins so, with their moments, in the text's order.

    One word of a name or of an address is among the words, which are looked through anyhow.
    """
    if shape.names and len(shape.words) == 1:
        return
    for column, name in _list_beginnings(shape):
        yield _beginning(column, name)


def _list_beginnings(shape: SearchShape) -> Iterator[tuple[Column, str]]:
    """Which columns may begin with what."""
    if shape.email:
        yield Gift.email, "email"
    for at in range(shape.names):
        yield Gift.search_name, f"name{at}"
    if shape.given:
        yield Gift.given_name, "given"


def having_words(shape: SearchShape) -> Iterator[Ids]:
    """Gifts whose donor's name or address has every word, or words that begin so: all of them."""
    if not shape.words:
        return
    first, *others = shape.words
    found = united([_has_word(f"word0_{nth}") for nth in range(first)]).subquery("found")
    gift_id: sa.ColumnClause[int] = sa.literal_column("found.gift_id")
    statement = sa.select(gift_id).select_from(found).distinct()
    for at, spellings in enumerate(others, 1):
        statement = statement.where(sa.exists(_same_gift(gift_id, at, spellings)))
    yield statement


def _has_word(name: str) -> Ids:
    return sa.select(GiftWord.gift_id).where(_begins(GiftWord.word, name))


def _same_gift(gift_id: Any, at: int, spellings: int) -> Ids:
    """Whether a gift has one of the spellings of another word too."""
    word = aliased(GiftWord)
    begins = sa.or_(*(_begins(word.word, f"word{at}_{nth}") for nth in range(spellings)))
    return sa.select(sa.literal_column("1")).where(word.gift_id == gift_id, begins)


def newest_like(shape: SearchShape, bounds: Bounds, shown: int) -> Iterator[Ids]:
    """The gifts of a page, or more, among those whose donor's name or address is like the search.

    Of each text some hundred entries of its index are looked through, which have the gifts'
    moments: so that no gift is read that the page doesn't show. `shown` says how many it may.
    """
    for entries in beginning_like(shape):
        yield _pick(entries.limit(MOST_BEGINNINGS), bounds, shown)
    if shape.words:
        first, *others = shape.words
        for nth in range(first):
            yield from _newest_with(f"word0_{nth}", others, bounds, shown)


def _newest_with(name: str, others: Sequence[int], bounds: Bounds, shown: int) -> Iterator[Ids]:
    """Gifts that have just this word in the list's order, and the first whose word begins so.

    Each of them is asked for the other words, one by one: a planner that thinks of joining them
    would read all gifts that have the others.
    """
    word, place = GiftWord.word, (GiftWord.created_at, GiftWord.gift_id)
    entries = sa.select(GiftWord.gift_id.label("id"), GiftWord.created_at)
    same = entries.where(word == bind(name, word), *bounds.conditions(place))
    most = MOST_COMPARED if others else MOST_BEGINNINGS
    longer = entries.where(_begins(word, name, operator.gt)).order_by(word, *place)
    in_order: Ids = bounds.ordered(same, place)
    yield _pick(in_order.limit(most if others else shown), bounds, shown, others)
    yield _pick(longer.limit(most), bounds, shown, others)


def _pick(entries: Ids, bounds: Bounds, shown: int, others: Sequence[int] = ()) -> Ids:
    """Those of some entries that are next in the list, and have the other words."""
    found = entries.subquery()
    place = found.c.created_at, found.c.id
    picked = sa.select(place[1]).where(*bounds.conditions(place))
    for at, spellings in enumerate(others, 1):
        picked = picked.where(sa.exists(_same_gift(place[1], at, spellings).offset(_NOTHING)))
    # Several words of one gift may begin alike.
    in_order: Ids = bounds.ordered(picked.group_by(*place), place)
    return in_order.limit(shown)


# What is offset, by nothing at all, PostgreSQL does not join.
_NOTHING: sa.ColumnClause[int] = sa.literal_column("0")


def _begins(
    column: Column, name: str, from_here: Callable[..., Any] = operator.ge
) -> sa.ColumnElement[bool]:
    return sa.and_(from_here(column, bind(name, column)), column < bind(name + END, column))


def begins_too_often(shape: SearchShape) -> sa.Select[bool] | None:
    """Whether more gifts begin so than one search looks at; None where none can."""
    beyond = [
        sa.exists(_beginning(column, name).offset(MOST_BEGINNINGS).limit(1))
        for column, name in _list_beginnings(shape)
    ]
    return sa.select(sa.or_(*beyond)) if beyond else None


def united(statements: Sequence[Ids]) -> Ids:
    """The ids of them all.

    Each selects one column, so that a star is enough: naming it took as long as all the rest.
    """
    parts = (sa.select(_STAR).select_from(statement.subquery()) for statement in statements)
    return sa.select(_STAR).select_from(sa.union_all(*parts).subquery())


_STAR: sa.ColumnClause[Any] = sa.literal_column("*")


def _gifts(*conditions: sa.ColumnElement[bool]) -> Ids:
    return sa.select(Gift.id).where(*conditions)


def _beginning(column: Column, name: str) -> Ids:
    between = _begins(column, name, operator.gt)
    entries = sa.select(Gift.id, Gift.created_at).where(between)
    return entries.order_by(column, Gift.created_at, Gift.id)


def _by_receipt() -> Ids:
    year, number = bind("year", Receipt.year), bind("number", Receipt.number)
    issuers = sa.select(ReceiptSeries.issuer).where(ReceiptSeries.year == year)
    return (
        sa.select(ReceiptGift.gift_id)
        .join(Receipt, Receipt.id == ReceiptGift.receipt_id)
        .where(Receipt.issuer.in_(issuers), Receipt.year == year, Receipt.number == number)
    )


def _by_provider_id(providers: int) -> Iterator[Ids]:
    """By what was linked, handed off, told or booked; each is a look into one index."""

    def belongs(model: Any, column: Column) -> sa.ColumnElement[bool]:
        names = [bind(f"provider{at}", model.provider) for at in range(providers)]
        return sa.and_(model.provider.in_(names), column == bind("provider_id", column))

    yield sa.select(StripeLink.gift_id).where(belongs(StripeLink, StripeLink.stripe_id))
    yield sa.select(Checkout.gift_id).where(belongs(Checkout, Checkout.stripe_session_id))
    yield sa.select(StripeEvent.gift_id).where(
        belongs(StripeEvent, StripeEvent.stripe_event_id), StripeEvent.gift_id.is_not(None)
    )
    plan = sa.select(Subscription.plan_id).where(belongs(Subscription, Subscription.stripe_id))
    yield _gifts(Gift.plan_id.in_(plan))
    keys = [bind(f"key{at}_{fact}", Evidence.key) for at in range(providers) for fact in FactKind]
    yield sa.select(Evidence.gift_id).where(Evidence.key.in_(keys))
