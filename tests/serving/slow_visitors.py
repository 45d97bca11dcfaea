"""Visitors who are silent, or send or read slowly, by real sockets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
HEAD = b"POST /give/ca HTTP/1.1\r\nHost: localhost\r\n" + FORM
BODY = HEAD + b"Content-Length: 1000\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Slowness:
    """What a slow visitor sends first, and then again and again; a reader only takes nothing."""

    first: bytes = b""
    then: bytes = b""
    is_reader: bool = False


KINDS = {
    "silent": Slowness(),
    "slow head": Slowness(b"GET /give/ca HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n"),
    "slow body": Slowness(BODY, b"a"),
    "slow chunks": Slowness(CHUNKED, b"1\r\na\r\n"),
    "no body": Slowness(BODY),
    # So many pages that they fit into no buffer, of which none is read.
    "slow reader": Slowness(
        b"GET /give/ca HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200, is_reader=True
    ),
    "promised": Slowness(HEAD + b"Expect: 100-continue\r\nContent-Length: 900000\r\n\r\n"),
}


@dataclass
class Crowd:
    """So many slow visitors at once, who come again whenever they were sent away."""

    port: int
    kind: Slowness
    count: int
    address: str = "127.0.0.1"
    ended: int = 0
    visitors: list[socket.socket] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def attack(self) -> None:
        while not self.stop.is_set():
            self.visitors = [one for one in self.visitors if self._goes_on(one)]
            while len(self.visitors) < self.count and not self.stop.is_set():
                self.visitors.append(self._come())
            self.stop.wait(0.2)

    def _come(self) -> socket.socket:
        visitor = socket.socket()
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        visitor.settimeout(5)
        with suppress(OSError):
            visitor.bind((self.address, 0))
            visitor.connect(("127.0.0.1", self.port))
            visitor.sendall(self.kind.first)
        visitor.setblocking(False)
        return visitor

    def _goes_on(self, visitor: socket.socket) -> bool:
        """Send a little more; whether the visitor is still waited for."""
        try:
            visitor.send(self.kind.then)
            answer = visitor.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            answer = b""
        if answer and self.kind.is_reader:
            return True
        self._leave(visitor)
        return False

    def _leave(self, visitor: socket.socket) -> None:
        self.ended += 1
        visitor.close()


@contextmanager
def crowd(port: int, kind: Slowness, count: int, address: str = "127.0.0.1") -> Iterator[Crowd]:
    """They come within a moment, and stay until the block ends."""
    attackers = Crowd(port, kind, count, address)
    thread = threading.Thread(target=attackers.attack)
    thread.start()
    try:
        yield attackers
    finally:
        attackers.stop.set()
        thread.join()
        for visitor in attackers.visitors:
            visitor.close()
