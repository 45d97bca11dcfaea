"""The sandbox's process: one worker on loopback, its threads, its file."""

import fcntl
import logging
import multiprocessing
import os
import threading
from functools import partial
from pathlib import Path
from typing import IO, Any

from flask import Flask, Response, jsonify
from granian import Granian
from granian.constants import Interfaces

from portal.sandbox.api import make_api
from portal.sandbox.billing import ensure_configuration, make_billing_pages
from portal.sandbox.control import make_control, make_control_page
from portal.sandbox.deliveries import Senders
from portal.sandbox.events import ensure_own_endpoint
from portal.sandbox.fields import StripeError
from portal.sandbox.pages import install_guard, make_pages
from portal.sandbox.schedule import next_due, run_due
from portal.sandbox.store import SandboxConfig, SandboxRefused
from portal.sandbox.world import World

_log = logging.getLogger(__name__)
_TICK_SECONDS = 0.25


def main(
    *,
    port: int,
    data: Path,
    webhook_url: str | None,
    webhook_secret: str,
    secret_key: str = "sk_test_sandbox",  # noqa: S107 - opens nothing but this sandbox
    webhook_listed_as: str = "",
) -> None:
    """Serve until told to stop. Raises `SandboxRefused` with what to do when it can't start."""
    config = SandboxConfig(
        port=port,
        data=data,
        webhook_url=webhook_url,
        webhook_listed_as=webhook_listed_as,
        webhook_secret=webhook_secret,
        secret_key=secret_key,
    )
    serve(config)


def serve(config: SandboxConfig) -> None:
    config.data.mkdir(parents=True, exist_ok=True)
    with (config.data / "sandbox.lock").open("w") as lock:
        _hold(lock, config.data)
        server = Granian(
            "portal.sandbox.server",
            address=config.host,
            port=config.port,
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=config.threads,
            workers_kill_timeout=5,
            log_enabled=False,
        )
        server.serve(target_loader=partial(_load, config), wrap_loader=False)


def _hold(lock: IO[str], data: Path) -> None:
    """Two sandboxes on one file would send every webhook twice."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SandboxRefused(
            f"Another sandbox already uses {data}. Stop it, or give this one its own folder."
        ) from None


def _load(config: SandboxConfig, *_: Any) -> Flask:
    app = create_sandbox(config)
    world: World = app.extensions["sandbox"]
    Senders(world).start()
    threading.Thread(target=_tick, args=(world,), name="clock", daemon=True).start()
    return app


def create_sandbox(config: SandboxConfig) -> Flask:
    """The web application alone: nothing is sent and no time passes by itself."""
    world = World(config)
    ensure_own_endpoint(world)
    ensure_configuration(world)
    app = Flask(__name__, template_folder=str(_templates()), static_folder="static")
    app.extensions["sandbox"] = world
    install_guard(app)
    for blueprint in (make_api, make_pages, make_billing_pages, make_control, make_control_page):
        app.register_blueprint(blueprint(world))
    app.add_url_rule("/healthz", view_func=lambda: jsonify(status="ok", sandbox=True))
    app.register_error_handler(StripeError, _refusal)
    return app


def _refusal(error: StripeError) -> tuple[Response, int]:
    return jsonify(error.body), error.status


def _templates() -> Path:
    """Beside the package when installed from a wheel, at the top of a source tree."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def _tick(world: World) -> None:
    """Let due things happen as time passes by itself, for as long as the main process lives."""
    parent = multiprocessing.parent_process()
    while parent is None or parent.is_alive():
        try:
            due = next_due(world)
            if due is not None and due <= world.now():
                run_due(world)
        except Exception:  # noqa: BLE001 - one failed task must not stop the clock
            _log.exception("sandbox_tick_failed")
        with world.store.changed:
            world.store.changed.wait(_TICK_SECONDS)
    # A main process that was killed outright can't stop its worker; nothing is lost by this.
    os._exit(1)
