"""Which region a visitor gets: `/` and `/c/<CODE>`."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.regions.files import read_catalogue
from portal.regions.queries import CatalogueCache
from tests.giving.visits import tag_of, text_of
from tests.pages import CheckedClient


@pytest.fixture
def settings_values() -> dict[str, Any]:
    return {"country_header": "X-Country"}


def test_the_first_page_offers_every_region(client: CheckedClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    for slug, region in read_catalogue().regions.items():
        assert f'href="/give/{slug}?lang=en"' in page.text
        assert region.names["en"] in text_of(page)
    assert "Your region, it seems" not in page.text
    assert "private" in page.headers["Cache-Control"]
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize(
    ("headers", "slug"),
    [
        ({"X-Country": "GB"}, "gb"),
        ({"X-Country": "MC"}, "world"),
        ({"Accept-Language": "fr-CA,fr;q=0.8"}, "ca"),
        ({"X-Country": "US", "Accept-Language": "fr-CA"}, "us"),
    ],
)
def test_a_known_visitors_region_comes_first(
    client: CheckedClient, headers: dict[str, str], slug: str
) -> None:
    page = client.get("/", headers=headers)
    assert page.text.index(f'href="/give/{slug}?') < page.text.index("region--yours") + 200
    assert page.text.count(f'href="/give/{slug}?') == 1


def test_a_language_alone_names_no_region(client: CheckedClient) -> None:
    page = client.get("/", headers={"Accept-Language": "fr"})
    assert "region--yours" not in page.text
    assert "D’où donnez-vous ?" in text_of(page)


@pytest.mark.parametrize("spelling", ["LWCAN", "lwcan", "lw-can", "Lw.Can", "%20LW%20CAN"])
def test_a_codes_address_leads_to_its_regions_form(client: CheckedClient, spelling: str) -> None:
    answer = client.get(f"/c/{spelling}")
    assert answer.status_code == 302
    assert answer.location == "/give/ca?code=LWCAN&lang=en"
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_codes_address_speaks_the_visitors_language(client: CheckedClient) -> None:
    answer = client.get("/c/LWCAN", headers={"Accept-Language": "fr-FR,fr;q=0.9"})
    assert answer.location == "/give/ca?code=LWCAN&lang=fr"


def test_a_code_of_several_regions_goes_by_the_visitors_country(client: CheckedClient) -> None:
    answer = client.get("/c/LWEURO", headers={"X-Country": "FR"})
    assert answer.location == "/give/fr?code=LWEURO&lang=en"


def test_a_code_of_several_regions_asks_where_nothing_is_known(client: CheckedClient) -> None:
    page = client.get("/c/LWEURO")
    assert page.status_code == 200
    assert "The code LWEURO comes with you." in text_of(page)
    for slug in ("ie", "de", "fr"):
        assert f'href="/give/{slug}?code=LWEURO&amp;lang=en"' in page.text
    assert 'href="/give/ca' not in page.text


def test_a_code_that_holds_everywhere_offers_every_region(client: CheckedClient) -> None:
    page = client.get("/c/HARVEST")
    assert page.text.count("code=HARVEST") == len(read_catalogue().regions)


def test_an_unknown_codes_address_explains_and_offers_every_region(client: CheckedClient) -> None:
    page = client.get("/c/nonesuch")
    assert page.status_code == 404
    assert "We don’t know the code NONESUCH." in text_of(page)
    assert 'href="/give/ca?lang=en"' in page.text


def test_a_short_address_that_is_known_asks_the_database_nothing(
    client: CheckedClient, app: Flask
) -> None:
    database = app.extensions["portal"].database
    regions = CatalogueCache(database, seconds=3600)
    app.extensions["portal"] = replace(app.extensions["portal"], regions=regions)
    first = client.get("/c/LWCAN")
    asked: list[str] = []
    for engine in {database.reader, database.writer}:
        sa.event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    again = client.get("/c/LWCAN")
    assert (again.status_code, again.location) == (302, first.location)
    assert again.headers["Cache-Control"] == "private, no-store"
    assert asked == []


def test_a_short_address_leads_each_visitor_to_their_own_language(client: CheckedClient) -> None:
    long = "de;q=0.1," * 60
    for _ in range(2):
        for asked, lang in (("fr", "fr"), ("en", "en"), (long + "fr", "fr"), (long + "en", "en")):
            answer = client.get("/c/LWCAN", headers={"Accept-Language": asked})
            assert answer.location.endswith(f"lang={lang}")
        assert client.get("/c/LWCAN?lang=fr").location.endswith("lang=fr")


def test_an_unknown_code_is_typed_again_before_all_else(client: CheckedClient) -> None:
    page = client.get("/c/lwkan", headers={"X-Country": "CA"})
    assert page.status_code == 404
    order = ['id="code"', 'id="region"', 'class="region region--yours" href="/give/ca', "/give/us"]
    places = [page.text.index(one) for one in order]
    assert places == sorted(places)
    assert 'value="LWKAN"' in tag_of(page, "code")
    assert "We don’t know the code LWKAN." in text_of(page)


def test_a_code_typed_again_leads_on(client: CheckedClient) -> None:
    answer = client.get("/c/?code=lw-can&lang=fr")
    assert (answer.status_code, answer.location) == (302, "/c/lw-can?lang=fr")
    assert client.get(answer.location).location == "/give/ca?code=LWCAN&lang=fr"
    assert client.get("/c/?code=+").location == "/"
    assert client.get("/c/").location == "/"


@pytest.mark.parametrize("typed", ["//evil.example", "../staff", "a/b?c#d", "%2e%2e", "\\x"])
def test_a_code_typed_again_leads_nowhere_else(client: CheckedClient, typed: str) -> None:
    location = client.get("/c/", query_string={"code": typed}).location
    assert location.startswith("/c/")
    assert "//" not in location


@pytest.mark.parametrize("typed", ["canada", "CANADA", "allemagne", "GBP", "coree", "Corée"])
def test_a_region_is_searched_by_any_of_its_names(client: CheckedClient, typed: str) -> None:
    page = client.get("/", query_string={"region": typed})
    assert page.text.count('class="region"') == 1 + (typed == "GBP")
    assert f'value="{typed}"' in tag_of(page, "region")


def test_a_search_without_a_find_says_so_and_offers_all(client: CheckedClient) -> None:
    page = client.get("/?region=atlantis")
    assert "“Rest of the world” takes gifts from everywhere." in text_of(page)
    assert page.text.count('class="region"') == len(read_catalogue().regions)


def test_the_likely_region_is_found_where_it_stands(client: CheckedClient) -> None:
    page = client.get("/?region=canada", headers={"X-Country": "CA"})
    assert page.text.count("data-words=") == 1
    assert "takes gifts from everywhere" not in text_of(page)
    assert "All other regions" not in text_of(page)


def test_a_search_keeps_a_code_and_is_no_guess(client: CheckedClient) -> None:
    assert 'action="/c/HARVEST"' in client.get("/c/HARVEST").text
    assert 'action="/" role="search"' in client.get("/c/NOSUCH").text
