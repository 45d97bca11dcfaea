"""What a search box's text may mean: a reference, a receipt, money, an id, an address or a name."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from portal.database import table_of
from portal.driver import ask
from portal.gifts.evidence import BARE, Provider, name_of
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence, Gift, GiftWord, Subscription
from portal.gifts.operations import fold_name
from portal.gifts.references import clean_reference
from portal.gifts.words import ask_words
from portal.money import AmountError, Money, parse_amount
from portal.payments.models import Checkout, StripeEvent, StripeLink
from portal.receipts.register import Receipt, ReceiptSeries

LONGEST = 200
MOST_WORDS = 4

Currencies = tuple[str, ...]

_STRIPE_ID = re.compile(r"(?:pi|ch|py|cs|in|sub|re|pyr|dp|du|evt|cus)_\w+")
# Another provider's id, as far as it can be told from a word: long enough, and with a figure.
_ID = re.compile(r"(?=\D*\d)[\w.+/=~-]{6,60}")
_RECEIPT = re.compile(r"(\d{4})\s*[-–/ ]\s*(\d{1,9})")
_AMOUNT = re.compile(
    r"(?P<before>[A-Za-z]{3}|[$€£¥₦₹₩])?\s*"
    r"(?P<number>\d[\d\s.,']*)"
    r"(?P<after>[A-Za-z]{3}|[$€£¥₦₹₩])?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One reading of the text; exactly one field is set, or `names` with `given` and `email`.

    `words` are the same person's, each in its spellings (`portal.gifts.words`). An id is any of
    `providers`'; one that only may be an id stands beside a person.
    """

    reference: str | None = None
    receipt: tuple[int, int] | None = None
    provider_id: str | None = None
    providers: tuple[Provider, ...] = field(default=(), compare=False)
    amounts: tuple[Money, ...] = ()
    email: str | None = None
    names: tuple[str, ...] = ()
    given: str = ""
    words: tuple[frozenset[str], ...] = field(default=(), compare=False)


def read_search(
    text: str, currencies: Iterable[str], providers: Sequence[Provider] = (BARE,)
) -> Search | None:
    """What `text` asks for; None where it asks for nothing.

    `currencies` are those we take, `providers` all whose ids we may know.
    """
    text = " ".join(text[:LONGEST].split())
    if not text:
        return None
    named = _as_named_id(text, providers)
    readings = (read(text, tuple(currencies)) for read in READERS)
    found = named or next(reading for reading in readings if reading is not None)
    others = tuple(name for name in providers if name != BARE)
    if others and found.email and _ID.fullmatch(text):
        return replace(found, provider_id=text, providers=others)
    return found


def _as_named_id(text: str, providers: Sequence[Provider]) -> Search | None:
    """An id as the gift's page names another provider's: `name:id`."""
    name, joint, own_id = text.partition(":")
    found = tuple(one for one in providers if one == name)
    return Search(provider_id=own_id, providers=found) if joint and own_id and found else None


def _as_stripe_id(text: str, _currencies: Currencies) -> Search | None:
    if not _STRIPE_ID.fullmatch(text):
        return None
    return Search(provider_id=text, providers=(BARE,))


def _as_reference(text: str, _currencies: Currencies) -> Search | None:
    reference = clean_reference(text)
    return Search(reference=reference) if reference else None


def _as_amount(text: str, currencies: Currencies) -> Search | None:
    amounts = _read_amounts(text, currencies)
    return Search(amounts=amounts) if amounts else None


def _as_receipt(text: str, _currencies: Currencies) -> Search | None:
    label = read_receipt_label(text)
    return Search(receipt=label) if label else None


def _as_person(text: str, _currencies: Currencies) -> Search:
    email = None if " " in text else text.lower()
    if "@" in text:
        return Search(email=email, words=ask_words(text) if email else ())
    return Search(
        email=email, names=name_orders(text), given=fold_name(text, ""), words=ask_words(text)
    )


# In this order: what is surest first.
READERS: tuple[Callable[[str, Currencies], Search | None], ...] = (
    _as_stripe_id,
    _as_reference,
    _as_amount,
    _as_receipt,
    _as_person,
)


def read_receipt_label(text: str) -> tuple[int, int] | None:
    """Year and number of a receipt as people quote it: 2026-000417."""
    match = _RECEIPT.fullmatch(text.strip())
    return (int(match[1]), int(match[2])) if match else None


def name_orders(text: str) -> tuple[str, ...]:
    """A name as it is stored, last name first, for each word that may be the last name."""
    words = fold_name("", text).split()[:MOST_WORDS]
    turned = (" ".join(words[at:] + words[:at]) for at in range(len(words)))
    return tuple(dict.fromkeys(turned))


def _read_amounts(text: str, currencies: Currencies) -> tuple[Money, ...]:
    match = _AMOUNT.fullmatch(text)
    # A space between two figures that group no thousands is a receipt's, not an amount's.
    if not match or _RECEIPT.fullmatch(match["number"].strip()):
        return ()
    named = {sign.upper() for sign in (match["before"], match["after"]) if sign and sign.isalpha()}
    wanted = [currency for currency in currencies if not named or currency in named]
    return tuple(money for currency in wanted if (money := _read_amount(text, currency)))


def _read_amount(text: str, currency: str) -> Money | None:
    try:
        return parse_amount(re.sub(r"^[^\d]+|[^\d]+$", "", text), currency)
    except AmountError:
        return None


# How many gifts that only begin like the text one search looks at.
MOST_BEGINNINGS = 1_000
# How many gifts that have its longest word.
MOST_WORDED = 2_000

# No text goes beyond this character.
LAST = "\U0010ffff"

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
    if search.provider_id:
        yield from _by_provider_id(search.provider_id, search.providers)


def beginning_like(search: Search) -> Iterator[Ids]:
    """Gifts whose donor's name or address begins so, in the order of the text."""
    for name, prefix in _list_beginnings(search):
        yield _beginning(_GIFTS.c[name], prefix, prefix + LAST)


def _list_beginnings(search: Search) -> Iterator[tuple[str, str]]:
    """Which columns may begin with what."""
    if search.email:
        yield "email", search.email
    for name in search.names:
        yield "search_name", name
    if search.given:
        yield "given_name", search.given


def having_words(search: Search, most: int | None = MOST_WORDED) -> Iterator[Ids]:
    """Gifts whose donor's name or address has every word, or words that begin so.

    The longest word is the rarest; of the gifts of each of its spellings, the newest `most` that
    have just that word and the first `most` whose word begins so are looked through.
    """
    words = sorted(filter(None, search.words), key=lambda word: -max(map(len, word)))
    if not words:
        return
    first, *others = words
    found = united([statement.limit(most) for statement in _driving(first)]).subquery("found")
    gift_id: sa.ColumnClause[int] = sa.literal_column("found.gift_id")
    statement = sa.select(gift_id).select_from(found).distinct()
    for other in others:
        word = aliased(GiftWord)
        begins = sa.or_(*(_begins(word.word, spelling) for spelling in sorted(other)))
        statement = statement.where(sa.exists().where(word.gift_id == gift_id, begins))
    yield statement


def _driving(spellings: frozenset[str]) -> Iterator[Ids]:
    """The gifts of one word, along the index; each statement has an order of its own."""
    word, gift_id = GiftWord.word, GiftWord.gift_id
    for spelling in sorted(spellings):
        yield sa.select(gift_id).where(word == spelling).order_by(gift_id.desc())
        yield sa.select(gift_id).where(_begins(word, spelling)).order_by(word, gift_id)


def _begins(column: InstrumentedAttribute[str], prefix: str) -> sa.ColumnElement[bool]:
    return sa.and_(column >= prefix, column < prefix + LAST)


def begins_too_many(session: Session, search: Search) -> bool:
    """Whether more gifts begin so than one search looks at."""
    return any(
        ask(session, _next_beginning(name), {"begin": prefix, "end": prefix + LAST}).rows()
        for name, prefix in _list_beginnings(search)
    )


@cache
def _next_beginning(name: str) -> Ids:
    """The first gift that a search doesn't look at, made once: it is asked four times a page."""
    column = _GIFTS.c[name]
    begin, end = (sa.bindparam(bound, type_=column.type) for bound in ("begin", "end"))
    return _beginning(column, begin, end).offset(MOST_BEGINNINGS).limit(1)


def united(statements: Sequence[Ids]) -> Ids:
    """The ids of them all.

    Each selects one column, so that a star is enough: naming it took as long as all the rest.
    """
    parts = (sa.select(_STAR).select_from(statement.subquery()) for statement in statements)
    return sa.select(_STAR).select_from(sa.union_all(*parts).subquery())


_STAR: sa.ColumnClause[Any] = sa.literal_column("*")


def _gifts(*conditions: sa.ColumnElement[bool]) -> Ids:
    return sa.select(Gift.id).where(*conditions)


def _beginning(column: sa.Column[Any], begin: Any, end: Any) -> Ids:
    between = (column > begin, column < end)
    gifts = _GIFTS.c
    return sa.select(gifts.id).where(*between).order_by(column, gifts.created_at, gifts.id)


_GIFTS = table_of(Gift)


def _by_receipt(year: int, number: int) -> Ids:
    issuers = sa.select(ReceiptSeries.issuer).where(ReceiptSeries.year == year)
    return sa.select(Receipt.gift_id).where(
        Receipt.issuer.in_(issuers), Receipt.year == year, Receipt.number == number
    )


def _by_provider_id(own_id: str, providers: Sequence[Provider]) -> Iterator[Ids]:
    """By what was linked, handed off, told or booked; each is a look into one index."""
    yield sa.select(StripeLink.gift_id).where(
        StripeLink.stripe_id == own_id, StripeLink.provider.in_(providers)
    )
    yield sa.select(Checkout.gift_id).where(
        Checkout.provider.in_(providers), Checkout.stripe_session_id == own_id
    )
    yield sa.select(StripeEvent.gift_id).where(
        StripeEvent.provider.in_(providers),
        StripeEvent.stripe_event_id == own_id,
        StripeEvent.gift_id.is_not(None),
    )
    plan = sa.select(Subscription.plan_id).where(
        Subscription.provider.in_(providers), Subscription.stripe_id == own_id
    )
    yield _gifts(Gift.plan_id.in_(plan))
    keys = [f"{fact}:{name_of(one, own_id)}" for one in providers for fact in FactKind]
    yield sa.select(Evidence.gift_id).where(Evidence.key.in_(keys))
