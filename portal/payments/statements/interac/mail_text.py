"""A mail's headers and body as plain text, however it is wrapped."""

import re
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message

from portal.payments.statements.formats.texts import unescaped
from portal.plain import clean_line

BODY_LIMIT = 100_000

_ADDRESS = re.compile(
    r"(?:(?P<name>\"(?:[^\"\\]|\\.){0,200}\"|[^\"<>,@;:()]{0,200}?) ?"
    r"<(?P<bracketed>[^<>@\s\",;]{1,64}@[^<>@\s\",;]{1,255})>"
    r"|(?P<bare>[^<>@\s\",;]{1,64}@[^<>@\s\",;]{1,255}))"
)
_BREAKS = frozenset("p div br tr table li h1 h2 h3 h4 td".split())
# A tag ends before the next begins: each sign is looked at once.
_MARK = re.compile(r"<!--|-->|<(?P<end>/?)(?P<tag>[A-Za-z][A-Za-z0-9]*)\b[^<>]*>|<[!?][^<>]*>")
_HIDDEN = frozenset(("style", "script", "head", "title"))


def header_text(mail: Message, name: str) -> str:
    """A header's text on one line; as it stands if it is wrongly encoded."""
    value = str(mail.get(name, ""))
    return _decoded(value) or clean_line(value)


def one_address(mail: Message, name: str) -> tuple[str, str]:
    """Display name and address of a header; both empty unless it holds exactly one address."""
    values = mail.get_all(name, [])
    found = _ADDRESS.fullmatch(" ".join(str(values[0]).split())) if len(values) == 1 else None
    if found is None:
        return "", ""
    display = re.sub(r"\\(.)", r"\1", (found["name"] or "").strip('"'))
    return _decoded(display), found["bracketed"] or found["bare"]


def _decoded(value: str) -> str:
    """The text of encoded words, or nothing if their encoding is unknown or broken."""
    try:
        value = str(make_header(decode_header(value)))
    except (MessageError, LookupError, ValueError):
        return ""
    return clean_line(value)


def body_text(mail: Message) -> str:
    """The plain part of the body, else the HTML part without its markup."""
    for kind in ("text/plain", "text/html"):
        for part in mail.walk():
            if part.get_content_type() == kind and not part.get_filename():
                text = _content(part)
                return _without_markup(text) if kind == "text/html" else _spaced(text)
    return ""


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    content = payload[:BODY_LIMIT] if isinstance(payload, bytes) else b""
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):  # an unknown name, or one that is no name at all
        return content.decode("utf-8", "replace")


def _without_markup(html: str) -> str:
    """The words of an HTML text, a line for each block, without what no reader sees.

    In one pass: the library's own parser looks for the end of each tag through all the rest
    of the text (https://github.com/python/cpython/issues/135462), half a minute for one mail.
    """
    parts: list[str] = []
    at, hidden, in_comment = 0, 0, False
    for mark in _MARK.finditer(html):
        if not (hidden or in_comment):
            parts.append(_words(html[at : mark.start()]))
        at, tag = mark.end(), (mark["tag"] or "").lower()
        if mark[0] in {"<!--", "-->"}:
            in_comment = mark[0] == "<!--"
        elif not in_comment and tag in _HIDDEN:
            hidden = max(hidden + (-1 if mark["end"] else 1), 0)
        elif tag in _BREAKS:
            parts.append("\n")
    return _spaced("".join(parts) + ("" if hidden or in_comment else _words(html[at:])))


def _words(text: str) -> str:
    return re.sub(r"\s+", " ", unescaped(text))


def _spaced(text: str) -> str:
    """Lines with single spaces."""
    return "\n".join(clean_line(line) for line in text.splitlines()).strip()
