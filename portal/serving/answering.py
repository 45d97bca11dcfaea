"""What the WSGI app answers, whole or piece by piece."""

import contextvars
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

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
