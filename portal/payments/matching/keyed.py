"""Many things on a private disk file, each found by any of several keys."""

import pickle
import sqlite3
import weakref
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from itertools import islice
from typing import Generic, TypeVar

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
