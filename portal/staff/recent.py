"""Figures that cost something, kept for a while: the dearer, the longer."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

Value = TypeVar("Value")

# Not more than a hundredth of the time goes into computing it.
TIMES_AS_LONG = 100


@dataclass
class Recent(Generic[Value]):
    """The last value computed, and when; safe to share by threads.

    A value that took a millisecond is kept for a tenth of a second, one that took half a
    second for nearly a minute. `seconds` is the clock that measures both.
    """

    seconds: Callable[[], float] = time.monotonic
    _value: Value | None = None
    _key: object = None
    _at: datetime | None = None
    _kept_until: float = 0.0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def get(
        self, key: object, compute: Callable[[], Value], now: datetime
    ) -> tuple[Value, datetime]:
        """The value for `key` and the moment it was true."""
        with self._turn:
            started = self.seconds()
            if self._value is None or key != self._key or started >= self._kept_until:
                self._value, self._key, self._at = compute(), key, now
                done = self.seconds()
                self._kept_until = done + (done - started) * TIMES_AS_LONG
            return self._value, self._at or now
