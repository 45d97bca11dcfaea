"""Requests on their way in: from an ASGI scope to a WSGI environ (PEP 3333), and their bodies.

A body is taken to a length, by a deadline, and few slow ones of a network. What is waited for, and
how much of it is held, is said by `Limits`.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import IO, Any
from urllib.parse import unquote_to_bytes


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


Scope = dict[str, Any]

# Said anew of the body that came, which is whole and no longer in chunks.
_OF_THE_BODY = frozenset({b"transfer-encoding", b"content-length"})


def environ_of(scope: Scope, body: IO[bytes], length: int | None) -> dict[str, Any]:
    """The environ of a request whose body has come; `length` in bytes, None without a body.

    Headers with an underscore are dropped, since they could pass for others; those that come
    several times are joined by commas, cookies by semicolons.
    """
    server = scope.get("server") or ("localhost", 80)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": _path(scope),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": str((scope.get("client") or ("",))[0]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    _add_headers(environ, scope["headers"])
    if length is not None:
        environ["CONTENT_LENGTH"] = str(length)
    return environ


def _path(scope: Scope) -> str:
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return str(scope["path"]).encode().decode("latin-1")
    return unquote_to_bytes(raw.partition(b"?")[0]).decode("latin-1")


def _add_headers(environ: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> None:
    for raw_name, raw in headers:
        if raw_name in _OF_THE_BODY or b"_" in raw_name:
            continue
        key = raw_name.decode("latin-1").upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        text = raw.decode("latin-1")
        joint = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{joint}{text}" if key in environ else text


def announced_bytes(scope: Scope) -> int | None:
    """The length of the body in bytes as its head tells, 0 for one in chunks; None without one."""
    announced = None
    for name, text in scope["headers"]:
        if name == b"content-length" and text.isdigit():
            announced = int(text)
        elif name == b"transfer-encoding":
            announced = announced or 0
    return announced


FORWARDED_FOR = b"x-forwarded-for"


def visitor_of(scope: Scope, hops: int) -> str:
    """The network of whoever asks; behind so many trusted proxies, whom the first of them names.

    The rule is ProxyFix's: the address that stands so many places from the end.
    """
    peer = str((scope.get("client") or ("",))[0])
    if hops:
        named = b",".join(text for name, text in scope["headers"] if name == FORWARDED_FOR)
        addresses = named.decode("latin-1").split(",")
        if named and len(addresses) >= hops:
            peer = addresses[-hops].strip()
    return network_of(peer)


@lru_cache(maxsize=10_000)
def network_of(address: str) -> str:
    """An IPv4 address itself, an IPv6 household's /64; what is no address stays as it is."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if found.version == 6:
        return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
    return str(found)


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
