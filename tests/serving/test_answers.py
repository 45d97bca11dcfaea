"""Whatever an app says arrives as it said it, and slow readers hold none of its threads."""

import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from portal.i18n import LANGUAGES, direction, gettext, use_locale
from portal.serving.connections import TEXTS
from tests.benchmarks.ground import make_settings
from tests.benchmarks.serving import Serving, serving
from tests.sandbox_process import wait_until
from tests.serving import odd_app


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving(make_settings("sqlite:///never.db"), "tests.serving.odd_app") as server:
        yield server


def ask(
    server: Serving, method: str, path: str, body: Any = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = server.connect()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    try:
        connection.request(method, path, body, named, encode_chunked="Transfer-Encoding" in named)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


@contextmanager
def begun(server: Serving, request: bytes) -> Iterator[socket.socket]:
    """A visitor who sent so much and reads nothing by themselves."""
    with socket.socket() as visitor:
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        visitor.settimeout(10)
        visitor.connect(("127.0.0.1", server.port))
        visitor.sendall(request)
        yield visitor


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def told(server: Serving, name: str) -> int:
    return int(json.loads(server.get("/told"))[name])


def test_bodies_arrive_whole(server: Serving) -> None:
    for size in (0, 1, 70_000, odd_app.MOST_BYTES):
        body = bytes(range(256)) * (size // 256 + 1)
        answer, text = ask(server, "POST", "/echo", body[:size])
        assert (answer.status, text) == (200, body[:size])


def test_bodies_arrive_in_chunks(server: Serving) -> None:
    chunks = iter([b"a" * 1000, b"b", b"c" * 70_000])
    answer, text = ask(server, "POST", "/echo", chunks, Transfer_Encoding="chunked")
    assert (answer.status, len(text)) == (200, 71_001)
    answer, text = ask(server, "POST", "/head", iter([b"abc"]), Transfer_Encoding="chunked")
    heads = json.loads(text)
    assert heads["Content-Length"] == "3"
    assert "Transfer-Encoding" not in heads


def test_a_body_is_asked_for_when_it_is_wanted(server: Serving) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    with begun(server, head % 3) as visitor:
        assert visitor.recv(100).startswith(b"HTTP/1.1 100 Continue")
        visitor.sendall(b"abc")
        assert visitor.recv(1000).startswith(b"HTTP/1.1 200")
    with begun(server, head % 10**9) as visitor:
        assert visitor.recv(1000).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("times", [1.001, 3, 9])
def test_the_app_answers_a_body_that_is_too_long(server: Serving, times: float) -> None:
    size = int(odd_app.MOST_BYTES * times)
    head = (
        b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
    )
    with begun(server, head) as visitor:
        if times < 4:
            visitor.sendall(b"x" * size)
        assert visitor.recv(100).startswith(b"HTTP/1.1 413")
    answer, _ = ask(server, "POST", "/echo", iter([b"x" * size]), Transfer_Encoding="chunked")
    assert answer.status == 413


def test_heads_arrive_as_they_are_meant(server: Serving) -> None:
    request = (
        b"GET /head HTTP/1.1\r\nHost: localhost\r\nX-Real: 1\r\nX_Real: forged\r\n"
        b"Accept: a\r\nAccept: b\r\nCookie: c=1\r\nCookie: d=2\r\nConnection: close\r\n\r\n"
    )
    with begun(server, request) as visitor, visitor.makefile("rb") as answer:
        text = answer.read()
    heads = json.loads(text.partition(b"\r\n\r\n")[2])
    assert heads["X-Real"] == "1"
    assert heads["Accept"] == "a,b"
    assert heads["Cookie"] == "c=1; d=2"
    assert heads["by"] == "127.0.0.1"


def test_answers_keep_every_head(server: Serving) -> None:
    answer, _ = ask(server, "GET", "/cookies")
    assert len(answer.headers.get_all("Set-Cookie", [])) == 2
    answer, text = ask(server, "GET", "/unchanged", If_None_Match='"same"')
    assert (answer.status, text) == (304, b"")
    answer, text = ask(server, "HEAD", "/large")
    assert (answer.status, text, answer.headers["Content-Length"]) == (200, b"", "3000000")


def test_long_answers_arrive_whole(server: Serving) -> None:
    answer, text = ask(server, "GET", "/large")
    assert (answer.headers["Content-Length"], len(text)) == ("3000000", 3_000_000)
    answer, text = ask(server, "GET", "/stream?lines=500")
    assert text.count(b"\n") == 500
    assert text.endswith(b"499\n")


def test_a_part_is_never_taken_for_the_whole(server: Serving) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        ask(server, "GET", "/broken")


def test_who_reads_nothing_holds_no_thread(server: Serving) -> None:
    before = told(server, "closed")
    with ExitStack() as stack:
        for _ in range(odd_app.THREADS // 2):
            visitor = stack.enter_context(begun(server, get("/stream?lines=100000")))
            assert visitor.recv(1)
        assert ask(server, "GET", "/stream?lines=1")[0].status == 503
        answer, text = ask(server, "GET", "/large")
        assert answer.status == 503
        assert answer.headers["X-Request-Id"] in text.decode()
        started = time.monotonic()
        for _ in range(2 * odd_app.THREADS):
            assert server.get("/sleep?seconds=0") == b"slept"
        assert time.monotonic() - started < 1
        wait_until(lambda: told(server, "closed") >= before + odd_app.THREADS // 2, 10)
    assert ask(server, "GET", "/stream?lines=1")[0].status == 200


def test_who_is_being_served_is_not_idle(server: Serving) -> None:
    """However long the app takes, its visitor's connection stays."""
    assert server.get(f"/sleep?seconds={odd_app.LIMITS.reader_seconds + 1}") == b"slept"


def test_who_leaves_ends_the_making(server: Serving) -> None:
    before = told(server, "closed")
    with begun(server, get("/stream?lines=1000000")) as visitor:
        visitor.recv(100)
    wait_until(lambda: told(server, "closed") > before, 5)
    before = told(server, "finished")
    with begun(server, get("/sleep?seconds=0.3")):
        time.sleep(0.1)
    wait_until(lambda: told(server, "finished") > before, 5)


def test_one_network_waits_behind_itself_alone(server: Serving) -> None:
    with ExitStack() as stack:
        for _ in range(12 * odd_app.THREADS):
            stack.enter_context(begun(server, get("/sleep?seconds=0.2")))
        started = time.monotonic()
        connection = http.client.HTTPConnection(
            "127.0.0.1", server.port, source_address=("127.0.0.2", 0)
        )
        connection.request("GET", "/sleep?seconds=0")
        assert connection.getresponse().read() == b"slept"
        connection.close()
        assert server.get("/healthz") == b"ok"
        assert time.monotonic() - started < 1.2


@pytest.mark.parametrize("wanted", ["idle", "whole"])
def test_slow_bodies_are_told_so(server: Serving, wanted: str) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
    with begun(server, head) as visitor:
        visitor.settimeout(0.2)
        text, started = b"", time.monotonic()
        while not text and time.monotonic() - started < 4:
            if wanted == "whole":
                visitor.sendall(b"a")
            try:
                text = visitor.recv(1000)
            except TimeoutError:
                continue
    assert text.startswith(b"HTTP/1.1 408")
    assert b"That took too long\n" in text
    (request_id,) = re.findall(rb"x-request-id: ([0-9a-f]{16})\r\n", text)
    assert text.count(request_id) == 2


@pytest.mark.parametrize("status", [408, 503])
def test_a_browser_is_refused_in_its_language(server: Serving, status: int) -> None:
    """By real requests: too slow a body, and one long answer too many."""
    with ExitStack() as stack:
        if status == 503:
            for _ in range(odd_app.THREADS // 2):
                visitor = stack.enter_context(begun(server, get("/stream?lines=100000")))
                assert visitor.recv(1)
        for lang, text in refuse_all(server, stack, status).items():
            assert text.startswith(f"HTTP/1.1 {status}")
            assert f'<html lang="{lang}" dir="{direction(lang)}">' in text
            with use_locale(lang):
                assert f"<h1>{gettext(TEXTS[status][0])}</h1>" in text


def refuse_all(server: Serving, stack: ExitStack, status: int) -> dict[str, str]:
    """What one browser of each language reads, all at once."""
    method, length = ("POST /echo", 1000) if status == 408 else ("GET /large", 0)
    head = (
        "{} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nAccept: text/html,*/*;q=0.8\r\n"
        "Accept-Language: zh-TW,{};q=0.8,en;q=0.5\r\nConnection: close\r\n\r\n"
    )
    asked = {
        lang: stack.enter_context(begun(server, head.format(method, length, lang).encode()))
        for lang in LANGUAGES
    }
    return {lang: one.makefile("rb").read().decode() for lang, one in asked.items()}
