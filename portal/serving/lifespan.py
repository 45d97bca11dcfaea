"""The start and the end of a web process, as its server tells them."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from portal.serving.answering import Send
from portal.serving.receiving import Receive

# A server that is only just starting does not hear the first time.
AGAIN_SECONDS = 0.2


async def live(
    receive: Receive,
    send: Send,
    begin: Callable[[], None],
    finish: Callable[[], Awaitable[None]],
) -> None:
    """Follow ASGI's lifespan: `begin` before the first request, `finish` once a stop is asked.

    The server drops what it has not handed over yet as soon as it hears a signal, and tells the
    app only after all requests. So the first signal is ours, and when all is finished the server
    gets the other one, which means the same to it.
    """
    loop = asyncio.get_running_loop()
    stopping: list[asyncio.Task[None]] = []

    async def stop() -> None:
        await finish()
        while True:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(AGAIN_SECONDS)

    def hear() -> None:
        if not stopping:
            stopping.append(loop.create_task(stop()))

    await receive()
    loop.add_signal_handler(signal.SIGTERM, hear)
    begin()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
