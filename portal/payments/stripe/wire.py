"""The wire to Stripe: one pool of kept connections for all threads of a process.

The SDK's own client keeps a session a thread, so that each thread shakes hands anew and reads the
certificates for it, and asks for proxies, cookies and passwords at every request. Bringing
another one is what `stripe.HTTPClient` is for (https://github.com/stripe/stripe-python).

Stripe's limits are kept by an exact window before each request, so that donors beyond them wait
their turn instead of meeting a refusal.
"""

import contextlib
import re
import threading
import time
import urllib.request
from bisect import insort
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import stripe
import urllib3
from urllib3.util.ssl_ import create_urllib3_context

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


CONNECT_SECONDS, ANSWER_SECONDS = 3.05, 20.0

# How long to leave an endpoint alone that said "too many" and not for how long.
PAUSE = 2.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.25, 60.0

Heard = tuple[bytes, int, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Turn:
    """How many seconds who asks may be kept waiting, and whether they came back when told."""

    patience: float
    has_waited: bool = False


_turn: ContextVar[Turn | None] = ContextVar("turn", default=None)


@contextlib.contextmanager
def taking(turn: Turn) -> Iterator[None]:
    """What is asked in this block takes its turn so."""
    before = _turn.set(turn)
    try:
        yield
    finally:
        _turn.reset(before)


class Wire(stripe.HTTPClient):
    """Requests to one address over kept connections, of which `threads` stay open.

    What fails below HTTP is `stripe.APIConnectionError`: worth another try, unless whoever
    answered could not prove to be Stripe. Each request takes its turn by `pace`, within so many
    seconds of `patience` unless `taking` says otherwise; `TooMany` where there is none, and where
    Stripe has none.
    """

    name = "urllib3"

    def __init__(self, base: str, pace: Pace, *, threads: int, patience: float) -> None:
        super().__init__()
        self._pool = _open_pool(base, threads)
        self._pace, self._usual = pace, Turn(patience)

    def request(  # type: ignore[override]  # the SDK says text, and reads bytes
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
    ) -> Heard:
        """What was answered: its body, its status and its headers."""
        endpoint, turn = name_endpoint(method, url), _turn.get() or self._usual
        until = time.monotonic() + turn.patience
        while True:
            left = max(0.0, until - time.monotonic())
            wait = self._pace.take_turn(endpoint, patience=left, has_waited=turn.has_waited)
            if wait > 0:
                time.sleep(wait)
            heard = self._ask(method, url, headers, post_data)
            if heard[1] != HTTPStatus.TOO_MANY_REQUESTS:
                return heard
            self._pace.hold(endpoint, _read_pause(heard[2]))

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any
    ) -> Heard:
        try:
            heard = self._pool.request(
                method, url, body=post_data, headers=dict(headers or {}), retries=False
            )
        except urllib3.exceptions.HTTPError as error:
            is_forged = isinstance(error, urllib3.exceptions.SSLError)
            raise stripe.APIConnectionError(  # type: ignore[no-untyped-call]
                f"no answer from Stripe ({type(error).__name__})", should_retry=not is_forged
            ) from error
        return heard.data, heard.status, heard.headers

    def close(self) -> None:
        """Give back what is open and idle."""
        self._pool.clear()


def _read_pause(headers: Mapping[str, str]) -> float:
    """How long Stripe asks us to wait, in seconds; it need not say."""
    try:
        return min(max(float(headers["Retry-After"]), SHORTEST_PAUSE), LONGEST_PAUSE)
    except (KeyError, ValueError):
        return PAUSE


def _open_pool(base: str, threads: int) -> urllib3.PoolManager:
    """Connections to an address, through the environment's proxy where it names one.

    Certificates and proxy are read here, once.
    """
    options: dict[str, Any] = {
        "maxsize": threads,
        "timeout": urllib3.Timeout(CONNECT_SECONDS, ANSWER_SECONDS),
        "ssl_context": create_urllib3_context(),
    }
    options["ssl_context"].load_verify_locations(cafile=stripe.ca_bundle_path)
    proxy = _find_proxy(base)
    if not proxy:
        return urllib3.PoolManager(**options)
    known = urllib3.util.parse_url(proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=known) if known else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)


def _find_proxy(base: str) -> str | None:
    """The proxy that the environment names for an address (`HTTPS_PROXY`, `NO_PROXY`)."""
    parts, proxies = urlsplit(base), urllib.request.getproxies()
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    found = proxies.get(parts.scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"
