"""A code's panel for a frame on anybody's page, and the element that carries it."""

import base64
import hashlib
import re

import pytest

from portal.codes.operations import Draft, add_code, add_policy
from portal.codes.terms import CodeState, Kind
from portal.database import Database
from portal.i18n import LANGUAGES
from tests.conftest import NOW
from tests.giving.visits import text_of
from tests.pages import CheckedClient

HOST = "news.example.org"
ELEMENT_LIMIT = 10_000


@pytest.fixture(autouse=True)
def codes(catalogued: Database) -> None:
    with catalogued.write() as session:

        def add(name: str, state: CodeState = CodeState.ACTIVE, **document: object) -> None:
            secret = bool(document.pop("secret", False))
            policy = add_policy(session, name, Draft(document=document), NOW)
            kind = Kind.PROMOTION
            add_code(session, name, policy, NOW, kind=kind, state=state, is_secret=secret)

        add("HOSTED", regions=["ca"], modes=["interac", "card"], hosts=[HOST, "*.example.com"])
        add("MONTHLY", regions=["ca"], frequencies=["monthly"])
        add("REST", CodeState.PAUSED, regions=["ca"], hosts=[HOST])
        add("HIDDEN", CodeState.PAUSED, secret=True, regions=["ca"], hosts=[HOST])
        add("SECRET", secret=True, regions=["ca"], hosts=[HOST])


def policy_of(page) -> dict[str, str]:
    said = page.headers["Content-Security-Policy"].split(";")
    return {name: rest for name, _, rest in (part.strip().partition(" ") for part in said)}


def test_it_says_what_the_origins_panel_says(client: CheckedClient) -> None:
    said = text_of(client.get("/embed/LWCAN"))
    for text in (
        "Please select your preferred mode of payment",
        "Code: LWCAN (For Canada only)",
        "Interac e-Transfer",
        "partnership@loveworldcan.ca",
        "$50",
        "Your own amount",
    ):
        assert text in said


def test_its_form_leads_to_the_form_with_all_that_was_chosen(client: CheckedClient) -> None:
    page = client.get("/embed/lw-can?lang=fr-CA")
    assert '<form action="/give/ca" target="_top">' in page.text
    sent = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    assert sent == {
        "code": "LWCAN",
        "via": "embed",
        "currency": "CAD",
        "frequency": "once",
        "lang": "fr",
    }
    keys = re.findall(r'name="mode" value="(\w+)"', page.text)
    assert keys[:2] == ["interac", "card"]
    form = client.get("/give/ca", query_string={**sent, "amount": "100.00", "mode": "card"})
    assert 'name="via" value="embed"' in form.text
    assert re.search(r'value="card"[^>]* checked', form.text)
    assert re.search(r'value="100.00" checked', form.text)
    assert '<html lang="fr-CA"' in form.text


def test_only_modes_that_take_the_frequency_are_buttons(client: CheckedClient) -> None:
    page = client.get("/embed/MONTHLY")
    keys = re.findall(r'name="mode" value="(\w+)"', page.text)
    assert "card" in keys
    assert "interac" not in keys
    assert 'name="frequency" value="monthly"' in page.text


def test_its_hosts_may_frame_it_and_no_header_says_otherwise(client: CheckedClient) -> None:
    page = client.get("/embed/HOSTED")
    assert policy_of(page)["frame-ancestors"] == f"'self' {HOST} *.example.com"
    assert "X-Frame-Options" not in page.headers
    assert page.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Set-Cookie" not in page.headers
    assert page.headers["Cache-Control"].startswith("public")
    assert policy_of(client.get("/embed/LWCAN"))["frame-ancestors"] == "'self'"
    assert policy_of(client.get("/give/ca?code=HOSTED"))["frame-ancestors"] == "'none'"


def test_a_page_that_was_not_changed_is_not_sent_again(client: CheckedClient) -> None:
    page = client.get("/embed/HOSTED")
    again = client.get("/embed/HOSTED", headers={"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304
    assert policy_of(again)["frame-ancestors"].startswith("'self'")


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (f"https://{HOST}", f"https://{HOST}"),
        ("https://a.example.com", "https://a.example.com"),
        ("https://evil.example", ""),
        ('https://x"><script>', ""),
    ],
)
def test_its_height_is_told_to_a_listed_host_alone(
    client: CheckedClient, host: str, said: str
) -> None:
    page = client.get("/embed/HOSTED", query_string={"host": host})
    found = re.search(r'data-host="([^"]*)"', page.text)
    assert (found[1] if found else "") == said


def test_a_code_of_several_regions_asks_where(client: CheckedClient) -> None:
    page = client.get("/embed/LWEURO?lang=de")
    assert 'href="/give/de?code=LWEURO&amp;lang=de&amp;via=embed" target="_top"' in page.text
    assert "Nur für Spenden aus Irland, Deutschland und Frankreich" in text_of(page)
    there = client.get("/embed/LWEURO?region=ie")
    assert '<form action="/give/ie"' in there.text


def test_a_code_for_everywhere_leads_to_its_short_address(client: CheckedClient) -> None:
    page = client.get("/embed/HARVEST")
    assert 'href="/c/HARVEST?via=embed&amp;lang=en" target="_top"' in page.text
    assert "only" not in text_of(page)


@pytest.mark.parametrize(
    ("code", "status", "sentence"),
    [
        ("NOBODYS", 404, "We don’t know the code NOBODYS"),
        ("HIDDEN", 404, "We don’t know the code HIDDEN"),
        ("REST", 200, "REST is paused for now."),
        ("EASTER2026", 200, "EASTER2026 ended on April 12, 2026."),
        ("EASTER2026?region=gb", 200, "You can still give from the United Kingdom here"),
        ("LWUK?region=ca", 200, "LWUK is for gifts from the United Kingdom"),
    ],
)
def test_a_code_that_does_not_hold_says_so_with_a_link(
    client: CheckedClient, code: str, status: int, sentence: str
) -> None:
    page = client.get(f"/embed/{code}")
    assert page.status_code == status
    assert sentence in text_of(page)
    assert re.search(r'<a class="button" href="/[^"]*" target="_top">', page.text)
    assert "<form" not in page.text


def test_a_code_that_holds_nowhere_names_no_region_by_chance(client: CheckedClient) -> None:
    page = client.get("/embed/EASTER2026?lang=de")
    assert "You can still" not in text_of(page)
    assert 'href="/?lang=de&amp;choose=1"' in page.text


def test_a_refused_secret_code_looks_like_none(client: CheckedClient) -> None:
    hidden, nobodys = client.get("/embed/HIDDEN"), client.get("/embed/NOBODY")
    assert hidden.text.replace("HIDDEN", "NOBODY") == nobodys.text
    own = {"X-Request-Id"}
    assert [one for one in hidden.headers if one[0] not in own] == [
        one for one in nobodys.headers if one[0] not in own
    ]
    assert client.get("/embed/SECRET").headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("code", ["%20", "%E2%80%8B", "...", "---"])
def test_nothing_to_read_is_no_code(client: CheckedClient, code: str) -> None:
    assert client.get(f"/embed/{code}").status_code == 404


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_speaks_every_language(client: CheckedClient, lang: str) -> None:
    page = client.get(f"/embed/NOBODYS?lang={lang}")
    assert f'<html lang="{lang}"' in page.text


def test_it_is_themed_by_checked_values(client: CheckedClient) -> None:
    page = client.get("/embed/HOSTED?accent=%23ABC&scheme=dark")
    (style,) = re.findall(r'href="(/embed/style/[^"]+)"', page.text)
    assert style.startswith("/embed/style/dark.css?accent=aabbcc")
    sheet = client.get(style.replace("&amp;", "&"))
    assert sheet.mimetype == "text/css"
    assert "@media all {" in sheet.text
    assert "--accent: #" in sheet.text
    assert "immutable" in sheet.headers["Cache-Control"]
    assert "evil" not in client.get("/embed/HOSTED?accent=}evil{&scheme=evil").text


def test_the_element_has_a_stable_and_a_lasting_address(client: CheckedClient) -> None:
    newest = client.get("/embed.js")
    assert newest.mimetype == "text/javascript"
    assert newest.headers["Cache-Control"].startswith("public, max-age=300")
    digest = hashlib.sha384(newest.data)
    kept = client.get(f"/embed/v1.{digest.hexdigest()[:16]}.js")
    assert kept.data == newest.data
    assert "immutable" in kept.headers["Cache-Control"]
    for page in (newest, kept):
        assert page.headers["Access-Control-Allow-Origin"] == "*"
        assert page.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Set-Cookie" not in page.headers
    assert client.get("/embed/v1.0123456789abcdef.js").status_code == 404
    assert base64.b64encode(digest.digest())


def test_the_element_is_small_and_asks_for_little(client: CheckedClient) -> None:
    text = client.get("/embed.js").text
    assert len(text.encode()) < ELEMENT_LIMIT
    assert '"http://localhost"' in text
    assert "{WORDS}" not in text
    for word in ("cookie", "localStorage", "sessionStorage", "eval", "Function(", "innerHTML"):
        assert word not in text
    assert "Mit {code} spenden" in text
