"""Serving the app with granian."""

import gc
import signal
from collections.abc import Callable

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces, TaskImpl
from granian.http import HTTP1Settings
from granian.log import LogLevels

from portal.logs import set_up_logging
from portal.serving.application import WholeRequests
from portal.serving.files import most_connections, raise_limit
from portal.serving.limits import Limits
from portal.settings import Settings, load_settings

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
        from portal.serving.sizes import BodySizes

        settings = load_settings()
        set_up_logging(settings.log_format)
        app = create(settings)
        return WholeRequests(
            app,
            threads=settings.threads,
            limits=limits_for(settings.threads),
            most_bytes=BodySizes(app).of,
            hops=settings.trusted_proxies,
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
