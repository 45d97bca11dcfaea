"""`portal demo`: a whole sample installation on one machine, in one command.

Starts the Stripe sandbox, a mailbox, the web server and a worker as processes of their own,
restarts one that dies, and stops them all together.
"""

import http.client
import json
import os
import secrets
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

import sqlalchemy as sa

from portal.commands.installation import (
    add_staff,
    free_port,
    is_free,
    load_all,
    prepare,
    start_command,
)
from portal.commands.seal_key import ensure_key
from portal.database import Database
from portal.settings import Settings, load_settings
from portal.signin.accounts import StaffUser

TELL_SECONDS = 5
STOP_SECONDS = 15
STAFF_EMAIL = "staff@example.org"
# Whoever tries the demo is all of its visitors.
FREE_STARTS = {"PORTAL_FREE_STARTS": "2000", "PORTAL_FREE_STARTS_BY_NETWORK": "2000"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one demo lives: its folder, ports and secrets."""

    data: Path
    web_port: int
    sandbox_port: int
    mailbox_port: int
    smtp_port: int
    secret_key: str
    webhook_secret: str
    stripe_key: str
    staff_password: str

    @property
    def database_url(self) -> str:
        given = os.environ.get("PORTAL_DATABASE_URL")
        return given or f"sqlite:///{self.data / 'portal.db'}"

    def url(self, port: int) -> str:
        return f"http://127.0.0.1:{port}"

    def environment(self) -> dict[str, str]:
        """The settings of every process."""
        own = {
            "PORTAL_ENVIRONMENT": "demo",
            "PORTAL_SECRET_KEY": self.secret_key,
            "PORTAL_DATABASE_URL": self.database_url,
            "PORTAL_BASE_URL": self.url(self.web_port),
            "PORTAL_STRIPE_SECRET_KEY": self.stripe_key,
            "PORTAL_STRIPE_WEBHOOK_SECRETS": self.webhook_secret,
            "PORTAL_STRIPE_API_BASE": self.url(self.sandbox_port),
            "PORTAL_MAIL_URL": f"smtp://127.0.0.1:{self.smtp_port}",
            "PORTAL_MAIL_FROM": "giving@portal.example",
            "PORTAL_UPLOADS": str(self.data / "uploads"),
            "PORTAL_SEAL_KEY": str(self.data / "seal.pem"),
            "PORTAL_SANDBOX_WEBHOOK_SECRET": self.webhook_secret,
            "PORTAL_SANDBOX_SECRET_KEY": self.stripe_key,
        }
        return FREE_STARTS | os.environ | own

    def summary(self) -> dict[str, object]:
        """What `--json` prints."""
        return {
            "portal": self.url(self.web_port),
            "sandbox": self.url(self.sandbox_port),
            "mailbox": self.url(self.mailbox_port),
            "webhook_secret": self.webhook_secret,
            "stripe_key": self.stripe_key,
            "data": str(self.data),
            "database": self.database_url,
            "staff": {"email": STAFF_EMAIL, "password": self.staff_password},
        }


@dataclass
class Child:
    """One process of the demo, in a group of its own so that it ends with its own children."""

    name: str
    arguments: list[str]
    ready_url: str | None
    process: BaseProcess | None = None
    restarts: int = 0

    def start(self, place: Place) -> None:
        log = place.data / f"{self.name}.log"
        self.process = start_command(self.arguments, place.environment(), log)
        self._note_pid(place.data / f"{self.name}.pid", self.pid)

    @staticmethod
    def _note_pid(path: Path, pid: int) -> None:
        """Whole or not at all, for whoever reads it while a process is started again."""
        unfinished = path.with_suffix(".pid.new")
        unfinished.write_text(str(pid))
        unfinished.replace(path)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.exitcode is None

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        if self.process is None or self.process.pid is None:
            raise LookupError(f"{self.name} was never started")
        return self.process.pid

    def signal(self, number: int) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)


def run_demo(*, port: int, data: Path, as_json: bool) -> int:
    """Start everything and stay until told to stop; the exit code."""
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    place = find_place(data, port)
    try:
        _prepare(place)
    except OSError as error:
        print(f"portal: the data folder can't be used: {error}", file=sys.stderr)
        return 1
    children = list(_children(place))
    load_all()
    stopping = _stop_on_signals()
    try:
        for child in children:
            child.start(place)
        try:
            wait_until_ready(children, data, stopping)
        except NotReady as error:
            print(f"portal: {error}", file=sys.stderr)
            return 1
        _announce(place, as_json=as_json)
        _supervise(children, place, stopping)
    finally:
        _stop(children)
    return 0


def find_place(data: Path, port: int) -> Place:
    """The demo of a folder: its secrets are made once and kept."""
    kept = data / "demo.json"
    values: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    for name, make in _SECRETS.items():
        values.setdefault(name, make())
    kept.touch(mode=0o600)
    kept.write_text(json.dumps(values, indent=1))
    web, sandbox, mailbox, smtp = _free_ports(port)
    return Place(
        data=data,
        web_port=web,
        sandbox_port=sandbox,
        mailbox_port=mailbox,
        smtp_port=smtp,
        **values,
    )


_SECRETS: dict[str, Callable[[], str]] = {
    "secret_key": lambda: secrets.token_urlsafe(48),
    "webhook_secret": lambda: f"whsec_{secrets.token_urlsafe(24)}",
    "stripe_key": lambda: f"sk_test_{secrets.token_hex(16)}",
    "staff_password": lambda: secrets.token_urlsafe(12),
}


def _free_ports(port: int) -> list[int]:
    """The wanted port, and three more: the next ones, or any that are free."""
    ports = [port]
    for wanted in (port + 1, port + 2, port + 3):
        ports.append(wanted if is_free(wanted) and wanted not in ports else free_port(ports))
    return ports


def _prepare(place: Place) -> None:
    settings = _settings(place)
    prepare(settings)
    ensure_key(settings)
    database = Database(settings.database_url)
    with database.read() as session:
        known = session.scalar(sa.select(StaffUser.id).where(StaffUser.email == STAFF_EMAIL))
    database.close()
    if known is None:
        add_staff(
            settings,
            email=STAFF_EMAIL,
            name="Sample Staff",
            role="admin",
            password=place.staff_password,
        )


def _settings(place: Place) -> Settings:
    return load_settings(
        environment="demo",
        secret_key=place.secret_key,
        database_url=place.database_url,
        base_url=place.url(place.web_port),
        seal_key=str(place.data / "seal.pem"),
    )


def _children(place: Place) -> Iterator[Child]:
    web, sandbox = place.url(place.web_port), place.url(place.sandbox_port)
    mailbox = place.url(place.mailbox_port)
    hook = ["--webhook-url", f"{web}/webhooks/stripe"]
    folder = ["--data", str(place.data / "sandbox")]
    yield Child(
        "sandbox", ["sandbox", "--port", str(place.sandbox_port), *folder, *hook], f"{sandbox}/"
    )
    smtp = ["--smtp-port", str(place.smtp_port), "--data", str(place.data / "mailbox")]
    yield Child("mailbox", ["mailbox", "--port", str(place.mailbox_port), *smtp], f"{mailbox}/")
    yield Child("web", ["serve", "--port", str(place.web_port)], f"{web}/readyz")
    yield Child("worker", ["worker"], None)


class Stopping:
    """Whether someone asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def _stop_on_signals() -> Stopping:
    stopping = Stopping()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopping.ask)
    return stopping


class NotReady(Exception):
    """The demo can't go on; the text says which part ended, how, and where its log is."""


def wait_until_ready(
    children: list[Child],
    data: Path,
    stopping: Stopping,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Wait for one part after the other, as long as all live: machines may be slow.

    Every few seconds stderr says for what. `NotReady` where a part ended or a stop was asked.
    """
    for child in children:
        began = told = now()
        while child.ready_url and not _answers(child.ready_url):
            _check_alive(children, data, stopping)
            if now() - told >= TELL_SECONDS:
                told = now()
                _tell_waiting(child, data, told - began)
            time.sleep(0.1)
    _check_alive(children, data, stopping)


def _check_alive(children: list[Child], data: Path, stopping: Stopping) -> None:
    if stopping.asked:
        raise NotReady("stopped before everything was ready")
    for child in children:
        if child.process is not None and child.process.exitcode is not None:
            raise NotReady(
                f"the part {child.name!r} ended with code {child.process.exitcode} before "
                f"everything was ready; its log says why: {data / f'{child.name}.log'}"
            )


def _tell_waiting(child: Child, data: Path, seconds: float) -> None:
    log = data / f"{child.name}.log"
    print(f"portal: waiting for {child.name} for {seconds:.0f} s (log: {log})", file=sys.stderr)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def _announce(place: Place, *, as_json: bool) -> None:
    summary = place.summary()
    if as_json:
        print(json.dumps(summary), flush=True)
        return
    print(
        f"""
The portal is running. Nothing here moves real money.

  Give                {summary["portal"]}/c/LWCAN
  All regions         {summary["portal"]}/
  Staff               {summary["portal"]}/staff   {STAFF_EMAIL} / {place.staff_password}
  Mailbox             {summary["mailbox"]}/
  Stripe sandbox      {summary["sandbox"]}/   pay with card 4242 4242 4242 4242
  Data and logs       {summary["data"]}

Stop with Ctrl+C.
""",
        flush=True,
    )


def _supervise(children: list[Child], place: Place, stopping: Stopping) -> None:
    """Restart what dies until asked to stop."""
    while not stopping.asked:
        for child in children:
            if not child.is_running and not stopping.asked:
                child.signal(signal.SIGKILL)
                child.restarts += 1
                print(f"portal: {child.name} ended and is started again", file=sys.stderr)
                child.start(place)
        time.sleep(0.2)


def _stop(children: list[Child]) -> None:
    """Ours first: a job that is under way can still reach the sandbox and the mailbox."""
    theirs = [child for child in children if child.name in {"sandbox", "mailbox"}]
    _stop_together([child for child in children if child not in theirs])
    _stop_together(theirs)


def _stop_together(children: list[Child]) -> None:
    for child in children:
        child.signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        if child.process is not None:
            child.process.join(max(deadline - time.monotonic(), 0.1))
        child.signal(signal.SIGKILL)
