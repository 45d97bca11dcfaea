"""What every page shares: services, request ids, security headers, guards, error pages."""

import contextlib
import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from ipaddress import ip_address, ip_network
from typing import IO, Any, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from babel.dates import format_date as babel_format_date
from flask import (
    Flask,
    Request,
    Response,
    abort,
    current_app,
    g,
    jsonify,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from itsdangerous import BadSignature, Signer
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.formparser import FormDataParser

from portal import PACKAGE
from portal.database import DatabaseUnavailable
from portal.i18n import (
    choose_language,
    current_locale,
    direction,
    gettext,
    html_lang,
    is_locale_set,
    ngettext,
    set_locale,
)
from portal.limits import anonymise
from portal.logs import get_logger
from portal.money import Money, format_money
from portal.services import Services
from portal.settings import Settings

Parsed = tuple[IO[bytes], MultiDict[str, str], MultiDict[str, Any]]


class NamedParts(FormDataParser):
    """Reads forms as Werkzeug does, and drops what has no name."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Parsed:
        rest, form, files = super().parse(stream, mimetype, content_length, options)
        return rest, self._named(form), self._named(files)

    def _named(self, parts: MultiDict[str, Any]) -> MultiDict[str, Any]:
        """The parts with a name; a file without one is closed, as nobody else will."""
        for part in parts.getlist(None):  # type: ignore[call-overload]  # the name that no part has
            if isinstance(part, FileStorage):
                part.close()
        return self.cls((name, part) for name, part in parts.items(multi=True) if name is not None)


class PortalRequest(Request):
    """A request whose form has names alone."""

    form_data_parser_class = NamedParts


log = get_logger()

TICKET_LIFE = timedelta(hours=24)
TICKET_STEP = timedelta(minutes=10)


def services() -> Services:
    """What the app of this request works with."""
    return cast(Services, current_app.extensions["portal"])


def _template_globals() -> dict[str, Any]:
    """What every template may call."""
    return {
        "gettext": gettext,
        "ngettext": ngettext,
        "_": gettext,
        "format_money": lambda money: format_money(money, current_locale()),
        "format_date": format_date,
        "locale": current_locale,
        "html_lang": lambda: html_lang(current_locale()),
        "direction": lambda: direction(current_locale()),
        "static": static_url,
        "url_for": address_of,
        "money": Money,
    }


def set_up_web(app: Flask) -> None:
    """Hooks, template globals and error pages, on a fresh app."""
    app.request_class = PortalRequest
    app.extensions["addresses"] = {}
    app.before_request(_begin)
    app.after_request(_finish)
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=False)  # type: ignore[attr-defined]  # added by the extension
    app.jinja_env.globals |= _template_globals()
    app.register_error_handler(HTTPException, _show_http_error)
    app.register_error_handler(DatabaseUnavailable, _show_unavailable)
    app.register_error_handler(Exception, _show_crash)


def format_date(at: datetime, timezone: str = "UTC", style: str = "long") -> str:
    """The day of `at` in a time zone, as a reader of the current locale writes it."""
    local = at.astimezone(ZoneInfo(timezone))
    return str(babel_format_date(local, format=style, locale=current_locale()))


@cache
def _static_version(path: str) -> str:
    with contextlib.suppress(OSError):
        return hashlib.sha256((PACKAGE / "static" / path).read_bytes()).hexdigest()[:12]
    return ""


def static_url(path: str) -> str:
    """A static file's address, which changes with its content, so that caches may keep it."""
    return _keep_address("static", filename=path, v=_static_version(path))


def address_of(endpoint: str, **values: Any) -> str:
    """Flask's `url_for`; an address without values is made once.

    A page's frame has some twenty of these, and making them cost as much as an empty page.
    """
    if values or endpoint.startswith("."):
        return url_for(endpoint, **values)
    return _keep_address(endpoint)


def _keep_address(endpoint: str, **values: Any) -> str:
    """An address, made once for each place that this app is mounted at."""
    kept = cast(dict[tuple[str, ...], str], current_app.extensions["addresses"])
    key = (request.script_root, endpoint, *values.values())
    if (found := kept.get(key)) is None:
        found = kept[key] = url_for(endpoint, **values)
    return found


def _begin() -> None:
    g.started = time.perf_counter()
    g.request_id = begin_request()


def begin_request() -> str:
    """The new id of a request, which all that this thread logs bears from now on."""
    request_id = secrets.token_hex(8)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    set_locale("")
    return request_id


BASE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors {ancestors}; "
    "form-action {actions}"
)


@cache
def content_policy(actions: tuple[str, ...], ancestors: str) -> str:
    """The Content-Security-Policy of a page: nothing inline, nothing from elsewhere."""
    return BASE_POLICY.format(actions=" ".join(actions), ancestors=ancestors)


@cache
def lasting_headers(is_secure: bool) -> tuple[tuple[str, str], ...]:
    """What every answer says to a browser, unless a page says otherwise."""
    headers = {
        "Content-Security-Policy": content_policy(("'self'",), "'none'"),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    if is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return tuple(headers.items())


def _finish(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-Id"] = g.get("request_id", "")
    if "csp_form_action" in g or "csp_ancestors" in g:
        actions, ancestors = g.get("csp_form_action", ("'self'",)), g.get("csp_ancestors", "'none'")
        headers.setdefault("Content-Security-Policy", content_policy(actions, ancestors))
    for name, value in lasting_headers(services().settings.is_secure):
        headers.setdefault(name, value)
    if request.endpoint == "static" and response.status_code == 200:
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    started = g.get("started", time.perf_counter())
    log_request(request.method, request.endpoint or "-", response.status_code, started)
    return response


def log_request(method: str, endpoint: str, status: int, started: float) -> None:
    """The line of a request that was answered; `started` by `time.perf_counter`."""
    ms = round((time.perf_counter() - started) * 1000, 1)
    log.info("request", method=method, endpoint=endpoint, status=status, ms=ms)


def guard_public_post() -> None:
    """Refuse a form that another site sent; browsers say so in headers no page can forge."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            abort(403)
        return
    origin = request.headers.get("Origin")
    if origin is not None and origin not in _own_origins():
        abort(403)


def _own_origins() -> frozenset[str]:
    parts = urlsplit(services().settings.base_url)
    return frozenset({f"{parts.scheme}://{parts.netloc}", request.host_url.rstrip("/")})


def _signer(settings: Settings) -> Signer:
    return Signer(settings.secret_key.get_secret_value(), salt="form-ticket")


def make_ticket(settings: Settings, now: datetime) -> str:
    """A signed time for a form's hidden `ticket`: that we made the page, and when.

    The time is that of a ten-minute step, so that a page stays the same byte for byte and
    caches can answer "not modified", whichever process made it.
    """
    step = int(TICKET_STEP.total_seconds())
    return _signer(settings).sign(str(int(now.timestamp()) // step * step)).decode()


def check_ticket(settings: Settings, text: str, now: datetime) -> bool:
    """Whether we made this ticket within the last day."""
    try:
        made = int(_signer(settings).unsign(text))
    except (BadSignature, ValueError):
        return False
    return made <= now.timestamp() <= made + TICKET_LIFE.total_seconds()


def client_key(from_request: Request | None = None) -> str:
    """The visitor's network as a keyed hash; an IPv6 household counts as one visitor."""
    address = (from_request or request).remote_addr or "0.0.0.0"  # noqa: S104 - a name for "unknown"
    with contextlib.suppress(ValueError):
        if ip_address(address).version == 6:
            address = str(ip_network(f"{address}/64", strict=False))
    return anonymise(services().settings.secret_key.get_secret_value(), address)


ERROR_TEXTS = {
    400: ("We could not read that request", "Go back, reload the page and try again."),
    403: (
        "This request was refused",
        "It seems to come from another site. Open the page here and send it again.",
    ),
    404: ("We can’t find that page", "Check the address, or start again from the first page."),
    405: ("That can’t be done here", "Open the page again from the start."),
    413: ("That is too large", "Send less text or a smaller file."),
    429: (
        "Too many tries",
        "Wait a few minutes, then try again. No money was moved by this request.",
    ),
    500: (
        "Something went wrong on our side",
        "Nothing you typed moved any money on this page. If you had just paid, your gift is "
        "safe: Stripe has recorded it, and it will be confirmed by e-mail.",
    ),
    503: (
        "We can’t take this just now",
        "Nothing was half-done. Please try again in a minute. If you had just paid, your gift "
        "is safe and will be confirmed by e-mail.",
    ),
}


def error_page(status: int) -> Response:
    """The page for an error: what happened, what became of the money, what to do."""
    title, text = ERROR_TEXTS.get(status, ERROR_TEXTS[500 if status >= 500 else 400])
    if request.path.startswith("/webhooks/") or request.accept_mimetypes.best == "application/json":
        response = jsonify(error=title, request_id=g.get("request_id"))
    else:
        response = current_app.make_response(
            render_template(
                "errors/error.html",
                status=status,
                title=gettext(title),
                text=gettext(text),
                request_id=g.get("request_id", ""),
            )
        )
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    if status in {429, 503}:
        response.headers["Retry-After"] = "60"
    return response


def _show_http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return cast(Response, error.response)
    _locale_of_request()
    return error_page(error.code or 500)


def _show_unavailable(error: DatabaseUnavailable) -> Response:
    log.error("database_unavailable", exc_info=error)
    _locale_of_request()
    return error_page(503)


def _show_crash(error: Exception) -> Response:
    log.error("crash", exc_info=error)
    _locale_of_request()
    return error_page(500)


def _locale_of_request() -> None:
    """Let an error speak as its page would have, which may have said so already."""
    if not is_locale_set():
        own = own_locale(services(), request.path)
        set_locale(choose_language(request.args.get("lang", ""), accepted_languages(), own))


def accepted_languages() -> list[str]:
    """The languages the browser asks for, best first."""
    return [tag for tag, quality in request.accept_languages if tag != "*" and quality > 0]


FORM = re.compile(r"/give/([^/]+)")


def own_locale(installation: Services, path: str) -> str:
    """What the page of a path speaks where its address asks for nothing; empty where that varies.

    A region's form speaks its first locale. By the catalogue as it was last seen: the server's
    loop waits for no database.
    """
    matched, kept = FORM.fullmatch(path), installation.regions.kept
    region = kept.by_slug(matched[1]) if matched and kept else None
    return region.locales[0] if region else ""


def utc_now() -> datetime:
    """Now, by the app's clock."""
    return services().now()


def send_csv(name: str, pieces: Iterator[str]) -> Response:
    """A file to keep, named after the minute, sent as it is made."""
    response = Response(stream_with_context(pieces), mimetype="text/csv")
    filename = f"{name}-{utc_now():%Y-%m-%d-%H%M}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response
