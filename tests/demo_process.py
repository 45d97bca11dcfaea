"""Run the whole sample installation as its users do: `portal demo --json`, a process of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from portal.commands.installation import free_port
from portal.database import Database
from tests.sandbox_process import Answer, SandboxProcess, ask, wait_until
from tests.warm import WarmProcess, start_portal

STOP_SECONDS = 40
READY_SECONDS = 120


@dataclass(frozen=True)
class DemoProcess:
    """A running demo: its addresses, its sandbox's control, its mail and its database."""

    portal: str
    mailbox: str
    sandbox: SandboxProcess
    webhook_secret: str
    data: Path
    database: Database
    staff: dict[str, str]
    process: WarmProcess

    @property
    def origins(self) -> frozenset[str]:
        """All that its pages may speak to."""
        return frozenset({self.portal, self.mailbox, self.sandbox.url})

    def request(
        self,
        method: str,
        url: str,
        *,
        form: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request to the portal, without following where it leads; `url` may be a path."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        port = parts.port or urlsplit(self.portal).port
        return ask(port or 80, method, path, form=form, headers=headers)

    def messages(self) -> list[dict[str, Any]]:
        """Every message in the mailbox, newest first."""
        found: list[dict[str, Any]] = self.request("GET", f"{self.mailbox}/api/messages").json
        return found

    def messages_to(self, email: str) -> list[dict[str, Any]]:
        return [one for one in self.messages() if email in one["recipients"]]

    def await_messages(self, email: str, count: int, seconds: float = 30) -> list[dict[str, Any]]:
        """The messages to an address, newest first, once there are so many."""
        found: list[dict[str, Any]] = wait_until(
            lambda: len(self.messages_to(email)) >= count and self.messages_to(email), seconds
        )
        return found

    def pid_of(self, part: str) -> int:
        """The process that leads the group of `web`, `worker`, `sandbox` or `mailbox`."""
        return int((self.data / f"{part}.pid").read_text())

    def settle(self) -> None:
        """Wait until every webhook had its first delivery and no job is left."""
        assert self.sandbox.control("drain", timeout=20)["idle"]
        wait_until(lambda: not self.open_jobs(), 30)

    def open_jobs(self) -> list[tuple[Any, ...]]:
        """Jobs that have not ended well: those that wait or run, and those that gave up."""
        with self.database.read() as session:
            rows = session.connection().exec_driver_sql(
                "SELECT key, status FROM jobs WHERE status <> 'done'"
            )
            return [tuple(row) for row in rows]

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)


@contextmanager
def running_demo(data: Path, **environment: str) -> Iterator[DemoProcess]:
    """A demo in a folder of its own; `environment` holds further settings of it.

    It trusts one proxy's word on where visitors come from, so that each donor of a test can
    be a visitor of their own: limits count by visitor.
    """
    port, said = str(free_port()), data.with_name(f"{data.name}.said")
    process = start_portal(
        *("demo", "--json", "--data", str(data), "--port", port),
        settings={"PORTAL_TRUSTED_PROXIES": "1"} | environment,
        stdout=said,
        stderr=data.with_name(f"{data.name}.log"),
    )
    try:
        line = wait_until(lambda: process.poll() is not None or read_line(said), READY_SECONDS)
        assert isinstance(line, str), f"the demo did not start: see the logs in {data}"
        demo = _read(json.loads(line), process)
        yield demo
        demo.database.close()
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(STOP_SECONDS)


def read_line(path: Path) -> str:
    """The file's first line, once it has an end."""
    text = path.read_text() if path.exists() else ""
    return text if text.endswith("\n") else ""


def _read(told: dict[str, Any], process: WarmProcess) -> DemoProcess:
    data = Path(told["data"])
    port = urlsplit(told["sandbox"]).port or 0
    return DemoProcess(
        portal=told["portal"],
        mailbox=told["mailbox"],
        sandbox=SandboxProcess(port, data / "sandbox", process, told["stripe_key"]),
        webhook_secret=told["webhook_secret"],
        data=data,
        database=Database(told["database"]),
        staff=told["staff"],
        process=process,
    )
