"""Start a real sandbox process, and a small receiver for its webhooks."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from portal.commands.installation import free_port
from portal.sandbox.server import serve
from portal.sandbox.store import SandboxConfig
from tests.warm import WarmProcess

Json = dict[str, Any]
KEY = "sk_test_for_the_tests"

SECRET = "whsec_for_the_tests"


def _serve(data: Path, options: Json) -> None:
    serve(SandboxConfig(data=data, **options))


def wait_until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """The condition's first truthy answer, asked for often."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


@dataclass(frozen=True)
class Answer:
    """A response of the sandbox, read whole."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def location(self) -> str | None:
        return self.headers.get("Location")


def ask(
    port: int,
    method: str,
    path: str,
    *,
    form: Any = None,
    body: Any = None,
    headers: Json | None = None,
) -> Answer:
    """One request to a server on this machine, answered whole; redirects are not followed."""
    sent = dict(headers or {})
    payload: bytes | None = None
    if form is not None:
        payload = urlencode(form).encode()
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    if body is not None:
        payload = json.dumps(body).encode()
        sent["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, payload, sent)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode())
    finally:
        connection.close()


@dataclass
class SandboxProcess:
    """A running sandbox and how to talk to it."""

    port: int
    data: Path
    process: WarmProcess
    key: str = KEY

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(
        self,
        method: str,
        path: str,
        *,
        form: Any = None,
        body: Any = None,
        headers: Json | None = None,
    ) -> Answer:
        """One request; `form` is sent as a browser does, `body` as JSON."""
        return ask(self.port, method, path, form=form, body=body, headers=headers)

    def api(self, method: str, path: str, form: Any = None, **headers: str) -> Answer:
        """A bare API request with the key."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request(
            method, path, form=form, headers={"Authorization": f"Bearer {self.key}"} | named
        )

    def control(self, path: str, **body: Any) -> Any:
        """A call of the control API, which must succeed."""
        answer = self.request("POST", f"/_control/{path}", body=body)
        assert answer.status == 200, answer.text
        return answer.json

    def look(self, path: str) -> Any:
        return self.request("GET", f"/_control/{path}").json

    def submit(self, url: str, **fields: str) -> Answer:
        """Post a form of one of its pages, without following where it leads."""
        return self.request("POST", urlsplit(url).path, form=fields)

    def pay(self, url: str, card: str = "4242 4242 4242 4242", **fields: str) -> Answer:
        """Fill in and submit the pay page."""
        filled = {"card_number": card, "exp": "12 / 40", "cvc": "123", "name": "Ama Mensah"}
        return self.submit(url, **filled | fields)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=15)


@contextmanager
def running_sandbox(data: Path, **options: Any) -> Iterator[SandboxProcess]:
    """A sandbox of its own; options are those of `SandboxConfig`."""
    port = int(options.pop("port", 0)) or free_port()
    settings = {"port": port, "webhook_secret": SECRET, "secret_key": KEY, "settle_after": 0}
    process = WarmProcess(_serve, data, settings | options)
    sandbox = SandboxProcess(port, data, process)
    try:
        wait_until(lambda: _answers(sandbox), 20)
        yield sandbox
    finally:
        if process.poll() is None:
            sandbox.stop()


def _answers(sandbox: SandboxProcess) -> bool:
    assert sandbox.process.poll() is None, "the sandbox did not start"
    try:
        return sandbox.request("GET", "/healthz").status == 200
    except (OSError, http.client.HTTPException):
        return False


@dataclass(frozen=True)
class Received:
    """One webhook as it came in."""

    body: bytes
    signature: str
    at: float

    @property
    def event(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Keeps what it gets; `answers` are the next statuses, 200 when there are none."""

    port: int
    got: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    pause: float = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/stripe"

    def types(self) -> list[str]:
        return [one.event["type"] for one in self.got]

    def await_type(self, type: str, count: int = 1) -> Any:
        """The latest event of a type, once so many of it have come."""
        found = wait_until(
            lambda: (
                self.types().count(type) >= count
                and [one.event for one in self.got if one.event["type"] == type]
            )
        )
        return found[-1]


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """A web server that takes webhooks."""
    receiver = Receiver(port=0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(receiver.pause)
            receiver.got.append(Received(body, self.headers["Stripe-Signature"], time.time()))
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Nothing on the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
