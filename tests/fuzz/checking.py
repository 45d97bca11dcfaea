"""One hostile input: read, or refused by a documented error; and in time that grows linearly."""

import gc
from contextlib import suppress
from time import process_time

from tests.fuzz.targets import Target

GROWTH = 2.5
# Below this a doubling says more of the clock than of the reader.
FLOOR_SECONDS = 0.2
DOUBLINGS = 3
AGAIN = 4
LARGEST = 4_000_000


def check(target: Target, content: bytes) -> None:
    """Fails with any error but the target's own."""
    _seconds(target, content)


def check_growth(target: Target, head: bytes, repeated: bytes, tail: bytes) -> None:
    """Fails where twice as much of the same takes more than 2.5 times as long."""
    times = target.times
    before = _seconds(target, head + repeated * times + tail)
    for _ in range(DOUBLINGS):
        times *= 2
        if len(repeated) * times > LARGEST:
            return
        content = head + repeated * times + tail
        taken = _seconds(target, content)
        if taken > GROWTH * max(before, FLOOR_SECONDS):  # again: the machine has other work
            half = head + repeated * (times // 2) + tail
            pairs = [(_seconds(target, half), _seconds(target, content)) for _ in range(AGAIN)]
            before, taken = (min(one) for one in zip(*pairs, strict=True))
        limit = GROWTH * max(before, FLOOR_SECONDS)
        assert taken <= limit, (target.name, head[-40:], repeated, taken)
        before = taken


def _seconds(target: Target, content: bytes) -> float:
    """CPU time, without the collector's: how often it looks depends on what else there is."""
    gc.disable()
    start = process_time()
    try:
        with suppress(*target.errors):
            target.run(content)
        return process_time() - start
    finally:
        gc.enable()
