"""Public pages kept as ready bytes, so that a warm answer costs no template and no database.

A page is found by the very address that was asked (path and query as sent), which leads to
the page of its meaning (region, language, the parameters that count), so that junk in an
address makes no second page. Pages live for half a minute: that bounds how long an edit of
a code or the end of its dates stays unseen here; a form that is sent is judged afresh.
"""

import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

LIFE_SECONDS = 30.0
MOST_PAGES = 256
MOST_ADDRESSES = 2048

K = TypeVar("K")
V = TypeVar("V")


Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A page's bytes in one encoding, with the headers of a 200 and of a 304."""

    body: bytes
    headers: Headers
    unchanged: Headers


@dataclass(frozen=True, slots=True)
class Page:
    """One rendered page, plain and packed; `tag` is common to the tags of both.

    `version` is the catalogue's when it was made, `stale_at` a `time.monotonic()` moment.
    """

    plain: Encoded
    packed: Encoded
    tag: str
    version: int
    stale_at: float


def make_page(body: bytes, headers: Mapping[str, str], *, version: int, now: float) -> Page:
    """A page of these bytes, which goes out with `headers`."""
    tag = hashlib.sha256(body).hexdigest()[:20]
    packed = gzip.compress(body, compresslevel=9, mtime=0)
    return Page(
        plain=_encode(body, headers, {"ETag": f'"{tag}"'}),
        packed=_encode(packed, headers, {"ETag": f'"{tag}-gz"', "Content-Encoding": "gzip"}),
        tag=tag,
        version=version,
        stale_at=now + LIFE_SECONDS,
    )


def _encode(body: bytes, headers: Mapping[str, str], own: Mapping[str, str]) -> Encoded:
    whole = {**headers, "Vary": "Accept-Encoding", **own}
    # Browsers lay the headers of a 304 over those they kept: a policy without the pay page's
    # origin would stop the hand-off.
    kept = ("Cache-Control", "Content-Security-Policy", "Vary", "ETag")
    unchanged = tuple((name, whole[name]) for name in kept if name in whole)
    return Encoded(body, tuple(whole.items()), unchanged)


class PageCache:
    """The pages asked for last, for all threads of a process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._keys: OrderedDict[Hashable, Hashable] = OrderedDict()
        self._pages: OrderedDict[Hashable, Page] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, address: Hashable, version: int) -> Page | None:
        """The page kept for an address as sent, if it is still good."""
        with self._lock:
            return self._fresh(self._keys.get(address), version)

    def find_meaning(self, address: Hashable, key: Hashable, version: int) -> Page | None:
        """The page kept for the meaning of an address, which is remembered for it."""
        with self._lock:
            _put(self._keys, address, key, MOST_ADDRESSES)
            return self._fresh(key, version)

    def keep(self, address: Hashable, key: Hashable, page: Page) -> None:
        with self._lock:
            _put(self._keys, address, key, MOST_ADDRESSES)
            _put(self._pages, key, page, MOST_PAGES)

    def _fresh(self, key: Hashable, version: int) -> Page | None:
        page = self._pages.get(key)
        if page is None or page.version != version or page.stale_at <= self.clock():
            return None
        self._pages.move_to_end(key)
        return page


def _put(kept: "OrderedDict[K, V]", key: K, value: V, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
