"""What `portal doctor` sees when it asks the address that donors see."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from portal.commands.doctor import Finding, _examine_base_address
from portal.settings import load_settings
from tests.conftest import SECRET


@contextmanager
def serving(answer: Callable[..., Any]) -> Iterator[str]:
    """A WSGI application at an address of its own."""
    server = make_server("127.0.0.1", 0, answer, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def ask(base_url: str) -> Finding:
    return _examine_base_address(load_settings(secret_key=SECRET, base_url=base_url))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_portal_without_a_proxy_is_well(app: Flask) -> None:
    with serving(app) as address:
        found = ask(address)
    assert (found.is_well, found.text) == (True, f"{address}/readyz answers 200, as it should")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_proxy_that_the_settings_do_not_know_is_seen(app: Flask) -> None:
    def passed_on(environ: dict[str, Any], start: Any) -> Any:
        return app(environ | {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, start)

    with serving(passed_on) as address:
        found = ask(address)
    assert not found.is_well
    assert "PORTAL_TRUSTED_PROXIES is 0" in found.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_somebody_else_at_the_address_is_seen(app: Flask) -> None:
    with serving(Flask("another")) as address:
        found = ask(address)
    assert not found.is_well
    assert "answers 404, but not as this portal does" in found.text


def test_nobody_at_the_address_is_said() -> None:
    found = ask("http://127.0.0.1:9")
    assert not found.is_well
    assert "does not answer (ConnectionError)" in found.text
