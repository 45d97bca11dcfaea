"""The ASGI application around the WSGI one: whole requests in, answers that wait for nobody."""

import asyncio
import io
import secrets
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from portal.logs import get_logger
from portal.serving.connections import Connections
from portal.serving.refusing import read_reader, refusal
from portal.serving.requests import (
    READ_ON,
    Arrival,
    BodyRefused,
    Held,
    Limits,
    Receive,
    Scope,
    VisitorLeft,
    announced_bytes,
    environ_of,
    visitor_of,
)
from portal.serving.streaming import Answer, Send, Streams, TooManyWait, Turns, Wsgi

# A server that is only just starting does not hear the first time.
AGAIN_SECONDS = 0.2


async def live(
    receive: Receive,
    send: Send,
    begin: Callable[[], None],
    finish: Callable[[], Awaitable[None]],
) -> None:
    """Follow ASGI's lifespan: `begin` before the first request, `finish` once a stop is asked for.

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


def make_id() -> str:
    """A request's id, as the app makes them."""
    return secrets.token_hex(8)


log = get_logger()

HEALTH = "/healthz"
HEALTH_THREADS = 1
KEEPER_SECONDS = 0.25
STOP_STEP_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class WholeRequest:
    """A request whose body is here; `length` in bytes, None without a body."""

    scope: Scope
    visitor: str
    body: IO[bytes]
    length: int | None


class WholeRequests:
    """Serves `app`; `most_bytes` says how long the body of a request may be.

    `hops` are the trusted proxies that stand in front, `own_locale` is what a path's page speaks.
    """

    def __init__(
        self,
        app: Wsgi,
        *,
        threads: int,
        limits: Limits,
        most_bytes: Callable[[Scope], int],
        hops: int = 0,
        own_locale: Callable[[str], str] = lambda _path: "",
    ) -> None:
        self.app = app
        self.limits = limits
        self.most_bytes = most_bytes
        self.hops = hops
        self.own_locale = own_locale
        self.turns = Turns(threads, limits.waiting, "request")
        self.health = Turns(HEALTH_THREADS, limits.waiting, "health")
        self.held = Held(limits)
        self.streams = Streams(limits)
        self.connections = Connections(limits, is_exempt=hops > 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send, self.begin, self.finish)
            return
        host, port = scope.get("client") or ("", 0)
        # The server tells the port as text.
        peer = host, int(port)
        self.connections.begin(peer)
        try:
            await self._serve(scope, receive, send)
        except VisitorLeft:
            self.connections.end(peer)
        finally:
            self.connections.finish(peer)

    def begin(self) -> None:
        """Look after the connections from now on."""
        self.keeper = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(KEEPER_SECONDS)
            try:
                self.connections.keep(now())
            except OSError as error:
                log.error("connections_not_seen", exc_info=error)

    async def finish(self) -> None:
        """Finish what is whole and wait for the slow no longer.

        Whoever still comes is served meanwhile, and not waited for.
        """
        now = asyncio.get_running_loop().time
        asked_at, begun = now(), set(self.connections.busy)
        self.held.stop()
        self.streams.stop()
        self.connections.is_stopping = True
        while self.connections.busy and now() - asked_at < self.limits.stop_seconds:
            if now() - asked_at > self.limits.farewell_seconds * 2 and begun.isdisjoint(
                self.connections.busy
            ):
                return
            await asyncio.sleep(STOP_STEP_SECONDS)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = visitor_of(scope, self.hops)
        try:
            announced = announced_bytes(scope)
            if announced is None:
                await self._answer(WholeRequest(scope, visitor, io.BytesIO(), None), receive, send)
                return
            with self._received(scope, visitor) as (arrival, body):
                length = await self._receive(arrival, announced, receive)
                body.seek(0)
                await self._answer(WholeRequest(scope, visitor, body, length), receive, send)
        except BodyRefused as refused:
            await self._refuse(scope, send, refused.status)
        except TooManyWait:
            await self._refuse(scope, send, 429)

    @contextmanager
    def _received(self, scope: Scope, visitor: str) -> Iterator[tuple[Arrival, IO[bytes]]]:
        with SpooledTemporaryFile(max_size=self.limits.body_in_memory) as body:
            arrival = Arrival(self.held, visitor, body, self.most_bytes(scope))
            try:
                yield arrival, body
            finally:
                arrival.close()

    async def _receive(self, arrival: Arrival, announced: int, receive: Receive) -> int:
        """The body's length; of one that is far too long, as announced, and none of it is read."""
        if announced > arrival.most * READ_ON:
            return announced
        return await arrival.receive(receive)

    async def _answer(self, request: WholeRequest, receive: Receive, send: Send) -> None:
        environ = environ_of(request.scope, request.body, request.length)
        turns = self.health if environ["PATH_INFO"] == HEALTH else self.turns
        answer = Answer(self.app, environ, self.limits.whole_answer, self.limits.piece_bytes)
        try:
            await turns.run(request.visitor, answer.start)
        except TooManyWait:
            raise
        except Exception as error:
            request_id = make_id()
            log.error("request_failed", request_id=request_id, exc_info=error)
            await self._refuse(request.scope, send, 500, request_id)
            return
        if answer.whole is None:
            await self._stream(request, answer, receive, send)
            return
        await send(answer.head())
        await send({"type": "http.response.body", "body": answer.whole})

    async def _stream(
        self, request: WholeRequest, answer: Answer, receive: Receive, send: Send
    ) -> None:
        """Send a long answer, if there is room for one more; a thread works on each piece."""

        async def work(step: Callable[[], Any]) -> Any:
            return await self.turns.run(request.visitor, step)

        if self.streams.is_full:
            await work(answer.close)
            await self._refuse(request.scope, send, 503, answer.request_id)
            return
        await self.streams.send(answer, work, receive, send)

    async def _refuse(self, scope: Scope, send: Send, status: int, request_id: str = "") -> None:
        """Answer by ourselves, and log it: of most of these the app never heard."""
        request_id = request_id or make_id()
        log.warning("request_refused", status=status, request_id=request_id)
        reader = read_reader(scope, self.own_locale)
        headers, text = refusal(status, request_id, reader.locale, as_page=reader.wants_page)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})
