"""A page whose values of one link stand at marked places, put in as bytes. Pure.

A mail with a link for each person asks for as many pages that differ in a few characters. Such a
page is rendered once with marks for the values. A mark has a sign that HTML leaves alone and
addresses write in hexadecimal, so that it shows how its value is to be written there; and random
digits, so that no visitor can write one. Values are escaped as the template would have, and what
is put in is never looked at again.
"""

import hashlib
import re
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote_plus

from markupsafe import escape

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
