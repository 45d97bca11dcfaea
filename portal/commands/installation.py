"""Putting an installation together, for web requests and commands alike, and its processes."""

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

from portal.clock import Clock, SystemClock
from portal.codes.operations import load_sample_codes
from portal.database import POOL_SIZE, Database
from portal.jobs.promising import Jobs
from portal.payments.providers import Providers
from portal.payments.stripe.gateway import Gateway
from portal.payments.stripe.subscriptions import Stripe
from portal.regions.operations import load_region_files
from portal.regions.queries import CatalogueCache, means_of
from portal.schema import upgrade
from portal.services import Services
from portal.settings import Settings
from portal.signin.accounts import Role, add_user


def prepare(settings: Settings) -> None:
    """Tables, and regions of one's own; in a demo the samples, too. Safe to run again."""
    database = Database(settings.database_url)
    upgrade(database)
    now = SystemClock().now()
    with database.write() as session:
        if settings.environment == "demo":
            load_region_files(session, now)
        if settings.regions:
            load_region_files(session, now, Path(settings.regions))
        if settings.environment == "demo":
            load_sample_codes(session, now)
    database.close()


def make_providers(settings: Settings, *, is_background: bool = False) -> Providers:
    """Everybody who can take payments for us, set up or not.

    In the background their requests wait for donors'.
    """
    return Providers(Stripe(Gateway(settings, is_background=is_background)))


def prove_outside(settings: Settings) -> list[tuple[str, bool, str]]:
    """What the doctor finds of address, Stripe and mail: what it calls each, is it well, a text."""
    from portal.commands.doctor import ask_outside

    return [(one.what, one.is_well, one.text) for one in ask_outside(settings)]


def make_services(
    settings: Settings,
    clock: Clock | None = None,
    *,
    pool_size: int = POOL_SIZE,
    is_background: bool = False,
) -> Services:
    """What the web, the worker and the commands work with."""
    database = Database(settings.database_url, pool_size=pool_size)
    providers = make_providers(settings, is_background=is_background)
    return Services(
        settings=settings,
        database=database,
        clock=clock or SystemClock(),
        jobs=Jobs(database),
        providers=providers,
        regions=CatalogueCache(database, means_of(settings, providers)),
    )


def add_staff(settings: Settings, *, email: str, name: str, role: str, password: str) -> None:
    """A staff member who can sign in; ValueError says what is wrong."""
    services = make_services(settings)
    with services.write() as act:
        add_user(act, email, name, Role(role), password)
    services.close()


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
    *("portal.app", "portal.worker", "portal.serving.server", "portal.schema"),
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
