"""Ports of this machine for servers that only this machine reaches."""

import random
import socket
from collections.abc import Collection

# Below what the common systems give to outgoing connections (32768 and up): whoever asks a port
# of those again and again until a server listens may be given that very port as its own end, talk
# to itself, and keep the server from listening (TCP's simultaneous open).
CHOICE = range(10_000, 32_000)
TRIES = 1_000


def free_port(taken: Collection[int] = ()) -> int:
    """A port of the loopback that nobody listens on just now, and that isn't `taken`.

    `OSError` where none is found.
    """
    for port in random.sample(CHOICE, TRIES):
        if port not in taken and is_free(port):
            return port
    raise OSError("no free port was found on this machine")


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True
