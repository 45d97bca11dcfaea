"""Slow visitors don't stop the site: real sockets against a real `portal serve`.

It serves on four threads. Before, forty of these visitors held all threads for minutes.
"""

import http.client
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from portal.settings import Settings
from tests.benchmarks.ground import make_settings
from tests.benchmarks.serving import Serving, resident_mebibytes, serving
from tests.sandbox_process import wait_until
from tests.serving.slow_visitors import BODY, KINDS, crowd

OTHERS = "127.0.0.9"
ASKED = (("GET", "/healthz", 200), ("GET", "/give/ca", 200), ("POST", "/give/ca", 422))
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PATIENCE = 3.0


@pytest.fixture(scope="module")
def settings(sqlite_catalogued: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = tmp_path_factory.mktemp("served") / "portal.db"
    shutil.copy(sqlite_catalogued, path)
    return make_settings(f"sqlite:///{path}", threads=4)


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[Serving]:
    with serving(settings, "portal", "serve", "--port") as server:
        server.get("/give/ca")
        yield server


def ask(server: Serving, method: str, path: str) -> tuple[int, float]:
    """The status, and after how many seconds."""
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        connection.request(method, path, "amount=5" if method == "POST" else None, FORM)
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.monotonic() - started
    finally:
        connection.close()


def connections(server: Serving) -> int:
    """The files that the serving process has open."""
    return len(list(Path(f"/proc/{server.worker()}/fd").iterdir()))


def was_ended(visitor: socket.socket) -> bool:
    """Whether the server closed the connection of one who waits for nothing."""
    try:
        return visitor.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("kind", KINDS)
def test_forty_of_a_kind_stop_nobody(server: Serving, kind: str) -> None:
    with crowd(server.port, KINDS[kind], 40) as slow:
        wait_until(lambda: len(slow.visitors) == slow.count, 5)
        for method, path, status in ASKED * 2:
            assert ask(server, method, path)[0] == status


def test_hundreds_of_all_kinds_together_stop_nobody(server: Serving) -> None:
    before = resident_mebibytes(server.worker())
    with ExitStack() as stack:
        slow = [
            stack.enter_context(crowd(server.port, kind, 80, OTHERS)) for kind in KINDS.values()
        ]
        wait_until(lambda: all(len(one.visitors) == one.count for one in slow), 10)
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            for method, path, status in ASKED:
                assert ask(server, method, path)[0] == status
        assert sum(one.ended for one in slow) > 0
        assert resident_mebibytes(server.worker()) - before < 60


def test_a_network_holds_no_more_than_its_share(server: Serving) -> None:
    """What it would hold beyond is ended, within a moment and for good."""
    before, visitors = connections(server), []
    with ExitStack() as stack:
        for _ in range(300):
            visitor = stack.enter_context(socket.socket())
            visitor.bind((OTHERS, 0))
            visitor.connect(("127.0.0.1", server.port))
            visitor.setblocking(False)
            visitors.append(visitor)
        wait_until(lambda: sum(map(was_ended, visitors)) >= 190, 5)
        wait_until(lambda: connections(server) <= before + 110, 5)
        assert ask(server, "GET", "/healthz")[0] == 200


def test_stops_at_once_though_somebody_is_slow(settings: Settings) -> None:
    """Who was nearly there is still answered; the others are told.

    The other process may only just be starting.
    """
    both = settings.model_copy(update={"workers": 2})
    with serving(both, "portal", "serve", "--port") as server, ExitStack() as stack:
        slow = [stack.enter_context(_begun(server)) for _ in range(6)]
        ready = stack.enter_context(_begun(server))
        # Until their heads are there: whoever comes during a stop is not waited for.
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        ready.sendall(b"a" * 1000)
        assert ready.recv(100).startswith(b"HTTP/1.1 422")
        assert slow[0].recv(100).startswith(b"HTTP/1.1 503")
        assert server.process.wait(15) == 0


def _begun(server: Serving) -> socket.socket:
    visitor = socket.create_connection(("127.0.0.1", server.port), timeout=8)
    visitor.sendall(BODY)
    return visitor
