"""All open gifts, found by whatever a line may say of them.

Every question looks at a bounded number of gifts, so that matching takes time in proportion
to the lines, however many gifts are open or share a name; and they stand on disk, so that
it takes no more memory either.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from portal.money import Money
from portal.payments.matching.candidates import OpenGift
from portal.payments.matching.keyed import Keyed
from portal.payments.matching.names import Words, fold_words, full_name
from portal.payments.matching.references import ReferenceIndex

# A group of gifts larger than this says too little to pick one of them.
MOST_OF_A_KIND = 64
# Gifts of one name that are shown although the amount differs.
MOST_OF_ANOTHER_AMOUNT = 8
# Longer names and messages are compared by their first words.
_NAME_WORDS = 4
_MESSAGE_WORDS = 12


@dataclass(frozen=True, slots=True)
class Known:
    """An open gift with its donor's name and address made ready to compare."""

    gift: OpenGift
    words: Words
    email: str


class GiftPool:
    """Open gifts by reference, e-mail address, name, and amount with part of a name."""

    def __init__(self, gifts: Iterable[OpenGift], settled: Container[str] = frozenset()) -> None:
        waiting = (_know(gift) for gift in gifts if gift.due_minor > 0)
        self._gifts = Keyed((one, _keys(one)) for one in waiting)
        self.references = ReferenceIndex(self._gifts, settled)

    def of_reference(self, reference: str) -> Known:
        """The gift of a reference that is open."""
        found = self._gifts.find(reference, 2)
        if len(found) != 1:
            raise ValueError("a reference belongs to one open gift")
        return found[0]

    def of_email(self, email: str) -> Sequence[Known]:
        """Gifts of this address."""
        return self._gifts.find(_email_key(email), MOST_OF_A_KIND)

    def of_name(self, words: Words, money: Money) -> Iterator[Known]:
        """Gifts of this very name and amount, else of the name, or of a name like it."""
        if not words:
            return
        name = full_name(words)
        same = self._gifts.find(_due_key(money, name), MOST_OF_A_KIND)
        yield from same
        if same:
            return
        yield from self._unless_many(_name_key(name), MOST_OF_ANOTHER_AMOUNT)
        for key in _trace_keys(money, words[:_MESSAGE_WORDS]):
            yield from self._unless_many(key, MOST_OF_A_KIND)

    def of_surname(self, words: Words, money: Money) -> Known | None:
        """The only gift of this amount whose giver's last name is one of the words."""
        asked = dict.fromkeys(word for word in words[:_MESSAGE_WORDS] if len(word) > 1)
        found = {
            one.gift.gift_id: one
            for word in asked
            for one in self._gifts.find(_surname_key(money, word), 2)
        }
        return next(iter(found.values())) if len(found) == 1 else None

    def _unless_many(self, key: str, most: int) -> Sequence[Known]:
        found = self._gifts.find(key, most + 1)
        return found if len(found) <= most else ()


def _know(gift: OpenGift) -> Known:
    return Known(gift, fold_words(gift.name), gift.email.strip().lower())


def _keys(one: Known) -> Iterator[str]:
    """All by which a gift is found. No other key looks like a reference, which is its own."""
    if one.gift.reference:
        yield one.gift.reference
    if one.email:
        yield _email_key(one.email)
    if one.words:
        name = full_name(one.words)
        yield _name_key(name)
        yield _due_key(one.gift.due, name)
        yield _surname_key(one.gift.due, one.words[-1])
    yield from _trace_keys(one.gift.due, one.words[:_NAME_WORDS])


def _email_key(email: str) -> str:
    return f"email {email}"


def _name_key(name: str) -> str:
    return f"name {name}"


def _due_key(money: Money, name: str) -> str:
    return f"due {money.minor} {money.currency} {name}"


def _surname_key(money: Money, word: str) -> str:
    return f"surname {money.minor} {money.currency} {word}"


def _trace_keys(money: Money, words: Words) -> set[str]:
    """An amount, one word of a name and another's first letter: what two spellings share."""
    return {
        f"trace {money.minor} {money.currency} {word} {other[0]}"
        for at, word in enumerate(words)
        for beside, other in enumerate(words)
        if at != beside and len(word) > 1
    }
