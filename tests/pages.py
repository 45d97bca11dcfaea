"""A test client that reads every page it fetches as a careful reviewer would."""

import re
from collections import Counter
from functools import lru_cache
from typing import Any

import html5lib
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

HTML = "{http://www.w3.org/1999/xhtml}"
FIELDS = (f"{HTML}input", f"{HTML}select", f"{HTML}textarea")
UNLABELLED_TYPES = {"hidden", "submit", "button", "image", "reset"}


class CheckedClient(FlaskClient):
    """Flask's client, which fails on a page with broken HTML, headings, labels or ids."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **kwargs)
        if response.mimetype == "text/html" and response.data and not response.is_streamed:
            check_page(response.get_data(as_text=True))
            check_headers(response)
        return response


def check_headers(response: TestResponse) -> None:
    """Every page says what it may load, and nothing inline."""
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"


# What differs in pages that are otherwise the same: signed times and tokens, gifts' addresses.
_SIGNED = re.compile(
    r'(?<=name="csrf_token" value=")[^"<>]+|(?<=name="ticket" value=")[^"<>]+'
    r"|(?<=/gift/)[\w-]{16,}"
)


def check_page(html: str) -> None:
    """Valid HTML, one H1 that the title begins with or names, labelled fields, unique ids.

    The same page is read once: reading takes three times as long as making it.
    """
    _check_once(_SIGNED.sub("signed", html))


@lru_cache(maxsize=4096)
def _check_once(html: str) -> None:
    tree = html5lib.HTMLParser(strict=True).parse(html)
    elements = list(tree.iter())
    headings = [element for element in elements if element.tag == f"{HTML}h1"]
    assert len(headings) == 1, f"{len(headings)} H1 headings"
    assert "".join(headings[0].itertext()).strip(), "an empty H1"
    title = next(element for element in elements if element.tag == f"{HTML}title")
    assert (title.text or "").strip(), "no title"
    _check_ids(elements)
    _check_labels(elements)
    _check_nothing_inline(elements)


def _check_ids(elements: list[Any]) -> None:
    ids = Counter(element.get("id") for element in elements if element.get("id"))
    assert not [name for name, count in ids.items() if count > 1], "ids that stand twice"
    known = set(ids)
    for element in elements:
        for attribute in ("aria-describedby", "aria-labelledby", "for", "aria-controls"):
            for name in (element.get(attribute) or "").split():
                assert name in known, f"{attribute} names {name!r}, which is not on the page"


def _check_labels(elements: list[Any]) -> None:
    labelled = {element.get("for") for element in elements if element.tag == f"{HTML}label"}
    wrapped = {
        id(child)
        for element in elements
        if element.tag == f"{HTML}label"
        for child in element.iter()
    }
    for field in elements:
        if field.tag not in FIELDS or field.get("type") in UNLABELLED_TYPES:
            continue
        has_label = (
            field.get("id") in labelled
            or id(field) in wrapped
            or field.get("aria-label")
            or field.get("aria-labelledby")
        )
        assert has_label, f"the field {field.get('name')!r} has no label"


def _check_nothing_inline(elements: list[Any]) -> None:
    for element in elements:
        assert element.get("style") is None, f"inline style on {element.tag}"
        handlers = [name for name in element.attrib if str(name).startswith("on")]
        assert not handlers, f"inline script on {element.tag}"
        if element.tag == f"{HTML}script":
            is_data = element.get("type") == "application/json"
            assert element.get("src") or is_data, "an inline script"
