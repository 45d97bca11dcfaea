"""What a line is compared with: open gifts, payers we know, and Interac's notices.

All open gifts are found by whatever a line may say of them. Every question looks at a bounded
number of gifts, so that matching takes time in proportion to the lines, however many gifts are
open or share a name; and they stand on disk, so that it takes no more memory either.
"""

import pickle
import sqlite3
import weakref
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from itertools import islice
from typing import Generic, TypeVar

from portal.money import Money
from portal.payments.matching.identifiers import ReferenceIndex, Words, fold_words, full_name
from portal.payments.statements.formats.entries import StatementEntry

# What the tables keep of a payer's key.
_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGift:
    """A gift that waits for money. `money` is what was promised, `due_minor` what is left to
    pay of it in the same currency; `created_on` the day of the promise in the issuer's zone.
    """

    gift_id: int
    reference: str
    money: Money
    due_minor: int
    created_on: date
    name: str = ""
    email: str = ""
    mode: str = ""

    @property
    def due(self) -> Money:
        return Money(self.due_minor, self.money.currency)


@dataclass(frozen=True, slots=True)
class PayerAlias:
    """A payer as a bank names them (`payer_keys`), and the donor a clerk once confirmed."""

    payer_key: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a notification mail of Interac's says: evidence that helps to find, never proof."""

    interac_reference: str
    money: Money
    received_on: date
    name: str = ""
    email: str = ""
    message: str = ""


def payer_keys(entry: StatementEntry) -> tuple[str, ...]:
    """Names for a line's payer by which an alias is learnt and found, the surest first."""
    words = fold_words(entry.payer_name)
    keys = (
        ("email:", entry.payer_email.strip().lower()),
        ("account:", "".join(entry.payer_account.split()).upper()),
        ("name:", full_name(words) if len(words) > 1 else ""),
    )
    return tuple((kind + value)[:_LONGEST_KEY] for kind, value in keys if value)


T = TypeVar("T")

# What is held in memory: pages of the file, things made lately, and keys asked for lately.
KIBIBYTES = 8_000
REMEMBERED_THINGS = 2_000
REMEMBERED_KEYS = 2_000
BATCH = 2_000
PROTOCOL = pickle.HIGHEST_PROTOCOL

_TABLES = f"""
PRAGMA journal_mode = OFF;
PRAGMA cache_size = -{KIBIBYTES};
CREATE TABLE things (id INTEGER PRIMARY KEY, thing BLOB NOT NULL);
CREATE TABLE keys (key TEXT NOT NULL, thing_id INTEGER NOT NULL);
"""
_INDEX = "CREATE INDEX things_by_key ON keys (key, thing_id)"
_FIND = "SELECT thing_id FROM keys WHERE key = ? ORDER BY thing_id LIMIT ?"
_HAS = "SELECT 1 FROM keys WHERE key = ? LIMIT 1"
_LOAD = "SELECT thing FROM things WHERE id = ?"


class Keyed(Generic[T]):
    """Things by their keys; a key that some thing has is `in` it.

    The file is SQLite's own temporary one: it has no name, and is gone with this object or
    its process. So memory stays the same however many things there are.
    """

    def __init__(self, things: Iterable[tuple[T, Iterable[str]]]) -> None:
        disk = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, disk.close)
        disk.executescript(_TABLES)
        self._is_empty = _fill(disk, things) == 0
        disk.execute(_INDEX)
        self._disk = disk
        self._thing = lru_cache(REMEMBERED_THINGS)(partial(self._load, disk))
        self._ids = lru_cache(REMEMBERED_KEYS)(partial(_find, disk))

    def find(self, key: str, most: int) -> list[T]:
        """The first `most` things of a key, in the order in which they came."""
        if self._is_empty:
            return []
        return [self._thing(thing_id) for thing_id in self._ids(key, most)]

    def __contains__(self, key: object) -> bool:
        return self._disk.execute(_HAS, (key,)).fetchone() is not None

    @staticmethod
    def _load(disk: sqlite3.Connection, thing_id: int) -> T:
        (pickled,) = disk.execute(_LOAD, (thing_id,)).fetchone()
        thing: T = pickle.loads(pickled)  # noqa: S301 - nobody else can reach the file
        return thing


def _fill(disk: sqlite3.Connection, things: Iterable[tuple[T, Iterable[str]]]) -> int:
    """Write all things; how many there were."""
    count = 0
    numbered = enumerate(things)
    while batch := list(islice(numbered, BATCH)):
        disk.execute("BEGIN")
        disk.executemany("INSERT INTO things VALUES (?, ?)", _rows(batch))
        disk.executemany("INSERT INTO keys VALUES (?, ?)", _pairs(batch))
        disk.execute("COMMIT")
        count += len(batch)
    return count


def _rows(batch: list[tuple[int, tuple[T, Iterable[str]]]]) -> Iterator[tuple[int, bytes]]:
    return ((number, pickle.dumps(thing, PROTOCOL)) for number, (thing, _) in batch)


def _pairs(batch: list[tuple[int, tuple[T, Iterable[str]]]]) -> Iterator[tuple[str, int]]:
    return ((key, number) for number, (_, keys) in batch for key in keys)


def _find(disk: sqlite3.Connection, key: str, most: int) -> tuple[int, ...]:
    return tuple(thing_id for (thing_id,) in disk.execute(_FIND, (key, most)))


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


def _waiting(gifts: Iterable[OpenGift], complete: set[str]) -> Iterator[OpenGift]:
    """Gifts to which something is due; of the others the reference, as a line may name them."""
    for gift in gifts:
        if gift.due_minor > 0:
            yield gift
        else:
            complete.add(gift.reference)


@dataclass(frozen=True, slots=True)
class Settled:
    """References of gifts that take nothing more: among the open ones, and of all others."""

    complete: Container[str]
    others: Container[str]

    def __contains__(self, reference: object) -> bool:
        return reference in self.complete or reference in self.others


class GiftPool:
    """Open gifts by reference, e-mail address, name, and amount with part of a name."""

    def __init__(self, gifts: Iterable[OpenGift], settled: Container[str] = frozenset()) -> None:
        complete: set[str] = set()
        waiting = map(_know, _waiting(gifts, complete))
        self._gifts = Keyed((one, _keys(one)) for one in waiting)
        self.references = ReferenceIndex(self._gifts, Settled(complete, settled))

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
        """The only gift of this amount whose donor's last name is one of the words."""
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
