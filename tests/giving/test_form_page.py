"""The giving form as it is asked for: `GET /give/<region>`."""

import gzip
import re
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from portal.codes.models import CodeRecord
from portal.database import Database
from portal.giving.form.cache import PageCache
from portal.i18n import direction
from portal.regions.files import read_catalogue
from portal.regions.operations import find_document
from portal.regions.queries import CatalogueCache
from tests.giving.visits import known_words, tag_of, text_of
from tests.pages import CheckedClient

REGIONS = list(read_catalogue().regions)


def test_every_region_has_a_whole_form_in_each_of_its_languages(client: CheckedClient) -> None:
    for slug, region in read_catalogue().regions.items():
        for locale in region.locales:
            page = client.get(f"/give/{slug}?lang={locale}")
            assert page.status_code == 200
            begin = f'<html lang="{locale.replace("_", "-")}" dir="{direction(locale)}">'
            assert begin in page.text
            for mode in region.modes:
                assert f'id="mode-{mode.key}"' in page.text


def test_asks_for_the_mode_of_payment_in_the_words_of_the_house(client: CheckedClient) -> None:
    page = client.get("/give/us")
    assert "<legend>Please select your preferred mode of payment</legend>" in page.text


def test_an_operator_may_ask_for_the_mode_in_other_words(
    client: CheckedClient, app: Flask, catalogued: Database
) -> None:
    with catalogued.write() as session:
        record = find_document(session, "us")
        assert record is not None
        record.document = {**record.document, "modes_heading": "how"}
    app.extensions["portal"] = replace(
        app.extensions["portal"], regions=CatalogueCache(catalogued, seconds=0)
    )
    assert "<legend>How would you like to give?</legend>" in client.get("/give/us").text


def test_sets_no_cookie_and_may_be_kept_by_any_cache(client: CheckedClient) -> None:
    page = client.get("/give/ca?code=LWCAN")
    assert "Set-Cookie" not in page.headers
    control = page.headers["Cache-Control"]
    assert "public" in control
    assert "s-maxage=60" in control
    assert "stale-while-revalidate" in control
    assert page.headers["Vary"] == "Accept-Encoding"
    assert "http://127.0.0.1:9" in page.headers["Content-Security-Policy"]


def test_is_the_same_for_every_visitor(client: CheckedClient) -> None:
    one = client.get("/give/ca", headers={"Accept-Language": "fr", "User-Agent": "a"})
    other = client.get("/give/ca", headers={"Accept-Language": "de", "User-Agent": "b"})
    assert one.data == other.data


def test_answers_not_modified_to_who_has_the_page(client: CheckedClient) -> None:
    first = client.get("/give/ca?code=LWCAN")
    again = client.get("/give/ca?code=LWCAN", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert client.get("/give/ca", headers={"If-None-Match": '"old"'}).status_code == 200


def test_not_modified_takes_no_header_of_the_page_back(client: CheckedClient) -> None:
    """A browser lays these headers over its own; another policy would stop the way to pay."""
    first = client.get("/give/ca")
    again = client.get("/give/ca", headers={"If-None-Match": first.headers["ETag"]})
    changed = {
        name
        for name, value in again.headers
        if name != "X-Request-Id" and first.headers.get(name) != value
    }
    assert changed == set()


def test_packs_the_page_for_browsers_that_take_it(client: CheckedClient, app: Flask) -> None:
    packed = FlaskClient(app).get("/give/ca", headers={"Accept-Encoding": "br, gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == client.get("/give/ca").data


def test_a_kept_page_asks_the_database_nothing(client: CheckedClient, app: Flask) -> None:
    database: Database = app.extensions["portal"].database
    app.extensions["giving_pages"] = PageCache(lambda: 0.0)
    app.extensions["portal"] = replace(
        app.extensions["portal"], regions=CatalogueCache(database, seconds=3600)
    )
    first = client.get("/give/ca?code=LWCAN")
    asked: list[str] = []
    for engine in {database.reader, database.writer}:
        sa.event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    assert client.get("/give/ca?code=LWCAN").data == first.data
    assert asked == []
    client.get("/give/us?code=ANOTHER")
    assert asked, "another page is seen to ask"


def test_an_edit_of_a_code_is_seen_within_a_pages_life(
    client: CheckedClient, app: Flask, catalogued: Database
) -> None:
    seconds = [0.0]
    app.extensions["giving_pages"] = PageCache(lambda: seconds[0])
    assert "is applied to your gift" in client.get("/give/ca?code=LWCAN").text
    with catalogued.write() as session:
        session.query(CodeRecord).filter_by(code="LWCAN").update({"state": "retired"})
    assert "is applied to your gift" in client.get("/give/ca?code=LWCAN").text
    seconds[0] = 31.0
    assert "is no longer in use" in client.get("/give/ca?code=LWCAN").text


def test_the_address_fills_in_the_choices(client: CheckedClient) -> None:
    page = client.get("/give/ca?amount=75.50&fund=missions&frequency=monthly&mode=card")
    assert 'value="75.50"' in tag_of(page, "amount-own")
    assert re.search(r'<option value="missions"[^>]* selected', page.text)
    assert "checked" in tag_of(page, "frequency-monthly")
    assert "checked" in tag_of(page, "mode-card")


def test_monthly_is_never_chosen_unless_it_was_asked_for(client: CheckedClient) -> None:
    page = client.get("/give/ca")
    assert "checked" in tag_of(page, "frequency-once")
    assert "checked" not in tag_of(page, "frequency-monthly")
    assert "checked" not in tag_of(page, "consent_news")
    assert "checked" not in tag_of(page, "cover_fee")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("", "Choose an amount"),
        ("amount=50", "Give CAD 50.00"),
        ("amount=75.50", "Give CAD 75.50"),
        ("amount=75.50&frequency=monthly", "Give CAD 75.50 a month"),
        ("amount=75.50&mode=interac", "Show me how to send CAD 75.50"),
        ("amount=75.50&code=LWCAN", "Show me how to send CAD 75.50"),
        ("amount=75.50&code=LWCAN&frequency=monthly", "Give CAD 75.50 a month"),
        ("amount=1.505", "Choose an amount"),
        ("amount=x&code=LWCAN", "Choose an amount"),
        ("amount=75,50&lang=fr", "Donner 75,50 CAD"),
    ],
)
def test_the_button_says_what_it_does(client: CheckedClient, asked: str, words: str) -> None:
    assert known_words(client.get(f"/give/ca?{asked}"), "send") == words


def test_the_fee_that_may_be_added_is_told_beside_the_amount(client: CheckedClient) -> None:
    cover = "part-cover"
    assert known_words(client.get("/give/ca?amount=75.50"), cover) == (
        "Add $2.57 so that all of $75.50 arrives"
    )
    assert known_words(client.get("/give/ca?amount=100.00"), cover) == (
        "Add $3.30 so that all of $100 arrives"
    )
    neutral = "Add the fee so that your whole gift arrives"
    assert known_words(client.get("/give/ca"), cover) == neutral
    assert known_words(client.get("/give/ca?amount=9.99&code=LWCAN"), cover) == neutral


@pytest.mark.parametrize(
    ("address", "heading"),
    [
        ("/give/ca", "Give where it is needed most"),
        ("/give/ca?fund=missions", "Give to Missions"),
        ("/give/ca?code=LWCAN", "Give to Partnership"),
        ("/give/ca?code=LWCAN&lang=fr", "Donner au Partenariat"),
    ],
)
def test_the_heading_says_what_it_is_for(client: CheckedClient, address: str, heading: str) -> None:
    page = client.get(address)
    assert f"<h1>{heading}</h1>" in page.text
    assert f"<title>{heading} · " in page.text


def test_a_partners_name_stands_beneath_the_heading(client: CheckedClient) -> None:
    head = client.get("/give/ca?code=LWCAN").text.partition("</h1>")[2]
    assert head.strip().startswith('<p class="partner">Loveworld Canada</p>')
    assert 'class="partner"' not in client.get("/give/ca").text


def test_the_first_mode_of_the_order_is_chosen_at_first(client: CheckedClient) -> None:
    assert "checked" in tag_of(client.get("/give/ca"), "mode-card")
    assert "checked" in tag_of(client.get("/give/ca?code=LWCAN"), "mode-interac")
    monthly = client.get("/give/ca?code=LWCAN&frequency=monthly")
    assert "checked" in tag_of(monthly, "mode-card")


def test_a_code_that_holds_leaves_no_field_for_another(client: CheckedClient) -> None:
    page = client.get("/give/ca?code=LWCAN")
    assert '<input type="hidden" name="code" value="LWCAN">' in page.text
    assert 'id="code"' not in page.text
    assert 'id="code"' in client.get("/give/gb?code=LWCAN").text


def test_one_amount_may_stand_out(client: CheckedClient) -> None:
    once, monthly = client.get("/give/ca"), client.get("/give/ca?frequency=monthly")
    assert "$50 Suggested" in text_of(once)
    assert "$30 Suggested" in text_of(monthly)
    assert text_of(once).count("Suggested") == 1
    assert "Suggested" not in text_of(client.get("/give/gb"))
    assert not re.search(r'id="amount-\d"[^>]* checked', once.text)


@pytest.mark.parametrize(
    ("slug", "under"),
    [
        ("ca", "At once · Apple Pay, Google Pay, Link"),
        ("za", "At once · Apple Pay, Google Pay"),
        ("in", "At once"),
    ],
)
def test_the_card_row_says_what_checkout_offers_there(
    client: CheckedClient, slug: str, under: str
) -> None:
    row = client.get(f"/give/{slug}").text.partition('for="mode-card"')[2].partition("</label>")[0]
    assert f'<span class="mode-pace">{under}</span>' in row


def test_an_empty_box_shows_how_to_write_an_amount(client: CheckedClient) -> None:
    shown = {"ca": "0.00", "ca?lang=fr": "0,00", "de": "0,00", "jp": "0"}
    for address, example in shown.items():
        box = tag_of(client.get(f"/give/{address}"), "amount-own")
        assert f'placeholder="{example}"' in box


def test_a_monthly_gift_is_offered_in_one_line_where_it_can_be(client: CheckedClient) -> None:
    assert text_of(client.get("/give/ca")).count("Or give a little every month") == 1
    page = client.get("/give/ca?code=GIVE100")
    assert ("every month" in text_of(page)) == ('id="frequency-monthly"' in page.text)


def test_what_joins_two_texts_is_of_their_language(client: CheckedClient) -> None:
    assert "1% + $0.40, at most $5" in client.get("/give/ca").text
    french = client.get("/give/ca?lang=fr").text
    assert "1\u00a0% + 0,40\u00a0$, au plus 5\u00a0$" in french
    assert "des nouvelles de l’organisme Sample Ministries Canada." in french


def test_nonsense_in_the_address_changes_nothing(client: CheckedClient) -> None:
    page = client.get("/give/ca?currency=XXX&fund=yachts&frequency=hourly&mode=gold&amount=")
    assert page.status_code == 200
    assert "checked" in tag_of(page, "frequency-once")


def test_a_typed_amount_is_never_markup(client: CheckedClient) -> None:
    page = client.get('/give/ca?amount="><script>alert(1)</script>&code="><b>')
    assert "<script>alert" not in page.text
    assert '"><b>' not in page.text


@pytest.mark.parametrize("spelling", ["LWCAN", "lwcan", "lw-can", " l w c a n "])
def test_a_code_is_known_in_any_spelling_and_sets_its_terms(
    client: CheckedClient, spelling: str
) -> None:
    page = client.get("/give/ca", query_string={"code": spelling})
    assert "LWCAN is applied to your gift." in text_of(page)
    assert '<input type="hidden" name="fund" value="partnership"' in page.text
    modes = re.findall(r'id="mode-(\w+)"', page.text)
    assert modes[0] == "interac"
    assert "partnership@loveworldcan.ca" in page.text


def test_a_code_from_elsewhere_is_refused_with_the_next_way(client: CheckedClient) -> None:
    page = client.get("/give/gb?code=LWCAN")
    assert page.status_code == 200
    assert (
        "LWCAN is for gifts from Canada. You can still give from the United Kingdom here, "
        "without the code." in text_of(page)
    )
    assert 'href="/give/ca?code=LWCAN&amp;lang=en"' in page.text
    assert 'name="remove_code"' in page.text
    assert 'id="mode-card"' in page.text


def test_an_unknown_code_says_so(client: CheckedClient) -> None:
    assert "We don’t know the code LWKAN." in text_of(client.get("/give/ca?code=lwkan"))


def test_asks_the_address_only_where_the_receipt_needs_it(client: CheckedClient) -> None:
    assert 'name="postal_code"' in client.get("/give/ca").text
    assert 'name="postal_code"' not in client.get("/give/world").text


def test_asks_a_british_address_below_gift_aid_alone(client: CheckedClient) -> None:
    page = client.get("/give/gb").text
    assert page.index('name="gift_aid"') < page.index('name="postal_code"')
    assert "Gift Aid" not in client.get("/give/ca").text


def test_offers_currencies_only_where_there_are_several(client: CheckedClient) -> None:
    assert '<select class="input input--short" id="currency"' in client.get("/give/world").text
    assert '<input type="hidden" name="currency" value="CAD">' in client.get("/give/ca").text
    euros = client.get("/give/world?currency=EUR")
    assert 'data-currency="EUR"' in tag_of(euros, "summary")


def test_speaks_french_when_asked(client: CheckedClient) -> None:
    page = client.get("/give/ca?lang=fr&code=LWCAN")
    assert '<html lang="fr-CA" dir="ltr">' in page.text
    words = text_of(page)
    assert "Veuillez sélectionner le mode de paiement que vous préférez" in words
    assert "s’applique à votre don" in words
    for english in ("Your gift", "About you", "Continue", "optional", "Cost ", "Apply"):
        assert english not in words


def test_leads_to_the_other_language_with_the_same_choices(client: CheckedClient) -> None:
    page = client.get("/give/ca?code=LWCAN&amount=75.50")
    assert 'href="/give/ca?code=LWCAN&amp;amount=75.50&amp;lang=fr"' in page.text


def test_the_region_of_an_address_is_found_in_any_case(client: CheckedClient) -> None:
    assert client.get("/give/CA").data == client.get("/give/ca").data


def test_an_unknown_region_is_not_found_but_offers_all(client: CheckedClient) -> None:
    page = client.get("/give/atlantis")
    assert page.status_code == 404
    for slug in REGIONS:
        assert f'href="/give/{slug}?lang=en"' in page.text


def test_an_accent_sheet_is_kept_for_long(client: CheckedClient) -> None:
    sheet = client.get("/theme/ca.css")
    assert sheet.mimetype == "text/css"
    assert "immutable" in sheet.headers["Cache-Control"]
    assert "--accent:" in sheet.text


def test_the_cost_of_processing_is_a_whole_formula_in_every_region(
    client: CheckedClient,
) -> None:
    assert "Fee 0.8%, at most $5 " in text_of(client.get("/give/us"))
    assert "Fee 3.6% " in text_of(client.get("/give/jp?lang=en"))
    for slug in REGIONS:
        hint = text_of(client.get(f"/give/{slug}?lang=en"))
        assert "+ ," not in hint
        assert "+ ." not in hint
