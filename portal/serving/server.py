"""Serving the app with granian: the ASGI application around the WSGI one, whole requests in."""

import asyncio
import gc
import io
import resource
import secrets
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces, TaskImpl
from granian.http import HTTP1Settings
from granian.log import LogLevels
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from portal.app import LARGEST_REQUEST_BYTES
from portal.giving.gift.views import ENVELOPE_BYTES
from portal.giving.verify import MOST_BYTES
from portal.logs import get_logger, set_up_logging
from portal.services import Services
from portal.serving.connections import Connections, read_reader, refusal
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
from portal.settings import Settings, load_settings
from portal.staff.access import LARGEST
from portal.web import own_locale

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


# Files that are no visitor's: the database's, the log's, the libraries'.
OWN = 200
# A connection, and the file of its body where that is large.
EACH = 2


def raise_limit() -> None:
    """Ask for as many files as all connections may need; processes started later have it too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OWN + EACH * Limits().all_connections
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """How many connections a process may have, so that files are left for all else.

    The server stops accepting for good where there is no file for one more.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = Limits().all_connections
    return most if soft == resource.RLIM_INFINITY else max(16, min(most, (soft - OWN) // EACH))


class BodySizes:
    """What the views of an app take, in bytes: most one length, few have their own."""

    def __init__(self, app: Flask) -> None:
        found: Services = app.extensions["portal"]
        self.routes = app.url_map.bind("")
        self.own = LARGEST | {
            "giving.send_proof": found.settings.upload_bytes + ENVELOPE_BYTES,
            "giving.send_verify": MOST_BYTES + ENVELOPE_BYTES,
        }

    def of(self, scope: Scope) -> int:
        """The most that the view of a request takes; it says so itself where more is sent."""
        try:
            endpoint, _ = self.routes.match(scope["path"], method=scope["method"])
        except (HTTPException, RequestRedirect):
            return LARGEST_REQUEST_BYTES
        return self.own.get(endpoint, LARGEST_REQUEST_BYTES)


GRACE_SECONDS = 25
APP = "portal.serving.server:load"


def load() -> WholeRequests:
    """The application of one web process, from the environment."""
    return load_around(_create)


def load_around(create: Callable[[Settings], Flask]) -> WholeRequests:
    """The same with the app that `create` makes.

    What is made here stays, so none of it is looked through for garbage, now or later: that
    was a sixth of the start.
    """
    # Forked, it has its parent's handlers, which would note a stop here where nobody looks.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    gc.disable()
    try:
        settings = load_settings()
        set_up_logging(settings.log_format)
        app = create(settings)
        return WholeRequests(
            app,
            threads=settings.threads,
            limits=limits_for(settings.threads),
            most_bytes=BodySizes(app).of,
            hops=settings.trusted_proxies,
            own_locale=partial(own_locale, app.extensions["portal"]),
        )
    finally:
        gc.freeze()
        gc.enable()


def _create(settings: Settings) -> Flask:
    from portal.app import create_app

    return create_app(settings)


def limits_for(threads: int) -> Limits:
    """Half of the threads at most make long answers."""
    return Limits(all_connections=most_connections(), streams=max(1, threads // 2))


def run_server(settings: Settings, host: str, port: int, app: str = APP) -> None:
    """Serve `app`, a factory's name, until SIGTERM; requests in flight are finished first.

    HTTP/1 alone: a proxy asks for nothing else, and a connection of HTTP/2 holds hundreds of
    requests and has no time limit for their heads.
    """
    raise_limit()
    # The workers are forked, and share what is loaded here until one of them writes to it.
    gc.freeze()
    gc.enable()
    Granian(
        app,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        task_impl=TaskImpl.asyncio,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=int(Limits().head_seconds * 1000)),
        websockets=False,
        workers=settings.workers,
        backpressure=most_connections(),
        workers_kill_timeout=GRACE_SECONDS,
        respawn_failed_workers=True,
        log_access=False,
        log_level=LogLevels.warning,
    ).serve()
