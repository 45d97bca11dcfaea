"""Real processes of the portal, copied from one that has loaded its code.

Each is a process like any other, with settings, files and an end of its own; only the second or
two in which Python loads the code is spent once a test process.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from portal.commands.installation import run_command

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.warm_code"])


class WarmProcess:
    """One of them, asked as a `subprocess.Popen` is."""

    def __init__(self, target: Callable[..., object], *arguments: Any) -> None:
        self._process: BaseProcess = CONTEXT.Process(target=target, args=arguments)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("portal", timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def settings_alone(settings: Mapping[str, str]) -> dict[str, str]:
    """This environment with these settings of ours and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    return {**kept, **settings}


def start_portal(
    *arguments: str,
    settings: Mapping[str, str],
    stdout: Path = Path(os.devnull),
    stderr: Path = Path(os.devnull),
) -> WarmProcess:
    """`portal ARGUMENTS` with these settings alone; what it says is added to the files."""
    environment = settings_alone(settings)
    return WarmProcess(run_command, [*arguments], environment, stdout, stderr)
