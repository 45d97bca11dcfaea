"""What the server itself answers where the app is not asked: short, whole, in one language."""

import hashlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from markupsafe import Markup
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from portal.i18n import choose_language, direction, gettext, html_lang, use_locale
from portal.serving.requests import Scope
from portal.web import ERROR_TEXTS

Headers = list[tuple[bytes, bytes]]
# Answers that are worth another try, and after how many seconds.
AGAIN = {429, 503}
AGAIN_AFTER = b"60"
TOO_SLOW = (
    "That took too long",
    "The request took too long to arrive. Please send it again.",
)
TOO_MANY = (
    ERROR_TEXTS[503][0],
    "Too many requests come from your network at once. Try again in a minute.",
)
TEXTS = {408: TOO_SLOW, 429: TOO_MANY, 500: ERROR_TEXTS[500], 503: ERROR_TEXTS[503]}

# Without a request for a sheet, which might be refused as well.
STYLE = (
    "body{font:1.0625rem/1.5 system-ui,sans-serif;max-inline-size:36rem;margin:12vh auto;"
    "padding-inline:1.25rem}h1{font-size:1.5rem;line-height:1.25}"
)
PAGE = Markup(
    '<!doctype html>\n<html lang="{lang}" dir="{direction}">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<title>{title}</title>\n<meta name="color-scheme" content="light dark">\n'
    '<meta name="robots" content="noindex">\n<style>{style}</style>\n</head>\n<body>\n<main>\n'
    "<h1>{title}</h1>\n<p>{text}</p>\n<p>{quote}</p>\n</main>\n</body>\n</html>\n"
)
_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'none'"
)


def refusal(
    status: int, request_id: str, locale: str, *, as_page: bool = True
) -> tuple[Headers, bytes]:
    """Headers and body of an answer; the connection is closed behind it.

    It names its request as all answers do, by an id that stands in the log.
    """
    with use_locale(locale):
        title, text = (gettext(one) for one in TEXTS.get(status, TEXTS[500]))
        quote = gettext("If you write to us about this, quote %(number)s.", number=request_id)
    body = _page(locale, title, text, quote) if as_page else f"{title}\n{text}\n{quote}\n"
    return _headers(status, request_id, locale, body.encode(), as_page=as_page), body.encode()


def _page(locale: str, title: str, text: str, quote: str) -> str:
    return PAGE.format(
        lang=html_lang(locale),
        direction=direction(locale),
        title=title,
        text=text,
        quote=quote,
        style=Markup(STYLE),  # noqa: S704 - a constant of ours
    )


def _headers(status: int, request_id: str, locale: str, body: bytes, *, as_page: bool) -> Headers:
    headers = {
        "x-request-id": request_id,
        "content-type": f"text/{'html' if as_page else 'plain'}; charset=utf-8",
        "content-language": html_lang(locale),
        "content-length": str(len(body)),
        "content-security-policy": POLICY,
        "cache-control": "no-store",
        "vary": "Accept, Accept-Language",
        "x-content-type-options": "nosniff",
        "connection": "close",
    }
    if status in AGAIN:
        headers["retry-after"] = AGAIN_AFTER.decode()
    return [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a refusal: in which locale, and whether as a page, as a browser shows it."""

    locale: str
    wants_page: bool


def read_reader(scope: Scope, own: Callable[[str], str] = lambda _path: "") -> Reader:
    """By `lang` in the address, else by the page's `own` locale, else by what a browser accepts."""
    asked = parse_qs(scope["query_string"].decode("latin-1")).get("lang", [""])[0]
    accepted = parse_accept_header(_header(scope, b"accept-language"), LanguageAccept)
    tags = [tag for tag, quality in accepted if quality > 0]
    locale = choose_language(asked, tags, own(scope["path"]))
    return Reader(locale, "text/html" in _header(scope, b"accept"))


def _header(scope: Scope, name: bytes) -> str:
    return b",".join(text for one, text in scope["headers"] if one == name).decode("latin-1")
