"""Bodies on their way in: to a length, by a deadline, and few slow ones of a network."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import IO, Any

from portal.serving.limits import Limits

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]

# Of a body that is too long so much is still read, in lengths of what would be taken: who sends
# reads no answer before the end.
READ_ON = 4


class BodyRefused(Exception):
    """The body is not waited for any longer; the status says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class VisitorLeft(Exception):
    """Nobody waits for an answer any more."""


@dataclass(slots=True)
class Held:
    """What all bodies of a process hold together: the slow ones by network, bytes on disk."""

    limits: Limits
    slow: Counter[str] = field(default_factory=Counter)
    spooled: int = 0
    arriving: set["Arrival"] = field(default_factory=set)
    is_stopping: bool = False

    def stop(self) -> None:
        """Wait for nobody much longer."""
        self.is_stopping = True
        for arrival in self.arriving:
            arrival.hurry()


class Arrival:
    """One body that arrives; what it holds is given back by `close`."""

    def __init__(self, held: Held, visitor: str, body: IO[bytes], most: int) -> None:
        self.held = held
        self.limits = held.limits
        self.visitor = visitor
        self.body = body
        self.most = most
        self.length = 0
        self.spooled = 0
        self.is_slow = False
        self.status = 408
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.timeout = asyncio.timeout(None)

    async def receive(self, receive: Receive) -> int:
        """Fill the body's file; its length, more than `most` where it was too long to keep.

        `BodyRefused` by its time (408), the many slow ones of its network (429), the room that
        all large ones have (503) or the stop (503); `VisitorLeft` when it breaks off.
        """
        self.held.arriving.add(self)
        patience = self.loop.call_later(self.limits.prompt_seconds, self._become_slow)
        try:
            async with self.timeout:
                return await self._receive(receive)
        except TimeoutError:
            raise BodyRefused(self.status) from None
        finally:
            patience.cancel()
            self.held.arriving.discard(self)
            if self.is_slow:
                self._be_slow_no_more()

    def close(self) -> None:
        """Give back the room on disk, once the body was used."""
        self.held.spooled -= self.spooled
        self.spooled = 0

    def hurry(self) -> None:
        """The server stops: end when its farewell does."""
        self.status = 503
        farewell = self.loop.time() + self.limits.farewell_seconds
        self.timeout.reschedule(min(farewell, self.timeout.when() or farewell))

    async def _receive(self, receive: Receive) -> int:
        more = True
        while more:
            self._wait_a_while()
            message = await receive()
            if message["type"] == "http.disconnect":
                raise VisitorLeft
            piece = message.get("body", b"")
            more = message.get("more_body", False)
            if not self._keep(piece):
                break
        return self.length

    def _keep(self, piece: bytes) -> bool:
        """Put a piece away; whether to read on."""
        self.length += len(piece)
        if self.length > self.most:
            return self.length <= self.most * READ_ON
        if self.length > self.limits.body_in_memory:
            self._take_room()
        self.body.write(piece)
        return True

    def _take_room(self) -> None:
        more = self.length - self.spooled
        if self.held.spooled + more > self.limits.spooled_bytes:
            raise BodyRefused(503)
        self.held.spooled += more
        self.spooled += more

    def _wait_a_while(self) -> None:
        if self.held.is_stopping:
            self.hurry()
            return
        whole = self.began + self.limits.body_seconds + self.length / self.limits.body_rate
        self.timeout.reschedule(min(whole, self.loop.time() + self.limits.idle_seconds))

    def _become_slow(self) -> None:
        slow = self.held.slow
        if slow[self.visitor] >= self.limits.slow_bodies:
            self.status = 429
            self.timeout.reschedule(self.loop.time())
            return
        slow[self.visitor] += 1
        self.is_slow = True

    def _be_slow_no_more(self) -> None:
        slow = self.held.slow
        slow[self.visitor] -= 1
        if not slow[self.visitor]:
            del slow[self.visitor]
