"""The element `<portal-give>` for other people's pages: `/embed.js`, and the same for ever.

`/embed.js` follows what is newest. `/embed/v1.<mark>.js` never changes, so that a page can say by
a hash (SRI) which bytes it trusts; an address whose mark is another's is none.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

from flask import Response, abort, current_app

from portal import PACKAGE
from portal.i18n import LANGUAGES, gettext, use_locale
from portal.web import services

SOURCE = PACKAGE / "static" / "embed.js"
MARK_DIGITS = 16
LASTING = "public, max-age=31536000, immutable"
FOLLOWING = "public, max-age=300, stale-while-revalidate=86400"


@dataclass(frozen=True, slots=True)
class Element:
    """The script's bytes; `mark` is in its lasting address, `integrity` what a page may ask for."""

    body: bytes
    mark: str
    integrity: str

    @property
    def path(self) -> str:
        return f"/embed/v1.{self.mark}.js"


@lru_cache(maxsize=4)
def make_element(base_url: str) -> Element:
    """The element of the portal at an address, with what it says in every language."""
    words = {}
    for lang in LANGUAGES:
        with use_locale(lang):
            words[lang] = [
                gettext("Give with %(code)s", code="{code}"),
                gettext("Giving form with the code %(code)s", code="{code}"),
            ]
    said = json.dumps(words, ensure_ascii=True, separators=(",", ":"))
    text = SOURCE.read_text().replace('"{PORTAL}"', json.dumps(base_url.rstrip("/")))
    body = text.replace('"{WORDS}"', said).encode()
    digest = hashlib.sha384(body).digest()
    return Element(body, digest.hex()[:MARK_DIGITS], f"sha384-{base64.b64encode(digest).decode()}")


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
