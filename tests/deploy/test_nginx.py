"""The nginx configuration that ships, with a real nginx before a real `portal serve`."""

import http.client
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from portal.commands.processes import free_port
from tests.demo_process import DemoProcess, running_demo
from tests.deploy.test_files import DEPLOY
from tests.sandbox_process import wait_until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx here")
HOST = "give.example.org"


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
    with running_nginx(demo, tmp_path_factory.mktemp("conf")) as proxy:
        yield proxy


class Proxy:
    def __init__(self, port: int, authority: trustme.CA) -> None:
        self.port = port
        self.context = ssl.create_default_context()
        authority.configure_trust(self.context)

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


@contextmanager
def running_nginx(demo: DemoProcess, folder: Path) -> Iterator[Proxy]:
    """With the file as it ships, but for the ports and where certificates lie."""
    port, authority = free_port(), trustme.CA()
    certificate = authority.issue_cert(HOST)
    certificate.private_key_pem.write_to_path(folder / "privkey.pem")
    for part in certificate.cert_chain_pems:
        part.write_to_path(folder / "fullchain.pem", append=True)
    text = (DEPLOY / "nginx.conf").read_text()
    text = text.replace("127.0.0.1:8000", demo.portal.removeprefix("http://"))
    text = text.replace("/etc/letsencrypt/live/give.example.org", str(folder))
    text = re.sub(r"listen \[::\].*;", "", text)
    text = text.replace("listen 443 ", f"listen 127.0.0.1:{port} ")
    text = text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "all.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off;\n{temporary}{text}\n}}\n"
    )
    command = [str(NGINX), "-c", str(folder / "all.conf"), "-e", str(folder / "error.log")]
    assert subprocess.run([*command, "-t"], check=False).returncode == 0
    process = subprocess.Popen(command)
    proxy = Proxy(port, authority)
    try:
        wait_until(lambda: _answers(proxy), 20)
        yield proxy
    finally:
        process.terminate()
        process.wait(20)


def _answers(proxy: Proxy) -> bool:
    with suppress(OSError):
        return proxy.ask("/healthz")[0] == 200
    return False


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
