"""Answers on their way out, whole or piece by piece, at the pace of who reads them."""

import asyncio
import contextvars
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from portal.logs import get_logger
from portal.serving.requests import Limits, Receive, VisitorLeft

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]

WITHOUT_BODY = (204, 304)


class Answer:
    """One answer of the app; its steps run one after the other, each on any thread.

    They share a context of their own, as if one thread had done them all. Closing does not: what
    the app left open there (Flask's request) it puts into the context it finds.
    """

    def __init__(self, app: Wsgi, environ: dict[str, Any], whole: int, piece: int) -> None:
        self.app = app
        self.environ = environ
        self.most_whole = whole
        self.most_piece = piece
        self.context = contextvars.Context()
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.whole: bytes | None = None
        self.pieces: Iterable[bytes] = ()
        self.rest: Iterator[bytes] = iter(())

    def start(self) -> None:
        """Ask the app; a short answer is `whole` then, and closed."""
        self.context.run(self._start)

    def next(self) -> bytes | None:
        """The next piece of a long answer, None after the last."""
        return self.context.run(next, self.rest, None)

    def close(self) -> None:
        """Let the app end what it left open."""
        pieces, self.pieces = self.pieces, ()
        if hasattr(pieces, "close"):
            pieces.close()

    def head(self) -> Message:
        """The ASGI message that an answer begins with."""
        return {"type": "http.response.start", "status": self.status, "headers": self.headers}

    @property
    def request_id(self) -> str:
        """By which the app logged the request; empty where it told none."""
        return dict(self.headers).get(b"x-request-id", b"").decode("latin-1")

    def _start(self) -> None:
        self.pieces = self.app(self.environ, self._start_response)
        self.rest = _cut(self.pieces, self.most_piece)
        if self._is_short():
            try:
                self.whole = b"".join(self.rest)
            finally:
                self.close()

    def _is_short(self) -> bool:
        if self.status in WITHOUT_BODY or self.environ["REQUEST_METHOD"] == "HEAD":
            return True
        for name, text in self.headers:
            if name == b"content-length":
                return int(text) <= self.most_whole
        return False

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None
    ) -> Callable[[bytes], Any]:
        self.status = int(status.split(" ", 1)[0])
        self.headers = [
            (name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers
        ]
        return _no_write


def _cut(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The same bytes in pieces that a slow reader can take within its time."""
    for piece in pieces:
        if len(piece) <= most:
            yield piece
        else:
            yield from (piece[at : at + most] for at in range(0, len(piece), most))


def _no_write(_data: bytes) -> None:
    """PEP 3333's old way to write; our apps return what they say."""
    raise NotImplementedError


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
