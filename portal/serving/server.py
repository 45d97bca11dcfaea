"""Serving the app with granian."""

import gc
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces, TaskImpl
from granian.http import HTTP1Settings
from granian.log import LogLevels
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from portal.app import LARGEST_REQUEST_BYTES
from portal.giving.gift.transfer_views import ENVELOPE_BYTES
from portal.logs import set_up_logging
from portal.services import Services
from portal.serving.application import WholeRequests
from portal.serving.requests import Limits, Scope
from portal.settings import Settings, load_settings
from portal.staff.access import LARGEST
from portal.web import own_locale

# Files that are no visitor's: the database's, the log's, the libraries'.
OWN = 200
# A connection, and the file of its body where that is large.
EACH = 2


def raise_limit() -> None:
    """Ask for as many files as all connections may need; processes started later have it too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OWN + EACH * Limits().all_connections
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """How many connections a process may have, so that files are left for all else.

    The server stops accepting for good where there is no file for one more.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = Limits().all_connections
    return most if soft == resource.RLIM_INFINITY else max(16, min(most, (soft - OWN) // EACH))


class BodySizes:
    """What the views of an app take, in bytes: most one length, few have their own."""

    def __init__(self, app: Flask) -> None:
        found: Services = app.extensions["portal"]
        self.routes = app.url_map.bind("")
        self.own = LARGEST | {"giving.send_proof": found.settings.upload_bytes + ENVELOPE_BYTES}

    def of(self, scope: Scope) -> int:
        """The most that the view of a request takes; it says so itself where more is sent."""
        try:
            endpoint, _ = self.routes.match(scope["path"], method=scope["method"])
        except (HTTPException, RequestRedirect):
            return LARGEST_REQUEST_BYTES
        return self.own.get(endpoint, LARGEST_REQUEST_BYTES)


GRACE_SECONDS = 25
APP = "portal.serving.server:load"


def load() -> WholeRequests:
    """The application of one web process, from the environment."""
    return load_around(_create)


def load_around(create: Callable[[Settings], Flask]) -> WholeRequests:
    """The same with the app that `create` makes.

    What is made here stays, so none of it is looked through for garbage, now or later: that
    was a sixth of the start.
    """
    # Forked, it has its parent's handlers, which would note a stop here where nobody looks.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    gc.disable()
    try:
        settings = load_settings()
        set_up_logging(settings.log_format)
        app = create(settings)
        return WholeRequests(
            app,
            threads=settings.threads,
            limits=limits_for(settings.threads),
            most_bytes=BodySizes(app).of,
            hops=settings.trusted_proxies,
            own_locale=partial(own_locale, app.extensions["portal"]),
        )
    finally:
        gc.freeze()
        gc.enable()


def _create(settings: Settings) -> Flask:
    from portal.app import create_app

    return create_app(settings)


def limits_for(threads: int) -> Limits:
    """Half of the threads at most make long answers."""
    return Limits(all_connections=most_connections(), streams=max(1, threads // 2))


def run_server(settings: Settings, host: str, port: int, app: str = APP) -> None:
    """Serve `app`, a factory's name, until SIGTERM; requests in flight are finished first.

    HTTP/1 alone: a proxy asks for nothing else, and a connection of HTTP/2 holds hundreds of
    requests and has no time limit for their heads.
    """
    raise_limit()
    # The workers are forked, and share what is loaded here until one of them writes to it.
    gc.collect()
    gc.freeze()
    Granian(
        app,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        task_impl=TaskImpl.asyncio,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=int(Limits().head_seconds * 1000)),
        websockets=False,
        workers=settings.workers,
        backpressure=most_connections(),
        workers_kill_timeout=GRACE_SECONDS,
        respawn_failed_workers=True,
        log_access=False,
        log_level=LogLevels.warning,
    ).serve()
