"""Serving the app with granian."""

import gc

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from portal.logs import set_up_logging
from portal.settings import Settings

GRACE_SECONDS = 25
APP = "portal.server:load"


def load() -> object:
    """The WSGI application of one web process, from the environment.

    What is made here stays, so none of it is looked through for garbage, now or later: that
    was a sixth of the start.
    """
    gc.disable()
    try:
        from portal.app import create_app
        from portal.settings import load_settings

        settings = load_settings()
        set_up_logging(settings.log_format)
        return create_app(settings)
    finally:
        gc.freeze()
        gc.enable()


def run_server(settings: Settings, host: str, port: int, app: str = APP) -> None:
    """Serve `app`, a factory's name, until SIGTERM; requests in flight are finished first."""
    Granian(
        app,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        workers_kill_timeout=GRACE_SECONDS,
        respawn_failed_workers=True,
        log_access=False,
        log_level=LogLevels.warning,
    ).serve()
