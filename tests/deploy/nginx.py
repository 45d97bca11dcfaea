"""A real nginx with the configuration that ships, before a portal on this machine."""

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

import trustme

from portal.commands.installation import free_port
from tests.deploy.test_files import DEPLOY
from tests.sandbox_process import wait_until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
HOST = "give.example.org"


@dataclass(frozen=True)
class Nginx:
    """Where it listens, and whom to trust to find it genuine."""

    port: int
    authority: trustme.CA
    trusted: Path


@contextmanager
def running_nginx(web_port: int, folder: Path) -> Iterator[Nginx]:
    """With the file as it ships, but for the ports and where certificates lie.

    It is genuine as `HOST`, and at 127.0.0.1 for who can't ask by name.
    """
    made = Nginx(free_port(), trustme.CA(), folder / "authority.pem")
    _issue(made, folder)
    path = _write(made, web_port, folder)
    command = [str(NGINX), "-c", str(path), "-e", str(folder / "error.log")]
    assert subprocess.run([*command, "-t"], check=False).returncode == 0
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: _listens(made.port), 20)
        yield made
    finally:
        process.terminate()
        process.wait(20)


def _issue(made: Nginx, folder: Path) -> None:
    certificate = made.authority.issue_cert(HOST, "127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "privkey.pem")
    for part in certificate.cert_chain_pems:
        part.write_to_path(folder / "fullchain.pem", append=True)
    made.authority.cert_pem.write_to_path(made.trusted)


def _write(made: Nginx, web_port: int, folder: Path) -> Path:
    """The file that ships, within the least of a whole configuration."""
    text = (DEPLOY / "nginx.conf").read_text()
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{web_port}")
    text = text.replace(f"/etc/letsencrypt/live/{HOST}", str(folder))
    text = re.sub(r"listen \[::\].*;", "", text)
    text = text.replace("listen 443 ", f"listen 127.0.0.1:{made.port} ")
    text = text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "all.conf"
    path.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off;\n{temporary}{text}\n}}\n"
    )
    return path


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


@contextmanager
def leading_to(nginx: Nginx) -> Iterator[str]:
    """A proxy for browsers and commands that leads `HOST` to this nginx, as a name server would."""

    class Way(StreamRequestHandler):
        def handle(self) -> None:
            asked = self.rfile.readline().split()
            while self.rfile.readline().strip():
                pass
            if asked[:2] == [b"CONNECT", f"{HOST}:443".encode()]:
                _join(self.connection, nginx.port)

    ThreadingTCPServer.daemon_threads = True
    with ThreadingTCPServer(("127.0.0.1", 0), Way) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def _join(near: socket.socket, port: int) -> None:
    """Pass on what either says until one has nothing more."""
    with socket.create_connection(("127.0.0.1", port)) as far:
        near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=_pass_on, args=(far, near), daemon=True)
        back.start()
        _pass_on(near, far)
        back.join()


def _pass_on(giver: socket.socket, taker: socket.socket) -> None:
    with suppress(OSError):
        while said := giver.recv(65_536):
            taker.sendall(said)
        taker.shutdown(socket.SHUT_WR)
