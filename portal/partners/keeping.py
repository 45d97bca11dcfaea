"""Figures that took long to add up, kept by a process for a while; quick ones are always new.

A partner of a million gifts takes seconds to look through. What took a second is shown again for
the next twenty, so that at most a twentieth of a core goes there, however often a page is loaded;
the page says of when its figures are.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")

# Seconds from which it is worth keeping, and for how many times as long.
LONG = 0.25
TIMES = 20
MOST_KEPT = 200


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """Something that was read, when, and until when of `time.monotonic` it is good."""

    value: T
    at: datetime
    until: float


class Keeper(Generic[T]):
    """What was read lately, by key."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[object, Kept[T]] = {}
        self._turns: dict[object, threading.Lock] = {}
        self._writing = threading.Lock()

    def get(self, key: object, read: Callable[[], T], now: datetime) -> Kept[T]:
        """What is kept for the key, else what `read` gives, which of many at once one does."""
        found = self._find(key)
        if found is not None:
            return found
        with self._turns.setdefault(key, threading.Lock()):
            try:
                return self._find(key) or self._read(key, read, now)
            finally:
                self._turns.pop(key, None)

    def _find(self, key: object) -> Kept[T] | None:
        found = self._kept.get(key)
        return found if found is not None and self._clock() < found.until else None

    def _read(self, key: object, read: Callable[[], T], now: datetime) -> Kept[T]:
        begun = self._clock()
        value = read()
        took = self._clock() - begun
        kept = Kept(value, now, self._clock() + took * TIMES)
        if took >= LONG:
            self._keep(key, kept)
        return kept

    def _keep(self, key: object, kept: Kept[T]) -> None:
        with self._writing:
            now = self._clock()
            alive = {one: it for one, it in self._kept.items() if now < it.until}
            self._kept = {**dict(list(alive.items())[-MOST_KEPT + 1 :]), key: kept}
