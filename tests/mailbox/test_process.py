"""The mailbox as a process of its own: SMTP in, JSON out, a clean end."""

import json
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import pytest

from portal.commands.installation import free_port
from tests.mailbox.test_store import make_message

RUN = "import sys; from pathlib import Path; from portal.mailbox import main; "
RUN += "main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))"


def start(ports: tuple[int, int], folder: Path) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-W", "error", "-c", RUN, *map(str, ports), str(folder)]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE)


def wait_until_it_serves(port: int) -> None:
    """Until it answers: its port is open a little before it heeds signals."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with (
            suppress(OSError, HTTPException),
            urlopen(f"http://127.0.0.1:{port}/api/messages", timeout=5),
        ):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing answers on {port}")


@pytest.fixture
def ports() -> tuple[int, int]:
    one = free_port()
    return one, free_port({one})


@pytest.fixture
def mailbox(ports: tuple[int, int], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start(ports, tmp_path)
    wait_until_it_serves(ports[0])
    yield process
    process.kill()
    process.wait()
    if process.stderr is not None:
        process.stderr.close()


def test_message_sent_is_message_shown(
    mailbox: subprocess.Popen[bytes], ports: tuple[int, int], tmp_path: Path
):
    with smtplib.SMTP("127.0.0.1", ports[1]) as server:
        server.send_message(make_message())
    with urlopen(f"http://127.0.0.1:{ports[0]}/api/messages") as answer:
        [message] = json.load(answer)
    assert message["subject"] == "Votre don : reçu 2026-000417"
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1


def test_asked_to_stop_it_stops_at_once(mailbox: subprocess.Popen[bytes]):
    mailbox.send_signal(signal.SIGTERM)
    assert mailbox.wait(timeout=5) == 0
    assert mailbox.communicate()[1] == b""


def test_taken_port_is_said_in_a_sentence(
    mailbox: subprocess.Popen[bytes], ports: tuple[int, int], tmp_path: Path
):
    second = start(ports, tmp_path / "second")
    _, problem = second.communicate(timeout=20)
    assert second.returncode == 1
    assert b"Choose others." in problem
