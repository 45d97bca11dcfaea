"""Which connections are ended, by what the kernel says of this very process."""

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from portal.serving.connections import YOUNG, Connections
from portal.serving.requests import Limits, network_of, visitor_of

FEW = Limits(connections=8, all_connections=40)


@dataclass
class Door:
    """A port of this process: who comes is accepted, and seen as the server sees them."""

    listener: socket.socket
    stack: ExitStack

    def come(self, address: str = "127.0.0.1") -> socket.socket:
        visitor = self.stack.enter_context(socket.socket())
        visitor.bind((address, 0))
        visitor.connect(self.listener.getsockname())
        self.stack.enter_context(self.listener.accept()[0])
        visitor.settimeout(0)
        return visitor


@pytest.fixture
def door() -> Iterator[Door]:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        yield Door(listener, stack)


def is_ended(visitor: socket.socket) -> bool:
    try:
        return visitor.recv(1) == b""
    except BlockingIOError:
        return False


def test_the_oldest_idle_ones_of_a_network_are_ended(door: Door) -> None:
    connections = Connections(FEW, is_exempt=False)
    old = [door.come() for _ in range(5)]
    connections.keep(0)
    connections.begin(old[0].getsockname())
    new = [door.come() for _ in range(6)]
    others = [door.come("127.0.0.2") for _ in range(8)]
    connections.keep(0.9)
    assert not any(map(is_ended, [*old, *new, *others]))
    connections.keep(1 + YOUNG)
    assert [is_ended(one) for one in old] == [False, True, True, False, False]
    assert not any(map(is_ended, [*new, *others]))
    assert connections.ended == 2


def test_whoever_just_asked_is_not_idle(door: Door) -> None:
    connections = Connections(FEW, is_exempt=False)
    visitors = [door.come() for _ in range(9)]
    connections.keep(0)
    connections.begin(visitors[0].getsockname())
    connections.finish(visitors[0].getsockname())
    connections.keep(5)
    assert [is_ended(one) for one in visitors[:3]] == [False, True, False]
    assert not connections.busy


def test_nobody_stays_who_neither_reads_nor_asks(door: Door) -> None:
    connections = Connections(FEW, is_exempt=True)
    visitor = door.come()
    connections.keep(0)
    connections.keep(FEW.reader_seconds)
    assert not is_ended(visitor)
    connections.keep(FEW.reader_seconds + 1)
    assert is_ended(visitor)


def test_trusted_proxies_are_exempt_until_all_room_is_taken(door: Door) -> None:
    connections = Connections(FEW, is_exempt=True)
    visitors = [door.come() for _ in range(19)]
    connections.keep(0)
    connections.keep(5)
    assert not any(map(is_ended, visitors))
    visitors += [door.come() for _ in range(12)]
    connections.keep(5.1)
    assert sum(map(is_ended, visitors)) > 20


def test_stopping_ends_the_idle(door: Door) -> None:
    connections = Connections(FEW, is_exempt=False)
    idle, busy = door.come(), door.come()
    connections.begin(busy.getsockname())
    connections.keep(0)
    connections.is_stopping = True
    connections.keep(FEW.farewell_seconds)
    assert (is_ended(idle), is_ended(busy)) == (True, False)


LOCK = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'ab'), fcntl.LOCK_EX | fcntl.LOCK_NB)"


def test_a_database_keeps_its_locks_where_a_visitor_was(door: Door, tmp_path: Path) -> None:
    """A number that was a connection's may be a file's by now; closing a copy drops its locks."""
    connections = Connections(FEW, is_exempt=False)
    visitor = door.come()
    connections.keep(0)
    known = next(filter(None, connections.known.values()))
    path = tmp_path / "portal.db"
    with path.open("ab") as file:
        saved = os.dup(known.fd)
        os.dup2(file.fileno(), known.fd)
        fcntl.lockf(known.fd, fcntl.LOCK_EX)
        count = len(os.listdir("/proc/self/fd"))
        connections._shut(known)
        assert len(os.listdir("/proc/self/fd")) == count
        locked = subprocess.run([sys.executable, "-c", LOCK, path], stderr=-3, check=False)
        assert locked.returncode == 1
        os.dup2(saved, known.fd)
        os.close(saved)
    assert not is_ended(visitor)
    assert connections.ended == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("hops", "forwarded", "visitor"),
    [
        (0, [b"198.51.100.7"], "192.0.2.1"),
        (1, [], "192.0.2.1"),
        (1, [b"203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        (2, [b"203.0.113.9", b"198.51.100.7"], "203.0.113.9"),
        (2, [b"198.51.100.7"], "192.0.2.1"),
    ],
)
def test_proxies_name_their_visitors(hops: int, forwarded: list[bytes], visitor: str) -> None:
    headers = [(b"x-forwarded-for", text) for text in forwarded]
    scope = {"client": ("192.0.2.1", 4711), "headers": headers}
    assert visitor_of(scope, hops) == visitor
