"""This process's connections: how many each network has, and an end to the idle ones beyond.

The server counts none by address and hands us none, so they are read where they are: each is
an open file of this process, and the kernel says whose. A head that never ends and a visitor
who is silent cost no thread, but a file each; so the oldest ones of a network beyond its share
are shut down. Connections whose request is being answered, or whose body comes, are not idle.
"""

import hashlib
import os
import socket
import stat
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from markupsafe import Markup
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from portal.i18n import choose_language, direction, gettext, html_lang, use_locale
from portal.serving.requests import Limits, Scope, network_of
from portal.web import ERROR_TEXTS

Peer = tuple[str, int]

# Linux, and the BSDs with macOS; where there is neither, the server's own limits remain.
INTERNET = (socket.AF_INET, socket.AF_INET6)
FOLDERS = ("/proc/self/fd", "/dev/fd")
PRESSED = 0.75
# Under pressure a network keeps one part in so many of its share.
PRESSED_SHARE = 8
# So old a connection is, in seconds, before it may be ended for being idle.
YOUNG = 1.0


@dataclass(slots=True)
class Connection:
    """One visitor's connection; `inode` is the kernel's number of it, `fd` ours."""

    fd: int
    inode: int
    peer: Peer
    network: str
    idle_since: float


class Connections:
    """What is connected; `is_exempt` where trusted proxies connect, and nobody else can.

    All methods run in the thread of the event loop.
    """

    def __init__(self, limits: Limits, *, is_exempt: bool) -> None:
        self.limits = limits
        self.is_exempt = is_exempt
        self.is_stopping = False
        self.ended = 0
        self.busy: Counter[Peer] = Counter()
        self.touched: set[Peer] = set()
        self.known: dict[int, Connection | None] = {}
        self.folder = next((Path(name) for name in FOLDERS if Path(name).is_dir()), None)

    def begin(self, peer: Peer) -> None:
        """A request of this connection began."""
        self.busy[peer] += 1

    def finish(self, peer: Peer) -> None:
        """It is over."""
        self.busy[peer] -= 1
        if not self.busy[peer]:
            del self.busy[peer]
        self.touched.add(peer)

    def end(self, peer: Peer) -> None:
        """End one connection at once, so that its visitor doesn't take a part for the whole."""
        for connection in filter(None, self.known.values()):
            if connection.peer == peer:
                self._shut(connection)

    def keep(self, now: float) -> None:
        """Look at all connections, at `now` of a steady clock, and end those that are too many."""
        self._look(now)
        for connection in self._too_many(now):
            self._shut(connection)

    def _look(self, now: float) -> None:
        """Learn which connections are new, gone or busy."""
        found = dict(self._sockets())
        for inode in self.known.keys() - found.keys():
            del self.known[inode]
        new = [(inode, fd) for inode, fd in found.items() if inode not in self.known]
        ports = _listening_ports(found.values()) if new else frozenset()
        for inode, fd in new:
            self.known[inode] = _connection(fd, inode, ports, now)
        for connection in filter(None, self.known.values()):
            if connection.peer in self.busy or connection.peer in self.touched:
                connection.idle_since = now
        self.touched.clear()

    def _sockets(self) -> Iterator[tuple[int, int]]:
        """The inode and number of every socket that this process has open."""
        for name in os.listdir(self.folder) if self.folder else ():
            with suppress(OSError):
                status = os.fstat(int(name))
                if stat.S_ISSOCK(status.st_mode):
                    yield status.st_ino, int(name)

    def _too_many(self, now: float) -> Iterator[Connection]:
        of: dict[str, list[Connection]] = defaultdict(list)
        total = 0
        for connection in filter(None, self.known.values()):
            total += 1
            if connection.peer not in self.busy:
                of[connection.network].append(connection)
        most, age = self._allowed(total)
        for idle in of.values():
            idle.sort(key=lambda one: one.idle_since)
            beyond = len(idle) - most
            for place, connection in enumerate(idle):
                waited = now - connection.idle_since
                if (place < beyond and waited >= age) or waited > self.limits.reader_seconds:
                    yield connection

    def _allowed(self, total: int) -> tuple[int, float]:
        """How many idle connections a network may have, and how young none is ended."""
        if self.is_stopping:
            return 0, self.limits.farewell_seconds
        most = self.limits.all_connections
        share = most // 2 if self.is_exempt else self.limits.connections
        if total > most * PRESSED:
            return share // PRESSED_SHARE, 0
        return share, YOUNG

    def _shut(self, connection: Connection) -> None:
        """End it; the server sees its visitor go, and closes its file."""
        with suppress(OSError), _borrowed(connection.fd) as found:
            if os.fstat(connection.fd).st_ino == connection.inode:
                found.shutdown(socket.SHUT_RDWR)
                self.ended += 1


@contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket]:
    """The server's own socket, to ask it or to shut it down; OSError where it is none any more.

    It is not copied: the number may have become a file's meanwhile, and to close any copy of a
    database's file would drop the locks that this process has on it (POSIX).
    """
    found = socket.socket(fileno=fd)
    try:
        yield found
    finally:
        found.detach()


def _listening_ports(fds: Iterable[int]) -> frozenset[int]:
    ports = set()
    for fd in fds:
        with suppress(OSError), _borrowed(fd) as found:
            is_open = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if is_open and found.family in INTERNET:
                ports.add(found.getsockname()[1])
    return frozenset(ports)


def _connection(fd: int, inode: int, ports: frozenset[int], now: float) -> Connection | None:
    """The connection to a port of ours; None for any other socket."""
    with suppress(OSError), _borrowed(fd) as found:
        if found.family in INTERNET and found.getsockname()[1] in ports:
            host, port = found.getpeername()[:2]
            host = host.partition("%")[0]
            return Connection(fd, inode, (host, port), network_of(host), now)
    return None


Headers = list[tuple[bytes, bytes]]
# Answers that are worth another try, and after how many seconds.
AGAIN = {429, 503}
AGAIN_AFTER = b"60"
TOO_SLOW = (
    "That took too long",
    "The request took too long to arrive. Please send it again.",
)
TOO_MANY = (
    ERROR_TEXTS[503][0],
    "Too many requests come from your network at once. Try again in a minute.",
)
TEXTS = {408: TOO_SLOW, 429: TOO_MANY, 500: ERROR_TEXTS[500], 503: ERROR_TEXTS[503]}

# Without a request for a sheet, which might be refused as well.
STYLE = (
    "body{font:1.0625rem/1.5 system-ui,sans-serif;max-inline-size:36rem;margin:12vh auto;"
    "padding-inline:1.25rem}h1{font-size:1.5rem;line-height:1.25}"
)
PAGE = Markup(
    '<!doctype html>\n<html lang="{lang}" dir="{direction}">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<title>{title}</title>\n<meta name="color-scheme" content="light dark">\n'
    '<meta name="robots" content="noindex">\n<style>{style}</style>\n</head>\n<body>\n<main>\n'
    "<h1>{title}</h1>\n<p>{text}</p>\n<p>{quote}</p>\n</main>\n</body>\n</html>\n"
)
_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'none'"
)


def refusal(
    status: int, request_id: str, locale: str, *, as_page: bool = True
) -> tuple[Headers, bytes]:
    """Headers and body of an answer; the connection is closed behind it.

    It names its request as all answers do, by an id that stands in the log.
    """
    with use_locale(locale):
        title, text = (gettext(one) for one in TEXTS.get(status, TEXTS[500]))
        quote = gettext("If you write to us about this, quote %(number)s.", number=request_id)
    body = _page(locale, title, text, quote) if as_page else f"{title}\n{text}\n{quote}\n"
    return _headers(status, request_id, locale, body.encode(), as_page=as_page), body.encode()


def _page(locale: str, title: str, text: str, quote: str) -> str:
    return PAGE.format(
        lang=html_lang(locale),
        direction=direction(locale),
        title=title,
        text=text,
        quote=quote,
        style=Markup(STYLE),  # noqa: S704 - a constant of ours
    )


def _headers(status: int, request_id: str, locale: str, body: bytes, *, as_page: bool) -> Headers:
    headers = {
        "x-request-id": request_id,
        "content-type": f"text/{'html' if as_page else 'plain'}; charset=utf-8",
        "content-language": html_lang(locale),
        "content-length": str(len(body)),
        "content-security-policy": POLICY,
        "cache-control": "no-store",
        "vary": "Accept, Accept-Language",
        "x-content-type-options": "nosniff",
        "connection": "close",
    }
    if status in AGAIN:
        headers["retry-after"] = AGAIN_AFTER.decode()
    return [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a refusal: in which locale, and whether as a page, as a browser shows it."""

    locale: str
    wants_page: bool


def read_reader(scope: Scope, own: Callable[[str], str] = lambda _path: "") -> Reader:
    """By `lang` in the address, else by the page's `own` locale, else by what a browser accepts."""
    asked = parse_qs(scope["query_string"].decode("latin-1")).get("lang", [""])[0]
    accepted = parse_accept_header(_header(scope, b"accept-language"), LanguageAccept)
    tags = [tag for tag, quality in accepted if quality > 0]
    locale = choose_language(asked, tags, own(scope["path"]))
    return Reader(locale, "text/html" in _header(scope, b"accept"))


def _header(scope: Scope, name: bytes) -> str:
    return b",".join(text for one, text in scope["headers"] if one == name).decode("latin-1")
