"""One of our commands as a process of its own, begun from the code that is loaded already.

To load it takes a second or two of a small machine, for each process; a copy of this one has it
at once and shares its memory. Where copies of a process aren't safe (macOS's own libraries
don't survive them) each loads its own.
"""

import gc
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

# What the commands import only when they run.
LATE = (
    *("portal.app", "portal.worker", "portal.serving.application", "portal.schema"),
    *("portal.sandbox.server", "portal.mailbox.server", "portal.serving.server", "granian.server"),
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
