"""How fast one process asks Stripe, so that Stripe never has to refuse a donor.

Stripe takes 25 requests a second at one endpoint and 100 in all
(https://docs.stripe.com/rate-limits). The web processes of a machine have fixed shares of that,
and each worker has one beside them: a share costs nothing to keep, where a count in the database
would cost every call a write; and what works in the background can't take a donor's place. Within
its share a process counts the last requests rather than drops in a bucket: so no second has more
than it may, wherever it begins. Who finds no room within their patience is told when to come
back, and goes before those who come later.
"""

import re
import threading
import time
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

# A little over one, since requests don't all travel equally fast.
SECOND = 1.02
SOONEST, LONGEST_LINE = 1.0, 300.0
MOST_ENDPOINTS = 200
# What workers have, each; the rest is the web processes'.
WORKER_SHARE = 0.2
# What no worker ever asks for is the web processes' alone.
DONORS_ONLY = frozenset({"POST /v1/checkout/sessions"})


class TooMany(Exception):
    """There is no room now; there will be after so many `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"asked to wait {seconds:.1f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Share:
    """What a process may ask in a second: of one endpoint, of what donors alone need, in all."""

    by_endpoint: int
    for_donors: int
    in_all: int


def share_out(by_endpoint: int, in_all: int, *, workers: int, is_background: bool) -> Share:
    """The share of one of so many web `workers`, or of a process in the background."""
    if is_background:
        own = _part(by_endpoint, WORKER_SHARE)
        return Share(own, own, _part(in_all, WORKER_SHARE))
    rest = (1 - WORKER_SHARE) / workers
    return Share(_part(by_endpoint, rest), _part(by_endpoint, 1 / workers), _part(in_all, rest))


def _part(whole: int, share: float) -> int:
    return max(1, int(whole * share + 1e-9))


class _Window:
    """The moments of the last requests, of which a second holds at most `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held_until = self.line_ends = 0.0
        self._times: list[float] = []

    def find_room(self, now: float) -> float:
        """The first moment at which one more fits."""
        is_full = len(self._times) >= self.most
        return max(now, self.held_until, self._times[-self.most] + SECOND if is_full else now)

    def add(self, at: float) -> None:
        insort(self._times, at)
        del self._times[: -self.most]

    def promise(self, now: float, room_at: float) -> float:
        """The moment for the next who is to come back, after all who were told one."""
        self.line_ends = max(self.line_ends, room_at, now + SOONEST) + SECOND / self.most
        self.line_ends = min(self.line_ends, now + LONGEST_LINE)
        return self.line_ends


class Pace:
    """The requests of one process, for all its threads; moments are the clock's seconds."""

    def __init__(self, share: Share, clock: Callable[[], float] = time.monotonic) -> None:
        self._share, self._clock = share, clock
        self._all = _Window(share.in_all)
        self._windows: dict[str, _Window] = {}
        self._lock = threading.Lock()

    def take_turn(self, endpoint: str, *, patience: float, has_waited: bool = False) -> float:
        """The seconds to wait until a turn that is taken, at most `patience`; or `TooMany`.

        Who `has_waited`, as they were told, goes before those who just came.
        """
        with self._lock:
            now, window = self._clock(), self._of(endpoint)
            room_at = max(window.find_room(now), self._all.find_room(now))
            first = room_at if has_waited else max(room_at, window.line_ends)
            if first - now > patience:
                raise TooMany(window.promise(now, room_at) - now)
            window.add(room_at)
            self._all.add(room_at)
            return room_at - now

    def hold(self, endpoint: str, seconds: float) -> None:
        """Let nobody ask an endpoint for so long: it said that it has enough."""
        with self._lock:
            window = self._of(endpoint)
            window.held_until = max(window.held_until, self._clock() + seconds)

    def _of(self, endpoint: str) -> _Window:
        if len(self._windows) > MOST_ENDPOINTS:
            self._windows.clear()
        is_donors = endpoint in DONORS_ONLY
        most = self._share.for_donors if is_donors else self._share.by_endpoint
        return self._windows.setdefault(endpoint, _Window(most))


# An id: letters, a low line, and what is no word (`cs_test_a1B2`, `in_1Abc`).
_ID = re.compile(r"/[a-z]{2,8}_[A-Za-z0-9_]*[A-Z0-9][A-Za-z0-9_]*")


def name_endpoint(method: str, url: str) -> str:
    """What Stripe counts together: the address without ids (`GET /v1/invoices/*`)."""
    return f"{method.upper()} {_ID.sub('/*', urlsplit(url).path)}"
