"""Long answers on their way out, at the pace of who reads them."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from portal.logs import get_logger
from portal.serving.answering import Answer, Message, Send
from portal.serving.limits import Limits
from portal.serving.receiving import Receive, VisitorLeft

T = TypeVar("T")


class TooManyWait(Exception):
    """More requests of one network wait for a thread than may."""


class Turns:
    """So many threads; when all are taken, the networks that wait have their turns in a circle.

    However many requests one network sends at once, another's waits for one thread only.
    """

    def __init__(self, threads: int, most_waiting: int, name: str) -> None:
        self.pool = ThreadPoolExecutor(threads, name)
        self.free = threads
        self.most_waiting = most_waiting
        self.waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def run(self, visitor: str, work: Callable[[], T]) -> T:
        """What `work` returns, done in a thread; `TooManyWait` of this visitor's network."""
        if self.free:
            self.free -= 1
        else:
            await self._queue(visitor)
        try:
            return await asyncio.get_running_loop().run_in_executor(self.pool, work)
        finally:
            self._pass_on()

    async def _queue(self, visitor: str) -> None:
        queue = self.waiting.setdefault(visitor, deque())
        if len(queue) >= self.most_waiting:
            raise TooManyWait
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """The thread goes to the network that waited longest since its last turn."""
        while self.waiting:
            visitor, queue = self.waiting.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self.waiting[visitor] = queue
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1

    def close(self) -> None:
        """No new work; what runs is finished."""
        self.pool.shutdown(wait=False)


log = get_logger()

Work = Callable[[Callable[[], Any]], Awaitable[Any]]


class Streams:
    """The long answers that are being read; no more than there are threads to spare."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.sending: set[asyncio.Timeout] = set()
        self.open = 0
        self.is_stopping = False

    @property
    def is_full(self) -> bool:
        return self.open >= self.limits.streams

    def stop(self) -> None:
        """Wait for nobody much longer who takes nothing."""
        self.is_stopping = True
        farewell = asyncio.get_running_loop().time() + self.limits.farewell_seconds
        for timeout in self.sending:
            timeout.reschedule(min(farewell, timeout.when() or farewell))

    async def send(self, answer: Answer, work: Work, receive: Receive, send: Send) -> None:
        """All of it, while `work` makes each piece in a thread.

        `VisitorLeft` where it could not be sent to its end: who read a part must not take it
        for the whole, so the connection is to be ended.
        """
        self.open += 1
        leaving = asyncio.ensure_future(_leave(receive))
        try:
            await self._send(answer.head(), send)
            while (piece := await _next(answer, work)) is not None:
                if leaving.done():
                    raise VisitorLeft
                await self._send(_body(piece, more=True), send)
            await self._send(_body(b"", more=False), send)
        except VisitorLeft:
            raise
        except Exception as error:
            raise VisitorLeft from error
        finally:
            self.open -= 1
            leaving.cancel()
            await work(answer.close)

    async def _send(self, message: Message, send: Send) -> None:
        seconds = self.limits.farewell_seconds if self.is_stopping else self.limits.reader_seconds
        try:
            async with asyncio.timeout(seconds) as timeout:
                self.sending.add(timeout)
                await send(message)
        except TimeoutError:
            raise VisitorLeft from None
        finally:
            self.sending.discard(timeout)


async def _next(answer: Answer, work: Work) -> bytes | None:
    """The next piece. What the app fails at is told to the operator: its reader sees no more."""
    try:
        piece: bytes | None = await work(answer.next)
    except TooManyWait:
        raise
    except Exception as error:
        log.error("answer_broken_off", exc_info=error)
        raise VisitorLeft from error
    return piece


async def _leave(receive: Receive) -> None:
    """Wait until the visitor is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _body(piece: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": piece, "more_body": more}
