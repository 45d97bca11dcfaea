"""What the server answers by itself is a page in the reader's language."""

import pytest

from portal.i18n import LANGUAGES, direction, gettext, use_locale
from portal.serving.connections import TEXTS, read_reader, refusal
from tests.pages import check_page

EVERY = [(lang, status) for lang in LANGUAGES for status in (*TEXTS, 502)]


@pytest.mark.parametrize(("lang", "status"), EVERY)
def test_each_refusal_is_a_page_in_each_language(lang: str, status: int) -> None:
    headers, body = refusal(status, "0123456789abcdef", lang)
    page, sent = body.decode(), dict(headers)
    check_page(page)
    assert f'<html lang="{lang}" dir="{direction(lang)}">' in page
    assert "0123456789abcdef" in page
    assert int(sent[b"content-length"]) == len(body)
    assert sent[b"content-language"].decode() == lang
    assert (b"retry-after" in sent) == (status in {429, 503})
    english = TEXTS.get(status, TEXTS[500])
    with use_locale(lang):
        for text in english:
            assert gettext(text) in page
            assert (gettext(text) == text) == (lang == "en")


def test_a_page_is_styled_without_a_further_request() -> None:
    headers, body = refusal(503, "1", "en")
    assert b"style-src 'sha256-" in dict(headers)[b"content-security-policy"]
    assert b"<link" not in body


@pytest.mark.parametrize("lang", LANGUAGES)
def test_who_wants_no_page_gets_text(lang: str) -> None:
    headers, body = refusal(429, "1", lang, as_page=False)
    assert dict(headers)[b"content-type"] == b"text/plain; charset=utf-8"
    assert b"<" not in body


def read(path: str = "/", query: str = "", accepted: str = "", own: str = "") -> str:
    headers = [(b"accept-language", accepted.encode())] if accepted else []
    scope = {"path": path, "query_string": query.encode(), "headers": headers}
    return read_reader(scope, lambda asked: own if asked == "/give/kr" else "").locale


@pytest.mark.parametrize(
    ("accepted", "lang"),
    [
        ("", "en"),
        ("*", "en"),
        ("zh-TW,zh;q=0.9", "en"),
        ("ko-KR,ko;q=0.9,en;q=0.5", "ko"),
        ("en;q=0.3,ar-EG;q=0.9", "ar"),
        ("zh,JA;q=0.4", "ja"),
        ("de;q=0,es-419", "es"),
        ("de;q=0", "en"),
        ("\x00;;q=ü", "en"),
    ],
)
def test_the_browser_says_its_language(accepted: str, lang: str) -> None:
    assert read(accepted=accepted) == lang


def test_an_address_may_say_it_and_a_page_has_its_own() -> None:
    assert read(query="amount=5&lang=fr-CA", accepted="de") == "fr"
    assert read(query="lang=xx", accepted="de") == "de"
    assert read("/give/kr", accepted="de", own="ko_KR") == "ko_KR"
    assert read("/give/kr", "lang=fr", "de", own="ko_KR") == "fr"
    assert read("/give/kr", "lang=ko", "de", own="ko_KR") == "ko_KR"


def test_only_a_browser_wants_a_page() -> None:
    scope = {"path": "/", "query_string": b"", "headers": [(b"accept", b"*/*")]}
    assert not read_reader(scope).wants_page
    scope["headers"] = [(b"accept", b"application/xhtml+xml"), (b"accept", b"text/html")]
    assert read_reader(scope).wants_page
