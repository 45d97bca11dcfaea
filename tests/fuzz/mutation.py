"""Damage to a valid sample: cut, repeated, spliced, bytes swapped, odd encodings, huge values."""

import re
from collections.abc import Sequence

from hypothesis import strategies as st

ODD = (
    b"9" * 400,
    b"&#" + b"9" * 5_000 + b";",
    b"-",
    b"0000-00-00",
    b"99991231",
    b"20260230",
    b"1e999",
    b"\x00",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    "٣".encode(),
    b'"',
    b"<",
    b"&#x110000;",
    b"(" * 300,
    b"\n" * 50,
)
ENCODINGS = ("utf-16", "utf-16-be", "utf-8-sig", "cp1252", "utf-7")
_NUMBER = re.compile(rb"\d+")


@st.composite
def damaged(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    """One of the samples after one to four kinds of damage."""
    content = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(1, 4))):
        content = draw(st.sampled_from(DAMAGE))(draw, content, samples)
    return content[:200_000]


def _span(draw: st.DrawFn, content: bytes) -> tuple[int, int]:
    start = draw(st.integers(0, len(content)))
    return start, draw(st.integers(start, min(len(content), start + 400)))


def _cut(draw: st.DrawFn, content: bytes, _samples: Sequence[bytes]) -> bytes:
    start, end = _span(draw, content)
    return content[:start] + content[end:]


def _repeat(draw: st.DrawFn, content: bytes, _samples: Sequence[bytes]) -> bytes:
    start, end = _span(draw, content)
    return content[:start] + content[start:end] * draw(st.integers(2, 50)) + content[end:]


def _splice(draw: st.DrawFn, content: bytes, samples: Sequence[bytes]) -> bytes:
    other = draw(st.sampled_from(samples))
    start, end = _span(draw, other)
    at = draw(st.integers(0, len(content)))
    return content[:at] + other[start:end] + content[at:]


def _swap(draw: st.DrawFn, content: bytes, _samples: Sequence[bytes]) -> bytes:
    if len(content) < 2:
        return content
    one, other = sorted(draw(st.tuples(*[st.integers(0, len(content) - 1)] * 2)))
    changed = bytearray(content)
    changed[one], changed[other] = changed[other], changed[one]
    return bytes(changed)


def _insert(draw: st.DrawFn, content: bytes, _samples: Sequence[bytes]) -> bytes:
    at = draw(st.integers(0, len(content)))
    return content[:at] + draw(st.sampled_from(ODD)) + content[at:]


def _number(draw: st.DrawFn, content: bytes, _samples: Sequence[bytes]) -> bytes:
    found = list(_NUMBER.finditer(content))
    if not found:
        return content
    start, end = draw(st.sampled_from(found)).span()
    return content[:start] + draw(st.sampled_from(ODD)) + content[end:]


def _encode(draw: st.DrawFn, content: bytes, _samples: Sequence[bytes]) -> bytes:
    return content.decode("latin-1").encode(draw(st.sampled_from(ENCODINGS)), "replace")


DAMAGE = (_cut, _repeat, _splice, _swap, _insert, _number, _encode)
