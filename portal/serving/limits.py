"""What is waited for, and how much of it is held."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes of one web process; `networks` are addresses, an IPv6 one its /64.

    A body has `body_seconds`, and one second more for each `body_rate` bytes that came (the
    rule of Apache's mod_reqtimeout), yet never `idle_seconds` without any. Beyond
    `prompt_seconds` it counts as slow. A reader takes `piece_bytes` in `reader_seconds`.
    """

    body_seconds: float = 20
    body_rate: int = 8_192
    idle_seconds: float = 10
    prompt_seconds: float = 1
    slow_bodies: int = 20
    reader_seconds: float = 60
    head_seconds: float = 10
    # Of one network: idle or unfinished connections, and requests that wait for a thread.
    connections: int = 100
    waiting: int = 500
    # Of all: connections, bytes of large bodies on disk, and long answers that are being read.
    all_connections: int = 2_048
    spooled_bytes: int = 256 * 1024 * 1024
    streams: int = 8
    # A body is in memory up to here; a longer answer is made and sent piece by piece.
    body_in_memory: int = 64 * 1024
    whole_answer: int = 256 * 1024
    piece_bytes: int = 64 * 1024
    # How long the slow are still waited for once the server is told to stop.
    farewell_seconds: float = 1
    # And the threads, which finish what they have; the server kills them a little later.
    stop_seconds: float = 20
