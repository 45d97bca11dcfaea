"""Only this machine, only by name or number of loopback, and no other site's forms."""

from urllib.parse import urlsplit

from flask import Flask, Request, Response, request

from portal.sandbox.config import LOOPBACK

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
    " frame-ancestors 'none'; form-action 'self'"
)


def install_guard(app: Flask) -> None:
    """Refuse what does not come from here, and mark every answer as the sandbox's."""
    app.before_request(_refuse_strangers)
    app.after_request(_mark)


def _refuse_strangers() -> Response | None:
    if not _host_is_loopback(request):
        # A foreign name that resolves to 127.0.0.1 is how a website reaches local servers.
        return Response("The sandbox answers on 127.0.0.1 only.\n", 421, mimetype="text/plain")
    browser_page = not request.path.startswith("/v1/")
    if browser_page and request.method not in _SAFE and not _same_origin(request):
        return Response("Another site may not use the sandbox.\n", 403, mimetype="text/plain")
    return None


def _host_is_loopback(asked: Request) -> bool:
    return urlsplit(f"//{asked.host}").hostname in LOOPBACK


def _same_origin(asked: Request) -> bool:
    """What a browser says of itself; programs send neither header and are let in."""
    site = asked.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = asked.headers.get("Origin")
    return origin is None or origin == asked.host_url.rstrip("/")


def _mark(response: Response) -> Response:
    response.headers["Portal-Sandbox"] = "1"
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def allow_form_redirect(response: Response, *addresses: str | None) -> Response:
    """Browsers hold a form's redirect against `form-action` too: name where it may end."""
    origins = {
        f"{parts.scheme}://{parts.netloc}"
        for parts in (urlsplit(address) for address in addresses if address)
    }
    policy = " ".join([_POLICY, *sorted(origins)])
    response.headers["Content-Security-Policy"] = policy
    return response
