"""Codes kept as they were read a moment ago, so that a campaign's is not read for every visitor."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from portal.codes.parsing import normalise_code
from portal.codes.queries import find_code
from portal.codes.terms import Code
from portal.database import Database

MOST_CODES = 1024


class KeptCodes:
    """The codes asked for last, for all threads of a process; nothing is kept of one not there."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._codes: OrderedDict[str, tuple[float, Code]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, text: str, *, seconds: float) -> Code | None:
        """The code someone typed, as it stood at most so many `seconds` ago."""
        name = normalise_code(text)
        with self._lock:
            read_at, kept = self._codes.get(name, (0.0, None))
        now = self._clock()
        if kept is not None and now - read_at < seconds:
            return kept
        with self._database.read() as session:
            found = find_code(session, name)
        if found is not None:
            self._keep(name, now, found)
        return found

    def _keep(self, name: str, now: float, code: Code) -> None:
        with self._lock:
            self._codes[name] = now, code
            self._codes.move_to_end(name)
            while len(self._codes) > MOST_CODES:
                self._codes.popitem(last=False)
