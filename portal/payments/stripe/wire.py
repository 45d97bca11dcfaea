"""The wire to Stripe: one pool of kept connections for all threads of a process.

The SDK's own client keeps a session a thread, so that each thread shakes hands anew and reads the
certificates for it, and asks for proxies, cookies and passwords at every request. Bringing
another one is what `stripe.HTTPClient` is for (https://github.com/stripe/stripe-python).
"""

import contextlib
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import stripe
import urllib3
from urllib3.util.ssl_ import create_urllib3_context

from portal.payments.stripe.pace import Pace, name_endpoint

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
