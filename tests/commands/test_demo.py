"""`portal demo` while its parts start: patient with what lives, plain about what died."""

import itertools
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from portal.commands.demo import Child, NotReady, Place, Stopping, wait_until_ready
from tests.warm import CONTEXT

README = Path(__file__).parents[2] / "README.md"
STAY, END = (time.sleep, 600), (sys.exit, 3)


@contextmanager
def part(
    name: str, does: tuple[Callable[..., Any], int] = STAY, ready_url: str | None = None
) -> Iterator[Child]:
    """A part of a demo that does nothing but `does`; ended with the test."""
    process = CONTEXT.Process(target=does[0], args=does[1:])
    process.start()
    yield Child(name, [], ready_url, process)
    process.kill()
    process.join()


@contextmanager
def slow_page(refusals: int) -> Iterator[str]:
    """A page that is ready after so many refusals."""
    statuses = itertools.chain([503] * refusals, itertools.repeat(200))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(next(statuses))
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@contextmanager
def echo_once() -> Iterator[str]:
    """A port that says back what it hears, then a page that is ready."""

    def answer() -> None:
        for ready in (False, True):
            connection, _ = listener.accept()
            with connection:
                heard = connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" if ready else heard)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def test_it_waits_however_long_a_living_part_takes_and_says_for_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hours = itertools.count(step=3600.0)
    with slow_page(3) as url, part("web", ready_url=url) as web, part("worker") as worker:
        wait_until_ready([web, worker], tmp_path, Stopping(), lambda: next(hours))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("waiting for web") == 3
    assert str(tmp_path / "web.log") in told.err


def test_it_waits_where_something_else_than_a_server_answers_first(tmp_path: Path) -> None:
    """A port without a server can answer with the very request that it is asked."""
    with echo_once() as url, part("web", ready_url=url) as web:
        wait_until_ready([web], tmp_path, Stopping())


@pytest.mark.parametrize("dead", ["web", "worker"])
def test_it_names_the_part_that_died_its_code_and_its_log(tmp_path: Path, dead: str) -> None:
    does = {name: END if name == dead else STAY for name in ("web", "worker")}
    with (
        part("web", does["web"], "http://127.0.0.1:9/") as web,
        part("worker", does["worker"]) as worker,
        pytest.raises(NotReady) as refused,
    ):
        wait_until_ready([web, worker], tmp_path, Stopping())
    assert f"the part {dead!r} ended with code 3" in str(refused.value)
    assert str(tmp_path / f"{dead}.log") in str(refused.value)


def test_it_stops_when_told_so_while_it_waits(tmp_path: Path) -> None:
    stopping = Stopping()
    stopping.ask(15, None)
    with part("web", ready_url="http://127.0.0.1:9/") as web, pytest.raises(NotReady):
        wait_until_ready([web], tmp_path, stopping)


def test_its_line_has_the_sandboxs_key_and_the_readme_names_every_key(tmp_path: Path) -> None:
    place = Place(tmp_path, 1, 2, 3, 4, "secret", "whsec_1", "sk_test_1", "password")
    summary = place.summary()
    assert summary["stripe_key"] == "sk_test_1"
    assert "secret" not in summary.values()
    for name in summary:
        assert f"`{name}`" in README.read_text(), name
