"""The element that carries a panel to other people's pages: the newest, and one for ever."""

from flask import Response, abort, current_app

from portal.sharing.element import Element, make_element
from portal.web import services

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
    response.headers["Cache-Control"] = keeping
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response
