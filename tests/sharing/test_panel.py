"""Who may show a panel, and how it is asked to look."""

import pytest

from portal import PACKAGE
from portal.sharing.panel import force_scheme, list_ancestors, match_host, read_theme

HOSTS = ("news.example.org", "*.example.com", "127.0.0.1:8123")


@pytest.mark.parametrize(
    "origin",
    [
        "https://news.example.org",
        "http://news.example.org",
        "https://give.example.com",
        "https://a.b.example.com",
        "http://127.0.0.1:8123",
    ],
)
def test_a_host_that_is_listed_is_known_by_its_origin(origin: str) -> None:
    assert match_host(HOSTS, origin) == origin


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://example.org",
        "https://news.example.org.evil.example",
        "https://evilnews.example.org",
        "https://example.com",
        "https://badexample.com",
        "https://.example.com",
        "http://127.0.0.1",
        "http://127.0.0.1:9000",
        "https://news.example.org:8443",
        "https://news.example.org/page",
        "https://user@news.example.org",
        "https://user:pw@news.example.org",
        "javascript:news.example.org",
        "ftp://news.example.org",
        "https://news.example.org:99999",
        "https://[::1",
        '"><script>',
        "https://" + "a." * 400 + "example.com",
    ],
)
def test_no_other_origin_is(origin: str) -> None:
    assert match_host(HOSTS, origin) == ""


def test_a_code_without_hosts_is_framed_by_the_portal_alone() -> None:
    assert list_ancestors(()) == "'self'"
    assert list_ancestors(HOSTS) == "'self' news.example.org *.example.com 127.0.0.1:8123"


@pytest.mark.parametrize(
    ("accent", "digits"),
    [
        ("#0F5F57", "0f5f57"),
        ("0f5f57", "0f5f57"),
        (" #abc ", "aabbcc"),
        ("red", ""),
        ("#12345", ""),
        ("#12345g", ""),
        ("url(x)", ""),
        ("", ""),
    ],
)
def test_an_accent_is_six_digits_or_nothing(accent: str, digits: str) -> None:
    assert read_theme(accent, "dark").accent == digits


@pytest.mark.parametrize("scheme", ["", "DARK", "no", "light dark"])
def test_an_unknown_scheme_is_the_devices(scheme: str) -> None:
    assert read_theme("", scheme).scheme == "auto"


def test_a_scheme_holds_whatever_the_device_asks_for() -> None:
    sheet = (PACKAGE / "static" / "tokens.css").read_text()
    assert force_scheme(sheet, "auto") == sheet
    for scheme, condition in (("light", "not all"), ("dark", "all")):
        forced = force_scheme(sheet, scheme)
        assert f"@media {condition} {{" in forced
        assert "prefers-color-scheme" not in forced
        assert f"color-scheme: {scheme};" in forced
        assert "light dark" not in forced
