"""All open gifts, found by whatever a line may say of them.

Every question looks at a bounded number of gifts, so that matching takes time in proportion
to the lines, however many gifts are open or share a name.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from portal.money import Money
from portal.payments.matching.candidates import OpenGift
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
        known = [_know(gift) for gift in gifts if gift.due_minor > 0]
        self.by_reference = {one.gift.reference: one for one in known if one.gift.reference}
        self.references = ReferenceIndex(
            (one.gift.reference for one in known if one.gift.reference), settled
        )
        self._by_email: dict[str, list[Known]] = defaultdict(list)
        self._by_name: dict[str, list[Known]] = defaultdict(list)
        self._by_name_and_amount: dict[str, list[Known]] = defaultdict(list)
        self._by_trace: dict[str, list[Known]] = defaultdict(list)
        for one in known:
            self._file(one)

    def _file(self, one: Known) -> None:
        if one.email:
            self._by_email[one.email].append(one)
        if one.words:
            name = full_name(one.words)
            self._by_name[name].append(one)
            self._by_name_and_amount[_amount_and(one.gift.due, name)].append(one)
        for trace in _traces(one.gift.due, one.words[:_NAME_WORDS]):
            self._by_trace[trace].append(one)

    def of_email(self, email: str) -> Sequence[Known]:
        """Gifts of this address."""
        return self._by_email.get(email, ())[:MOST_OF_A_KIND]

    def of_name(self, words: Words, money: Money) -> Iterator[Known]:
        """Gifts of this very name and amount, else of the name, or of a name like it."""
        if not words:
            return
        name = full_name(words)
        same = self._by_name_and_amount.get(_amount_and(money, name), ())[:MOST_OF_A_KIND]
        yield from same
        if same:
            return
        yield from _unless_many(self._by_name.get(name, ()), MOST_OF_ANOTHER_AMOUNT)
        for trace in _traces(money, words[:_MESSAGE_WORDS]):
            yield from _unless_many(self._by_trace.get(trace, ()), MOST_OF_A_KIND)


def _know(gift: OpenGift) -> Known:
    return Known(gift, fold_words(gift.name), gift.email.strip().lower())


def _traces(money: Money, words: Words) -> set[str]:
    """An amount, one word of a name and another's first letter: what two spellings share."""
    return {
        _amount_and(money, f"{word} {other[0]}")
        for at, word in enumerate(words)
        for beside, other in enumerate(words)
        if at != beside and len(word) > 1
    }


def _amount_and(money: Money, text: str) -> str:
    """A text as key: compared quickly, and held in little space."""
    return f"{money.minor} {money.currency} {text}"


def _unless_many(group: Sequence[Known], most: int) -> Sequence[Known]:
    return group if len(group) <= most else ()
