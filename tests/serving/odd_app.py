"""A small app with views that take long, stream or say much, served as the portal is."""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from flask import Flask, Response, jsonify, request, stream_with_context

from portal.serving.server import WholeRequests, limits_for, run_server
from portal.settings import load_settings

THREADS = 4
MOST_BYTES = 100_000
LIMITS = replace(
    limits_for(THREADS), reader_seconds=1.5, body_seconds=1, idle_seconds=0.5, prompt_seconds=0.1
)
state = {"closed": 0, "finished": 0}


def load() -> WholeRequests:
    """The application of the server process."""
    return WholeRequests(
        make_app(), threads=THREADS, limits=LIMITS, most_bytes=lambda _scope: MOST_BYTES
    )


def make_app() -> Flask:
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    for view in (healthz, told, echo, head, sleep, stream, broken, large, cookies, unchanged):
        app.route(f"/{view.__name__}", methods=["GET", "POST"])(view)
    return app


def healthz() -> str:
    return "ok"


def told() -> Response:
    return jsonify(state)


def echo() -> Response:
    return Response(request.get_data())


def head() -> Response:
    return jsonify(dict(request.headers) | {"by": request.remote_addr})


def sleep() -> str:
    time.sleep(float(request.args["seconds"]))
    state["finished"] += 1
    return "slept"


def stream() -> Response:
    """Lines that are made while they are read, and need the request to the end."""

    def lines() -> Iterator[bytes]:
        try:
            for number in range(int(request.args["lines"])):
                yield f"{number:0999}\n".encode()
        finally:
            state["closed"] += 1

    return Response(stream_with_context(lines()), mimetype="text/csv")


def broken() -> Response:
    """A stream that fails behind its first piece."""

    def lines() -> Iterator[bytes]:
        yield b"one\n"
        raise RuntimeError("the database went away")

    return Response(lines())


def large() -> bytes:
    return b"x" * 3_000_000


def cookies() -> Response:
    answer = Response("two")
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer


def unchanged() -> Response:
    answer = Response("text")
    answer.set_etag("same")
    return answer.make_conditional(request)


if __name__ == "__main__":
    run_server(load_settings(), "127.0.0.1", int(sys.argv[1]), "tests.serving.odd_app:load")
