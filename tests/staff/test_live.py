"""The preview that follows what is typed at a desk."""

import html
import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.database import Database
from portal.regions.branding import Picture
from portal.regions.history import CatalogueChange, Draft
from portal.staff.regions.desk import NOT_SHOWN
from tests.pages import CheckedClient
from tests.staff.conftest import Browser
from tests.staff.test_modes import CANADA, canada, fields_of, send

SignedIn = Callable[[str], Browser]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def text_of(page: str) -> str:
    return html.unescape(page)


def count_kept(database: Database) -> int:
    """Drafts, changes and pictures together."""
    with database.read() as session:
        tables = (Draft, CatalogueChange, Picture)
        return sum(
            session.scalar(sa.select(sa.func.count()).select_from(one)) or 0 for one in tables
        )


@pytest.mark.parametrize(
    ("desk", "typed", "seen"),
    [
        (f"{CANADA}/modes/interac", {"label_en": "By your bank’s app"}, "By your bank’s app"),
        (f"{CANADA}/edit", {"welcome_en": "Welcome in Christ"}, "Welcome in Christ"),
        (f"{CANADA}/funds/tithe", {"names_en": "The tenth part"}, "The tenth part"),
        ("/staff/issuers/sample-ca", {"legal_name": "Grace Chapel"}, "Grace Chapel"),
        (
            "/staff/regions/new?like=gh",
            {"welcome_en": "From Volta", "slug": "volta", "issuer": "sample-ca"},
            "From Volta",
        ),
    ],
)
def test_what_is_typed_is_shown_at_once_and_kept_nowhere(
    signed_in: SignedIn, catalogued: Database, desk: str, typed: dict[str, str], seen: str
) -> None:
    browser, before, kept = signed_in("admin"), canada(catalogued), count_kept(catalogued)
    page = send(browser, desk, **typed, preview="live")
    assert (page.status_code, NOT_SHOWN in page.headers) == (200, False)
    assert seen in text_of(page.text)
    assert "donors don’t see it yet" in text_of(page.text)
    assert "<script" not in page.text
    assert 'method="post"' not in page.text
    assert (canada(catalogued), count_kept(catalogued)) == (before, kept)


@pytest.mark.parametrize("key", ["card", "interac", "bank_transfer", "cheque", "bank_debit"])
def test_the_card_of_a_mode_is_the_chosen_one(signed_in: SignedIn, key: str) -> None:
    page = send(signed_in("admin"), f"{CANADA}/modes/{key}", limits_en="Up to you", preview="live")
    chosen = re.search(rf'<input[^>]* id="mode-{key}"[^>]*>', page.text)
    assert chosen
    assert chosen[0].endswith(" checked>")
    facts = page.text.partition(f'id="mode-{key}-facts"')[2].partition("</dl>")[0]
    assert "Up to you" in facts


def test_a_mode_that_is_not_offered_is_shown_too(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    browser.post(f"{CANADA}/modes/interac/offer", page=CANADA, offered="no")
    assert 'id="mode-interac"' in send(browser, f"{CANADA}/modes/interac", preview="live").text


def test_a_mode_for_another_currency_is_shown_in_that(signed_in: SignedIn) -> None:
    desk, browser = "/staff/regions/world/modes/card", signed_in("admin")
    page = send(browser, desk, currency_USD=None, currency_EUR=None, preview="live")
    assert re.search(r'<input[^>]* id="mode-card"[^>]* checked>', page.text)
    assert "£" in page.text


@pytest.mark.parametrize("key", ["new", "tithe"])
def test_a_fund_is_the_chosen_one(signed_in: SignedIn, key: str) -> None:
    names = {"names_en": "The well", "names_fr": "Le puits"}
    names |= {"descriptions_en": "Clean", "descriptions_fr": "Propre"}
    texts = {"heading_en": "Water for Adum", "heading_fr": "De l’eau pour Adum"}
    page = send(signed_in("admin"), f"{CANADA}/funds/{key}", **names, **texts, preview="live")
    assert NOT_SHOWN not in page.headers, page.text
    assert "<h1>Water for Adum</h1>" in page.text


@pytest.mark.parametrize(
    ("desk", "typed"),
    [
        (f"{CANADA}/modes/interac", {"label_en": ""}),
        (f"{CANADA}/edit", {"locales": "fr_CA"}),
        (f"{CANADA}/funds/tithe", {"names_en": ""}),
        ("/staff/issuers/sample-ca", {"accent": "blue"}),
    ],
)
def test_what_is_wrong_is_said_as_by_the_button(
    signed_in: SignedIn, catalogued: Database, desk: str, typed: dict[str, str]
) -> None:
    before = count_kept(catalogued)
    browser = signed_in("admin")
    page = send(browser, desk, **typed, preview="live")
    assert (page.status_code, page.headers[NOT_SHOWN]) == (200, "1")
    pressed = send(browser, desk, **typed, preview="yes")
    assert (pressed.status_code, NOT_SHOWN in pressed.headers) == (422, False)
    told = [one.text.partition("error-summary")[2].partition("</ul>")[0] for one in (page, pressed)]
    assert told[0] == told[1] != ""
    assert count_kept(catalogued) == before


@pytest.mark.parametrize("button", ["live", "yes"])
def test_an_issuer_without_a_region_is_not_kept_by_a_preview(
    signed_in: SignedIn, catalogued: Database, button: str
) -> None:
    browser = signed_in("admin")
    page = send(browser, "/staff/issuers/new", legal_name="Grace Chapel", preview=button)
    assert page.status_code == (200 if button == "live" else 422)
    assert "error-summary" in page.text
    assert "Grace Chapel" not in browser.get("/staff/issuers").text


def test_only_who_may_change_it_may_try_it(
    signed_in: SignedIn, client: CheckedClient, app: Flask
) -> None:
    fields = fields_of(signed_in("admin"), f"{CANADA}/edit")
    viewer = signed_in("viewer")
    sent = {**fields, "csrf_token": viewer.token("/staff/"), "preview": "live"}
    assert viewer.client.post(f"{CANADA}/edit", data=sent).status_code == 403
    admin = signed_in("admin")
    without = {name: text for name, text in sent.items() if name != "csrf_token"}
    assert admin.client.post(f"{CANADA}/edit", data=without).status_code == 400


def test_the_desk_has_its_button_and_its_place(signed_in: SignedIn) -> None:
    browser = signed_in("admin")
    for desk in (f"{CANADA}/modes/card", f"{CANADA}/edit", f"{CANADA}/funds/new"):
        page = browser.get(desk).text
        assert "data-live" in page
        assert '<section class="live" id="live" aria-labelledby="live-title" hidden>' in page
        assert 'name="preview" value="yes"' in page
    assert "data-live" not in browser.get("/staff/issuers/new").text
