"""From an ASGI scope to a WSGI environ (PEP 3333)."""

import sys
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import IO, Any
from urllib.parse import unquote_to_bytes

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
