"""Public pages kept as ready bytes, so that a warm answer costs no template and no database.

A page is found by the very address that was asked (path and query as sent), which leads to
the page of its meaning (region, language, the parameters that count), so that junk in an
address makes no second page. Where that is new, too, it is put together from the skeleton of all
links that differ only in what they bring. Pages live for half a minute: that bounds how long an
edit of a code or the end of its dates stays unseen here; a form that is sent is judged afresh.
"""

import hashlib
import re
import secrets
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar
from urllib.parse import quote_plus

from markupsafe import escape

from portal.codes.terms import Code

SIGN = "×"
# RFC 1952: deflate, no name, no time, packed as well as can be.
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
_LAST_BLOCK = b"\x03\x00"
_LARGEST_STORED = 0xFFFF


class Slot(StrEnum):
    """What a link brings: the typed amount, a code, and that code as people write it.

    And what is said of the amount: on the button, and where the fee may be added.
    """

    AMOUNT = "a"
    BUTTON = "b"
    COVER = "f"
    CODE = "c"
    DISPLAY = "d"


_SECRET = secrets.token_hex(8)
MARKS: Mapping[Slot, str] = {slot: f"{SIGN}{slot}{_SECRET}{SIGN}" for slot in Slot}
_WRITTEN = {
    form: (slot, is_address)
    for slot, mark in MARKS.items()
    for form, is_address in ((mark, False), (quote_plus(mark), True))
}
_MARK = re.compile(f"({'|'.join(map(re.escape, _WRITTEN))})")


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A page in pieces, with a slot between each two; whether a slot is part of an address.

    `packed` are the same pieces, deflated each for itself. `tag` is the page's own.
    """

    pieces: tuple[bytes, ...]
    packed: tuple[bytes, ...]
    slots: tuple[tuple[Slot, bool], ...]
    tag: str

    def list_values(self, values: Mapping[Slot, str]) -> list[bytes]:
        """What stands in each slot, escaped as its place needs."""
        written = {
            (slot, is_address): _write(values[slot], is_address=is_address)
            for slot, is_address in {*self.slots}
        }
        return [written[place] for place in self.slots]

    def join(self, values: list[bytes]) -> bytes:
        """The whole page."""
        return b"".join(_between(self.pieces, values))

    def pack(self, values: list[bytes]) -> bytes:
        """The whole page in gzip: the packed pieces, and the values as they are."""
        crc = size = 0
        for part in _between(self.pieces, values):
            crc, size = zlib.crc32(part, crc), size + len(part)
        stored = [_store(value) for value in values]
        end = crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
        return b"".join((_GZIP_HEAD, *_between(self.packed, stored), _LAST_BLOCK, end))

    def tag_with(self, values: list[bytes]) -> str:
        """A tag that differs where the page does."""
        if not values:
            return self.tag
        told = b"\0".join((self.tag.encode(), *values))
        return hashlib.sha256(told).hexdigest()[:20]


def make_skeleton(text: str) -> Skeleton:
    """The page of a rendered text that may have marks in it."""
    parts = _MARK.split(text)
    pieces = tuple(piece.encode() for piece in parts[::2])
    return Skeleton(
        pieces=pieces,
        packed=tuple(_deflate(piece) for piece in pieces),
        slots=tuple(_WRITTEN[mark] for mark in parts[1::2]),
        tag=hashlib.sha256(text.replace(_SECRET, "").encode()).hexdigest()[:20],
    )


def _write(value: str, *, is_address: bool) -> bytes:
    return str(escape(quote_plus(value) if is_address else value)).encode()


def _between(pieces: tuple[bytes, ...], values: list[bytes]) -> list[bytes]:
    """All of both in turns, from the first piece to the last."""
    found = [b""] * (len(pieces) + len(values))
    found[::2], found[1::2] = pieces, values
    return found


def _deflate(piece: bytes) -> bytes:
    """A piece as whole blocks of a stream, none of them the last, up to a byte's end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)


def _store(value: bytes) -> bytes:
    """A value as a block that is not packed (RFC 1951, 3.2.4)."""
    size = len(value)
    if size > _LARGEST_STORED:
        raise ValueError("a value is longer than a block")
    return b"\x00" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + value


LIFE_SECONDS = 30.0
CODE_SECONDS = 1.0
MOST_CODES = 512
MOST_PAGES = 128
MOST_FRAMES = 96
MOST_ADDRESSES = MOST_WAYS = 2048

Headers = tuple[tuple[str, str], ...]
Sayer = Callable[[str], Mapping[Slot, str]]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A page's bytes in one encoding, with the headers of a 200 and of a 304."""

    body: bytes
    headers: Headers
    unchanged: Headers


@dataclass(frozen=True, slots=True)
class Page:
    """One page, plain and packed; `tag` is common to the tags of both.

    `version` is the catalogue's when it was made, `stale_at` a `time.monotonic()` moment.
    """

    plain: Encoded
    packed: Encoded
    tag: str
    version: int
    stale_at: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A skeleton with its headers, for all links that differ only in their values.

    `cards` are the amounts that are cards of their own there; any other is a value, of which
    `say` tells what the page says.
    """

    skeleton: Skeleton
    headers: Mapping[str, str]
    cards: frozenset[str]
    say: Sayer | None
    version: int
    stale_at: float

    def make_page(self, values: Mapping[Slot, str]) -> Page:
        """The page of one link."""
        if self.say is not None:
            values = {**values, **self.say(values[Slot.AMOUNT])}
        written = self.skeleton.list_values(values)
        tag = self.skeleton.tag_with(written)
        headers, packed = self.headers, self.skeleton.pack(written)
        return Page(
            plain=_encode(self.skeleton.join(written), headers, {"ETag": f'"{tag}"'}),
            packed=_encode(packed, headers, {"ETag": f'"{tag}-gz"', "Content-Encoding": "gzip"}),
            tag=tag,
            version=self.version,
            stale_at=self.stale_at,
        )


@dataclass(frozen=True, slots=True)
class Way:
    """Where a code's short address leads visitors who say the same of themselves."""

    location: str
    version: int
    stale_at: float


def make_frame(
    text: str,
    headers: Mapping[str, str],
    *,
    version: int,
    now: float,
    cards: frozenset[str] = frozenset(),
    say: Sayer | None = None,
    life: float = LIFE_SECONDS,
) -> Frame:
    """The frame of a rendered text, whose pages go out with `headers`."""
    return Frame(make_skeleton(text), headers, cards, say, version, now + life)


def _encode(body: bytes, headers: Mapping[str, str], own: Mapping[str, str]) -> Encoded:
    whole = {**headers, "Vary": "Accept-Encoding", **own}
    # Browsers lay the headers of a 304 over those they kept: a policy without the pay page's
    # origin would stop the hand-off.
    kept = ("Cache-Control", "Content-Security-Policy", "Vary", "ETag")
    unchanged = tuple((name, whole[name]) for name in kept if name in whole)
    return Encoded(body, tuple(whole.items()), unchanged)


V = TypeVar("V")
Dated = TypeVar("Dated", Page, Frame, Way)


class _Kept(Generic[V]):
    """The last of what was made, by its key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable) -> V | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: Hashable, value: V) -> None:
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


class PageCache:
    """The pages asked for last, for all threads of a process.

    An address that is None is one too long to keep: its page is found by its meaning each time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._keys: _Kept[Hashable] = _Kept(MOST_ADDRESSES)
        self._pages: _Kept[Page] = _Kept(MOST_PAGES)
        self._frames: _Kept[Frame] = _Kept(MOST_FRAMES)
        self._codes: _Kept[tuple[float, Code]] = _Kept(MOST_CODES)
        self._ways: _Kept[Way] = _Kept(MOST_WAYS)
        self._lock = threading.Lock()

    def find(self, address: Hashable | None, version: int) -> Page | None:
        """The page kept for an address as sent, if it is still good."""
        with self._lock:
            return self._fresh(self._pages.get(self._keys.get(address)), version)

    def find_meaning(self, address: Hashable | None, key: Hashable, version: int) -> Page | None:
        """The page kept for the meaning of an address, which is remembered for it."""
        with self._lock:
            self._remember(address, key)
            return self._fresh(self._pages.get(key), version)

    def keep(self, address: Hashable | None, key: Hashable, page: Page) -> None:
        with self._lock:
            self._remember(address, key)
            self._pages.put(key, page)

    def find_frame(self, key: Hashable, version: int) -> Frame | None:
        """The frame kept for links of one kind, if it is still good."""
        with self._lock:
            return self._fresh(self._frames.get(key), version)

    def keep_frame(self, key: Hashable, frame: Frame) -> None:
        with self._lock:
            self._frames.put(key, frame)

    def find_way(self, key: Hashable | None, version: int) -> str | None:
        """Where a short address leads, if that is known and still good."""
        with self._lock:
            found = self._fresh(self._ways.get(key), version)
        return found.location if found else None

    def keep_way(self, key: Hashable, location: str, version: int) -> None:
        with self._lock:
            self._ways.put(key, Way(location, version, self.clock() + LIFE_SECONDS))

    def find_code(self, name: str) -> Code | None:
        """A code as it was read within this second, by its one spelling."""
        with self._lock:
            stale_at, code = self._codes.get(name) or (0.0, None)
        return code if stale_at > self.clock() else None

    def keep_code(self, name: str, code: Code) -> None:
        with self._lock:
            self._codes.put(name, (self.clock() + CODE_SECONDS, code))

    def _remember(self, address: Hashable | None, key: Hashable) -> None:
        if address is not None:
            self._keys.put(address, key)

    def _fresh(self, kept: Dated | None, version: int) -> Dated | None:
        is_good = kept is not None and kept.version == version and kept.stale_at > self.clock()
        return kept if is_good else None
