"""The start and the end of a web process, as its server tells them."""

import asyncio
import signal
from collections.abc import Callable
from types import FrameType

from portal.serving.answering import Send
from portal.serving.receiving import Receive

SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def live(
    receive: Receive, send: Send, begin: Callable[[], None], stop: Callable[[], None]
) -> None:
    """Follow ASGI's lifespan: `begin` before the first request, `stop` once a stop is asked.

    The server says that it stops only when all requests are over, and whoever waits for the
    slow must know before. So its signals are heard here as well, beside its own handler.
    """
    await receive()
    for number in SIGNALS:
        _hear(number, stop)
    begin()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def _hear(number: int, stop: Callable[[], None]) -> None:
    """Call `stop` in the loop at this signal; what the loop itself hears stays."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(number)

    def heard(told: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        if callable(before):
            before(told, frame)

    signal.signal(number, heard)
