"""The wire to Stripe: connections are kept and shared, and what fails below HTTP is told apart."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe

from portal.commands.installation import free_port
from portal.payments.stripe.wire import Pace, Share, TooMany, Turn, Wire, taking

SEEN: list[int] = []


class Talker(BaseHTTPRequestHandler):
    """Keeps its connections open, and notes from which of them it was asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        is_first = not SEEN
        SEEN.append(self.client_address[1])
        said = self.rfile.read(int(self.headers["Content-Length"]))
        is_full = said == b"often" or (said == b"once" and is_first)
        self.send_response(429 if is_full else 200)
        if said == b"once":
            self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def talker() -> Iterator[str]:
    SEEN.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Talker)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def open_wire(base: str) -> Wire:
    share = Share(by_endpoint=99, for_donors=99, in_all=99)
    return Wire(base, Pace(share), threads=4, patience=0)


def test_threads_share_the_connections_that_are_open(talker: str) -> None:
    wire = open_wire(talker)
    for _ in range(5):
        with ThreadPoolExecutor(1) as another_thread:
            body, status, _ = another_thread.submit(wire.request, "POST", talker, {}, "a").result()
        assert (body, status) == (b"a", 200)
    assert len(SEEN) == 5
    assert len(set(SEEN)) == 1
    wire.close()


def test_as_many_connections_stay_open_as_there_are_threads(talker: str) -> None:
    wire = open_wire(talker)
    for _ in range(2):
        gate = threading.Barrier(4)

        def ask(gate: threading.Barrier = gate) -> None:
            gate.wait(5)
            wire.request("POST", talker, {}, "a")

        with ThreadPoolExecutor(4) as threads:
            for one in [threads.submit(ask) for _ in range(4)]:
                one.result()
    assert len(set(SEEN)) <= 4
    wire.close()


def test_too_many_is_told_with_how_long_to_wait(talker: str) -> None:
    wire = open_wire(talker)
    with pytest.raises(TooMany) as busy:
        wire.request("POST", talker, {}, "often")
    assert busy.value.seconds > 1
    with pytest.raises(TooMany):
        wire.request("POST", talker, {}, "a")
    assert len(SEEN) == 1, "what has enough is left alone"


def test_who_is_patient_asks_again_once_there_is_room(talker: str) -> None:
    wire = open_wire(talker)
    with taking(Turn(patience=5)):
        _, status, _ = wire.request("POST", talker, {}, "once")
    assert (status, len(SEEN)) == (200, 2)


def test_nobody_there_is_worth_another_try() -> None:
    base = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(stripe.APIConnectionError) as caught:
        open_wire(base).request("POST", base, {}, "a")
    assert caught.value.should_retry


def test_a_proxy_of_the_environment_is_asked(talker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", talker.removeprefix("http://"))
    monkeypatch.setenv("no_proxy", "localhost")
    base = "http://stripe.example"
    assert open_wire(base).request("POST", f"{base}/v1", {}, "a")[1] == 200
    with pytest.raises(stripe.APIConnectionError):
        open_wire("http://localhost:9").request("POST", "http://localhost:9", {}, "a")
