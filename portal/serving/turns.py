"""Threads for whole requests, one network after the other."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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
