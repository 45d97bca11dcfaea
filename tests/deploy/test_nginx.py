"""The nginx configuration that ships, with a real nginx before a real `portal serve`."""

import http.client
import os
import ssl
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.demo_process import DemoProcess, running_demo
from tests.deploy.nginx import HOST, NGINX, Nginx, running_nginx

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx here")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    with running_demo(
        tmp_path_factory.mktemp("nginx") / "demo",
        PORTAL_TRUSTED_PROXIES="1",
        PORTAL_BASE_URL=f"https://{HOST}",
    ) as demo:
        yield demo


@pytest.fixture(scope="module")
def proxy(demo: DemoProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Proxy"]:
    port = urlsplit(demo.portal).port or 0
    with running_nginx(port, tmp_path_factory.mktemp("conf")) as nginx:
        yield Proxy(nginx)


class Proxy:
    def __init__(self, nginx: Nginx) -> None:
        self.port = nginx.port
        self.context = ssl.create_default_context()
        nginx.authority.configure_trust(self.context)

    def ask(
        self, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, str]:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=30, context=self.context
        )
        connection.connect = lambda: self._connect(connection)  # type: ignore[method-assign]  # another name
        given = {"Host": HOST, **headers}
        connection.request("POST" if body is not None else "GET", path, body, given)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def _connect(self, connection: http.client.HTTPSConnection) -> None:
        http.client.HTTPConnection.connect(connection)
        connection.sock = self.context.wrap_socket(connection.sock, server_hostname=HOST)


def test_a_form_comes_by_tls_with_its_headers(proxy: Proxy) -> None:
    status, headers, text = proxy.ask("/give/ca?code=LWCAN")
    assert (status, "LWCAN" in text) == (200, True)
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_figures_stay_inside(proxy: Proxy) -> None:
    assert proxy.ask("/metrics")[0] == 403


def test_what_a_visitor_says_of_itself_is_not_believed(proxy: Proxy, demo: DemoProcess) -> None:
    said = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": "evil.example"}
    status, _, text = proxy.ask("/", None, **said)
    assert status == 200
    assert "evil.example" not in text
    log = b"".join(path.read_bytes() for path in demo.data.rglob("*.log"))
    assert b"203.0.113.7" not in log


def test_more_than_a_proof_is_refused_before_it_reaches_us(proxy: Proxy) -> None:
    with suppress(ConnectionError):
        assert proxy.ask("/give/ca", os.urandom(12_000_000))[0] == 413
