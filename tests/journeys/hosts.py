"""Somebody else's web page, with a strict policy of its own, on another loopback port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>News of the day</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{head}</head>
<body><h1>News of the day</h1>{body}</body></html>"""


@dataclass(frozen=True)
class Host:
    """A running site: `name` as a code lists it; `pages` by their paths.

    Those in `isolated` let nothing in that does not say it may be there (COEP).
    """

    name: str
    portal: str
    pages: dict[str, str]
    isolated: set[str]

    def address(self, path: str) -> str:
        return f"http://{self.name}{path}"

    def put(self, path: str, body: str, *, head: str = "", lang: str = "en") -> str:
        """Show a page there; its address."""
        self.pages[path] = PAGE.format(lang=lang, head=head, body=body)
        return self.address(path)

    @property
    def policy(self) -> str:
        """As strict as a page with the panel can be: two lines for the portal, nothing inline."""
        return (
            f"default-src 'none'; script-src {self.portal}; frame-src {self.portal}; "
            "base-uri 'none'; form-action 'none'"
        )


@contextmanager
def hosting(portal: str) -> Iterator[Host]:
    """A site for one test: on `localhost`, which is no part of the portal's own."""
    pages: dict[str, str] = {}
    isolated: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 204)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", host.policy)
            self.send_header("Referrer-Policy", "no-referrer")
            if self.path in isolated:
                self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = Host(f"localhost:{server.server_port}", portal, pages, isolated)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield host
    server.shutdown()
    thread.join()
    server.server_close()
