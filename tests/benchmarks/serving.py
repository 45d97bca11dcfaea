"""A web server in a process of its own, asked over loopback and watched through /proc."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path

from portal.commands.installation import free_port
from portal.settings import Settings
from tests.benchmarks.ground import make_environment
from tests.sandbox_process import wait_until

TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Serving:
    """A running server: its port, its main process and when it was started."""

    port: int
    process: subprocess.Popen[bytes]
    started: float

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def get(self, path: str) -> bytes:
        connection = self.connect()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, (path, answer.status)
            return body
        finally:
            connection.close()

    def is_up(self) -> bool:
        assert self.process.poll() is None, "the server did not start"
        with suppress(OSError):
            return bool(self.get("/healthz"))
        return False

    def workers(self, count: int) -> list[int]:
        """The processes that serve: of the children, those with the most memory."""
        return nlargest(count, _children(self.process.pid), key=proportional_mebibytes)

    def worker(self) -> int:
        """The one that serves, where only one does."""
        return self.workers(1)[0]

    def cpu_seconds(self) -> float:
        """What the serving process has used so far."""
        return cpu_seconds(self.worker())


@contextmanager
def serving(settings: Settings, *command: str) -> Iterator[Serving]:
    """A server started by `python -m <command> <port>` with these settings."""
    port = free_port()
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *command, str(port)],
        env=make_environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = Serving(port, process, started)
    try:
        wait_until(server.is_up, 60)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=40)


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    return _cpu_of(_stat(pid))


def group_cpu_seconds(leader: int) -> float:
    """What all living processes of a group have used so far."""
    return sum(_cpu_of(fields) for fields in _stats() if int(fields[2]) == leader)


def _cpu_of(fields: list[str]) -> float:
    return (int(fields[11]) + int(fields[12])) / TICK


def _stats() -> Iterator[list[str]]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError):
                yield _stat(int(path.name))


def resident_mebibytes(pid: int) -> float:
    """Memory a process holds now, with all that it shares."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def proportional_mebibytes(pid: int) -> float:
    """Memory a process holds now: its own, and its share of what it has in common with others."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    (kibibytes,) = (line.split()[1] for line in lines if line.startswith("Pss:"))
    return int(kibibytes) / 2**10


def group_of(leader: int) -> list[int]:
    """All living processes of a group."""
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [number for number in numbers if _field(number, 2) == leader]


def _children(pid: int) -> list[int]:
    folders = (path for path in Path("/proc").iterdir() if path.name.isdigit())
    return [int(path.name) for path in folders if _parent(int(path.name)) == pid]


def _parent(pid: int) -> int:
    return _field(pid, 1)


def _field(pid: int, number: int) -> int:
    """A whole number that the kernel says of a process; 0 where it has ended."""
    with suppress(OSError):
        return int(_stat(pid)[number])
    return 0


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
