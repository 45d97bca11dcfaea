"""What other people's pages load of a panel: the element that carries it, and its colours."""

from functools import lru_cache

from flask import Response, abort, current_app, request

from portal import PACKAGE
from portal.regions.branding import accent_sheet
from portal.sharing.element import Element, make_element
from portal.sharing.panel import Theme, force_scheme, read_theme
from portal.web import services

TOKENS = PACKAGE / "static" / "tokens.css"
LONGEST_ACCENT = 40
LASTING = "public, max-age=31536000, immutable"
FOLLOWING = "public, max-age=300, stale-while-revalidate=86400"


def embed_script() -> Response:
    """The newest element."""
    return _send(_element(), FOLLOWING)


def embed_version(mark: str) -> Response:
    """The element that was meant, or none: an old one is nobody's any more."""
    element = _element()
    if mark != element.mark:
        abort(404)
    return _send(element, LASTING)


def _element() -> Element:
    return make_element(services().settings.base_url)


def _send(element: Element, keeping: str) -> Response:
    response: Response = current_app.response_class(
        element.body, mimetype="text/javascript", content_type="text/javascript; charset=utf-8"
    )
    return _for_all(response, keeping)


def _for_all(response: Response, keeping: str) -> Response:
    """Any page may load it, also one that isolates itself or checks what it loads (SRI)."""
    response.headers["Cache-Control"] = keeping
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def embed_style(scheme: str) -> Response:
    """The colours of a panel: the product's tokens with a host's accent, light, dark or both."""
    theme = read_theme(request.args.get("accent", "")[:LONGEST_ACCENT], scheme)
    response: Response = current_app.response_class(make_style(theme), mimetype="text/css")
    return _for_all(response, LASTING)


@lru_cache(maxsize=64)
def make_style(theme: Theme) -> str:
    """The sheet of a theme; any accent becomes one that can be read."""
    accent = accent_sheet(f"#{theme.accent}") if theme.accent else ""
    return force_scheme(f"{TOKENS.read_text()}\n{accent}", theme.scheme)
