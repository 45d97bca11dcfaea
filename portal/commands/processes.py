"""One of our commands as a process of its own, begun from the code that is loaded already.

To load it takes a second or two of a small machine, for each process; a copy of this one has it
at once and shares its memory. Where copies of a process aren't safe (macOS's own libraries
don't survive them) each loads its own.

And the ports of this machine for servers that only this machine reaches.
"""

import gc
import os
import random
import signal
import socket
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

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


# What the commands import only when they run.
LATE = (
    *("portal.app", "portal.worker", "portal.serving.application", "portal.schema"),
    *("portal.sandbox.server", "portal.mailbox", "portal.serving.server", "granian.server"),
)


def load_all() -> None:
    """Import what commands import late, so that copies of this process needn't."""
    for name in LATE:
        import_module(name)
    gc.collect()
    gc.freeze()


def start_command(
    arguments: Sequence[str], environment: Mapping[str, str], log: Path
) -> BaseProcess:
    """`portal ARGUMENTS`, leading a group of its own, with all that it says added to `log`."""
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    process: BaseProcess = context.Process(  # type: ignore[attr-defined] # both kinds have it
        target=run_command, args=(list(arguments), dict(environment), log, log)
    )
    process.start()
    return process


def run_command(
    arguments: list[str], environment: dict[str, str], stdout: Path, stderr: Path
) -> None:
    """Be that command, from here to the end of the process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    for path, stream in ((stdout, 1), (stderr, 2)):
        _send(path, stream)
    from portal.cli import main

    main(arguments, prog_name="portal")


def _send(path: Path, stream: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, stream)
    os.close(file)
