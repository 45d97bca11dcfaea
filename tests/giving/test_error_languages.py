"""An error speaks as its page would have: by its address, its gift, its region, the browser."""

import pytest
from werkzeug.test import TestResponse

from portal.app import LARGEST_REQUEST_BYTES
from portal.database import Database
from portal.i18n import LANGUAGES, direction, gettext, language, use_locale
from portal.web import ERROR_TEXTS
from tests.giving.visits import begin
from tests.pages import CheckedClient

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TOO_LARGE = {"amount": "5" * (LARGEST_REQUEST_BYTES + 1)}


def check_speech(page: TestResponse, status: int, locale: str) -> None:
    assert page.status_code == status
    tag = locale.replace("_", "-")
    assert f'<html lang="{tag}" dir="{direction(locale)}">' in page.text
    with use_locale(locale):
        title, text = (gettext(one) for one in ERROR_TEXTS[status])
    assert f"<h1>{title}</h1>" in page.text
    assert text in page.text
    assert (title == ERROR_TEXTS[status][0]) == (language(locale) == "en")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_in_every_language(client: CheckedClient, lang: str) -> None:
    asked = {"Accept-Language": f"zh-TW,{lang};q=0.7"}
    check_speech(client.get("/nowhere", headers=asked), 404, lang)
    check_speech(client.get("/nowhere?lang=xx", headers=asked), 404, lang)
    check_speech(client.get(f"/nowhere?lang={lang}"), 404, lang)
    check_speech(client.post(f"/give/world?lang={lang}", data=TOO_LARGE), 413, lang)


def test_a_regions_form_has_its_own(client: CheckedClient) -> None:
    assert '<html lang="ko"' in client.get("/give/kr").text
    french = {"Accept-Language": "fr"}
    check_speech(client.post("/give/kr", data=TOO_LARGE, headers=french), 413, "ko")
    check_speech(client.post("/give/kr?lang=fr", data=TOO_LARGE), 413, "fr")
    check_speech(client.post("/give/ca?lang=fr", data=TOO_LARGE), 413, "fr")


@pytest.mark.parametrize("lang", ["en_CA", "fr_CA"])
def test_a_gift_has_its_own(client: CheckedClient, catalogued: Database, lang: str) -> None:
    gift = begin(client, catalogued, lang=lang)
    german = {"Accept-Language": "de"}
    check_speech(client.get(f"/gift/{gift.token}/receipt.pdf", headers=german), 404, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_form_is_sent_to_an_address_that_says_its_language(
    client: CheckedClient, lang: str
) -> None:
    page = client.get(f"/give/world?lang={lang}").text
    assert f'action="/give/world?lang={lang}"' in page
