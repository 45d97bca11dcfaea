"""A long answer that the app fails at: its reader sees no end of it, its operator why."""

import asyncio
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from portal.serving.requests import Limits, VisitorLeft
from portal.serving.streaming import Answer, Streams


def broken(_environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/csv")])
    yield b"a line\n"
    raise RuntimeError("the database went away")


async def work(step: Callable[[], Any]) -> Any:
    return step()


async def stream(sent: list[dict[str, Any]]) -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    environ = {"REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO()}
    answer = Answer(broken, environ, Limits().whole_answer, Limits().piece_bytes)
    answer.start()
    await Streams(Limits()).send(answer, work, receive, send)


def test_an_answer_that_breaks_off_is_never_ended_and_is_in_the_log() -> None:
    sent: list[dict[str, Any]] = []
    # A browser that the journeys keep has a loop of its own in this thread.
    with ThreadPoolExecutor(1) as thread, structlog.testing.capture_logs() as logs:
        ended = thread.submit(lambda: asyncio.run(stream(sent)))
        assert isinstance(ended.exception(), VisitorLeft)
    assert [message.get("more_body") for message in sent] == [None, True]
    assert [(line["event"], line["log_level"]) for line in logs] == [("answer_broken_off", "error")]
