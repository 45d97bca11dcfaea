"""An installation as an operator runs it: web, worker and commands, each a process with settings.

Stripe's part is the sandbox, and the mail server's the mailbox; they stay while ours come and go.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from portal.commands.installation import free_port
from portal.database import Database
from tests.conftest import SECRET
from tests.demo_process import DemoProcess
from tests.sandbox_process import KEY, SandboxProcess, ask, wait_until
from tests.sandbox_process import SECRET as WEBHOOK_SECRET
from tests.warm import WarmProcess, start_portal

READY_SECONDS = 60
STOP_SECONDS = 40
PASSWORD = "a hill of nine quiet lanterns"


@dataclass
class Installation:
    """Its folder, its settings, which may change between two starts, and what runs of it."""

    folder: Path
    settings: dict[str, str]
    port: int
    sandbox_port: int
    mailbox_port: int
    running: dict[str, WarmProcess] = field(default_factory=dict)

    def start(self, part: str, *words: str) -> None:
        """`portal WORDS` in the background; what it says is added to the part's log."""
        log = self.folder / f"{part}.log"
        self.running[part] = start_portal(*words, settings=self.settings, stdout=log, stderr=log)

    def begin(self, *words: str) -> tuple[WarmProcess, Path]:
        """The same for a command that ends by itself, and where its words go."""
        said = self.folder / f"{'-'.join(words[:2]).replace('/', '_')}.said"
        said.unlink(missing_ok=True)
        return start_portal(*words, settings=self.settings, stdout=said, stderr=said), said

    def run(self, *words: str, code: int = 0) -> str:
        """`portal WORDS` to its end, which must have this code; what it said."""
        process, said = self.begin(*words)
        ended = process.wait(READY_SECONDS)
        assert ended == code, f"portal {' '.join(words)}: {ended}\n{said.read_text()}"
        return said.read_text()

    def await_ready(self) -> None:
        wait_until(lambda: self._answers(self.port, "/readyz", "web"), READY_SECONDS)

    def await_theirs(self) -> None:
        """Until the sandbox and the mailbox answer."""
        wait_until(lambda: self._answers(self.sandbox_port, "/healthz", "sandbox"), READY_SECONDS)
        wait_until(lambda: self._answers(self.mailbox_port, "/", "mailbox"), READY_SECONDS)

    def _answers(self, port: int, path: str, part: str) -> bool:
        if self.running[part].poll() is not None:
            raise AssertionError((self.folder / f"{part}.log").read_text())
        with suppress(OSError):
            return ask(port, "GET", path).status == 200
        return False

    def stop(self, *parts: str) -> None:
        """Ask them to end, and wait until they have."""
        for part in parts:
            self.running[part].terminate()
        for part in parts:
            self.running.pop(part).wait(STOP_SECONDS)

    def kill(self, *parts: str) -> None:
        """As a power cut would: each with its whole group, at once."""
        for part in parts:
            with suppress(ProcessLookupError):
                os.killpg(self.running[part].pid, signal.SIGKILL)
            self.running.pop(part).wait(STOP_SECONDS)

    def opened(self, portal: str = "") -> DemoProcess:
        """What donors and staff of the journeys take for the place where they are."""
        return DemoProcess(
            portal=portal or f"http://127.0.0.1:{self.port}",
            mailbox=f"http://127.0.0.1:{self.mailbox_port}",
            sandbox=SandboxProcess(
                self.sandbox_port, self.folder / "sandbox", self.running["sandbox"]
            ),
            webhook_secret=WEBHOOK_SECRET,
            data=self.folder,
            database=Database(self.settings["PORTAL_DATABASE_URL"]),
            staff={"email": "owner@example.org", "password": PASSWORD},
            process=self.running["sandbox"],
        )


@contextmanager
def running_installation(
    folder: Path, hook: str = "", *, web_port: int = 0, **settings: str
) -> Iterator[Installation]:
    """Sandbox and mailbox run; tables, web and worker are the caller's to start.

    `hook` is where events are sent; without it, straight to the web.
    """
    folder.mkdir()
    port, sandbox, mailbox, smtp = _free_ports(web_port or free_port(), 3)
    own = {
        "PORTAL_SECRET_KEY": SECRET,
        "PORTAL_BASE_URL": f"http://127.0.0.1:{port}",
        "PORTAL_UPLOADS": str(folder / "uploads"),
        "PORTAL_TRUSTED_PROXIES": "1",
        "PORTAL_STRIPE_SECRET_KEY": KEY,
        "PORTAL_STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "PORTAL_STRIPE_API_BASE": f"http://127.0.0.1:{sandbox}",
        "PORTAL_MAIL_URL": f"smtp://127.0.0.1:{smtp}",
        "PORTAL_MAIL_FROM": "giving@portal.example",
        "PORTAL_SANDBOX_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "PORTAL_SANDBOX_SECRET_KEY": KEY,
    }
    made = Installation(folder, own | settings, port, sandbox, mailbox)
    try:
        hook = hook or f"http://127.0.0.1:{port}/webhooks/stripe"
        data = ("--data", str(folder / "sandbox"))
        # Stripe knows the address that everybody does.
        listed = f"{made.settings['PORTAL_BASE_URL']}/webhooks/stripe"
        hooks = ("--webhook-url", hook, "--webhook-listed-as", listed)
        made.start("sandbox", "sandbox", "--port", str(sandbox), *data, *hooks)
        data = ("--data", str(folder / "mailbox"))
        words = ("--port", str(mailbox), "--smtp-port", str(smtp), *data)
        made.start("mailbox", "mailbox", *words)
        made.await_theirs()
        yield made
    finally:
        theirs = {"sandbox", "mailbox"}
        made.stop(*(part for part in made.running if part not in theirs))
        made.stop(*list(made.running))


def _free_ports(first: int, more: int) -> list[int]:
    found = [first]
    for _ in range(more):
        found.append(free_port(found))
    return found
