"""The wire to Stripe: one pool of kept connections for all threads of a process.

The SDK's own client keeps a session a thread, so that each thread shakes hands anew and reads the
certificates for it, and asks for proxies, cookies and passwords at every request. Bringing
another one is what `stripe.HTTPClient` is for (https://github.com/stripe/stripe-python).
"""

import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import stripe
import urllib3
from urllib3.util.ssl_ import create_urllib3_context

CONNECT_SECONDS, ANSWER_SECONDS = 3.05, 20.0

Heard = tuple[bytes, int, Mapping[str, str]]


class Wire(stripe.HTTPClient):
    """Requests to one address over kept connections, of which `threads` stay open.

    What fails below HTTP is `stripe.APIConnectionError`: worth another try, unless whoever
    answered could not prove to be Stripe.
    """

    name = "urllib3"

    def __init__(self, base: str, *, threads: int) -> None:
        super().__init__()
        self._pool = _open_pool(base, threads)

    def request(  # type: ignore[override]  # the SDK says text, and reads bytes
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
    ) -> Heard:
        """What was answered: its body, its status and its headers."""
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
