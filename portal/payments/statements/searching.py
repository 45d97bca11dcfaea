"""Finding the gift a line is for by what a clerk types: reference, name, address or amount."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from portal.gifts.models import Gift, GiftWord
from portal.gifts.references import ALPHABET, LENGTH, clean_reference, group
from portal.gifts.words import ask_words
from portal.money import AmountError, Money, parse_amount
from portal.payments.matching.references import find_references
from portal.payments.statements.loading import OPEN, is_for_someone
from portal.payments.statements.queries import GiftChoice, choice_of

SHORTEST_REFERENCE = 3
LONGEST_TEXT = 200
# How many gifts that have the longest word are looked through for open ones, newest first.
MOST_WORDED = 20_000
# Above every letter: what begins with a text sorts between it and it with this behind.
_LAST = "\U0010ffff"


def find_open_gifts(
    session: Session, text: str, *, currency: str = "", limit: int = 20
) -> list[GiftChoice]:
    """Gifts that wait for money, newest first, by any reading of `text`; none for no text.

    A reference may be whole, inside a message, or begun; of a name or an address any words, as
    the list of gifts finds them (`portal.gifts.words`). Each reading is a look into one index.
    """
    text = " ".join(text.split())[:LONGEST_TEXT]
    if not text:
        return []
    found: dict[int, Gift] = {}
    for condition in _readings(text, currency):
        statement = _select_newest(condition, currency).limit(limit)
        found |= {gift.id: gift for gift in session.scalars(statement)}
        if len(found) >= limit:
            break
    return [choice_of(gift) for gift in list(found.values())[:limit]]


def _select_newest(condition: sa.ColumnElement[bool], currency: str) -> sa.Select[Gift]:
    """Open gifts under a condition, newest first; of any currency where none is named."""
    statement = sa.select(Gift).where(condition, Gift.status.in_(OPEN), is_for_someone())
    if currency:
        statement = statement.where(Gift.currency == currency)
    return statement.order_by(Gift.created_at.desc(), Gift.id.desc())


def _readings(text: str, currency: str) -> Iterator[sa.ColumnElement[bool]]:
    """What the text may be, the surest first."""
    references = {clean_reference(text), *find_references(text)} - {None}
    if references:
        yield Gift.reference.in_(references)
    begun = _begun_reference(text)
    if begun:
        yield Gift.reference.between(*begun)
    money = _amount(text, currency)
    if money is not None:
        yield sa.and_(Gift.currency == money.currency, Gift.amount_minor == money.minor)
    if "@" in text:
        yield _begins(Gift.email, text.lower())
    words = sorted(filter(None, ask_words(text)), key=lambda word: -max(map(len, word)))
    if words:
        yield _have_words(words, is_begun=False)
        yield _have_words(words, is_begun=True)


def _have_words(words: list[frozenset[str]], *, is_begun: bool) -> sa.ColumnElement[bool]:
    """Gifts of a donor with every one of these words, each in any spelling, or begun so."""
    first, *others = words
    found = (_select_worded(spelling, is_begun=is_begun) for spelling in sorted(first))
    parts = [sa.select(one.subquery().c[0]) for one in found]
    return sa.and_(
        Gift.id.in_(sa.select(sa.union_all(*parts).subquery().c[0])),
        *(_has_word(spellings, is_begun=is_begun) for spellings in others),
    )


def _select_worded(spelling: str, *, is_begun: bool) -> sa.Select[int]:
    """The gifts of one word along its index, so many at most."""
    word, gift_id = GiftWord.word, GiftWord.gift_id
    statement = sa.select(gift_id).limit(MOST_WORDED)
    if is_begun:
        return statement.where(_begins(word, spelling)).order_by(word, gift_id.desc())
    return statement.where(word == spelling).order_by(gift_id.desc())


def _has_word(spellings: frozenset[str], *, is_begun: bool) -> sa.ColumnElement[bool]:
    other = aliased(GiftWord)
    fitting = (
        _begins(other.word, spelling) if is_begun else other.word == spelling
        for spelling in sorted(spellings)
    )
    return sa.exists().where(other.gift_id == Gift.id, sa.or_(*fitting))


def _begins(column: sa.orm.InstrumentedAttribute[str], text: str) -> sa.ColumnElement[bool]:
    return sa.and_(column >= text, column < text + _LAST)


def _begun_reference(text: str) -> tuple[str, str] | None:
    """The first and the last reference that begin so; None where none can.

    Both are whole, so that every database's own order of letters has the others between.
    """
    characters = "".join(character for character in text.upper() if character not in " -")
    if not SHORTEST_REFERENCE <= len(characters) < LENGTH or any(
        s not in ALPHABET for s in characters
    ):
        return None
    least, most = (
        group(characters.ljust(LENGTH, character)) for character in (ALPHABET[0], ALPHABET[-1])
    )
    return least, most


def _amount(text: str, currency: str) -> Money | None:
    if not currency:
        return None
    try:
        return parse_amount(text, currency)
    except AmountError:
        return None
