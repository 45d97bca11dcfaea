"""Issuers, regions and funds as an operator makes and changes them, from nothing on."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.datastructures import MultiDict

from portal.database import Database, Document
from portal.regions.catalogue import Catalogue, ReceiptRule
from portal.regions.files import read_region_documents
from portal.regions.history import CatalogueChange
from portal.regions.operations import bump_version
from portal.regions.queries import RegionRecord, load_catalogue
from portal.regions.records import GiftAid
from portal.regions.schemes import NumberKind
from portal.services import AuditEntry
from portal.staff.regions.desk_views import furnish
from portal.staff.regions.desks import DESKS, REGION
from tests.pages import CheckedClient
from tests.staff.conftest import Browser
from tests.staff.test_modes import fields_of, send

SignedIn = Callable[[str], Browser]

GRACE = {
    "legal_name": "Grace Chapel of Red Deer",
    "registration_label_en": "Registration number",
    "registration_label_fr": "Numéro d’enregistrement",
    "registration_number": "100000009 RR0001",
    "registration_kind": "ca_rr",
    "address_lines": "12 Elm Street\nRed Deer AB  T4N 1A1",
    "country": "CA",
    "place": "Red Deer, Alberta",
    "timezone": "America/Edmonton",
    "email": "giving@grace.example.org",
    "website": "https://grace.example.org",
    "signatory_name": "Ruth Kim",
    "signatory_title_en": "Treasurer",
    "signatory_title_fr": "Trésorière",
    "accent": "#1d4f91",
}


@pytest.fixture
def bare(app: Flask, catalogued: Database) -> Database:
    """A fresh installation: no region at all."""
    with catalogued.write() as session:
        session.execute(sa.delete(RegionRecord))
        bump_version(session)
    look_again(app)
    return catalogued


def look_again(app: Flask) -> None:
    app.extensions["portal"].regions._look_again_at = 0.0


def catalogue(database: Database) -> Catalogue:
    with database.read() as session:
        return load_catalogue(session)


def add_issuer(browser: Browser, **changes: str) -> Any:
    return send(browser, "/staff/issuers/new", **{**GRACE, **changes})


def add_canada(browser: Browser, **changes: str | None) -> Any:
    page = "/staff/regions/new?like=ca"
    return send(browser, page, **{"issuer": "grace-chapel-of-red-deer", **changes})


def test_the_first_issuer_region_and_fund_are_made_from_nothing(
    signed_in: SignedIn, bare: Database, app: Flask, client: CheckedClient
) -> None:
    browser = signed_in("admin")
    assert "No region yet" in browser.get("/staff/regions").text
    assert "First an issuer" in browser.get("/staff/regions/new").text
    assert "No issuer yet" in browser.get("/staff/issuers").text
    assert add_issuer(browser).status_code == 303
    assert "Grace Chapel of Red Deer" in browser.get("/staff/issuers").text
    made = add_canada(browser)
    assert made.status_code == 303, made.text
    fund = {
        "names_en": "New roof",
        "names_fr": "Nouveau toit",
        "descriptions_en": "Keeps the rain out.",
        "descriptions_fr": "Garde la pluie dehors.",
        "offered": "y",
    }
    assert send(browser, "/staff/regions/ca/funds/new", **fund).status_code == 303
    look_again(app)
    region = catalogue(bare).regions["ca"]
    assert (region.issuer.legal_name, region.sample) == ("Grace Chapel of Red Deer", False)
    assert [fund.key for fund in region.open_funds] == ["general", "new-roof"]
    form = client.get("/give/ca").text
    assert "Grace Chapel of Red Deer" in form
    assert "New roof" in form
    assert "Sample" not in form
    assert "sample" not in str(bare_document(bare))


def bare_document(database: Database) -> Any:
    with database.read() as session:
        return session.get_one(RegionRecord, "ca").document


def test_a_country_that_no_file_knows_is_made_by_hand(signed_in: SignedIn, bare: Database) -> None:
    browser = signed_in("admin")
    add_issuer(browser)
    typed = {
        "slug": "ch",
        "names_en": "Switzerland",
        "names_fr": "Suisse",
        "place_en": "Switzerland",
        "place_fr": "la Suisse",
        "welcome_en": "Thank you.",
        "welcome_fr": "Merci.",
        "issuer": "grace-chapel-of-red-deer",
        "countries": "ch",
        "locales": "de-CH, fr_CH, en_CH",
        "timezone": "Europe/Zurich",
        "position": "3",
        "currency_0_currency": "chf",
        "currency_0_presets": "20, 50, 100",
        "currency_0_monthly_presets": "10 20",
        "currency_0_minimum": "1",
        "currency_0_maximum": "20000",
        "receipt_paper": "a4",
    }
    made = send(browser, "/staff/regions/new?like=other", **typed)
    assert made.status_code == 303, made.text
    region = catalogue(bare).regions["ch"]
    assert (region.code, region.countries, region.locales[0]) == ("CH", ("CH",), "de_CH")
    assert region.currencies[0].presets_minor == (2000, 5000, 10000)
    german = send(browser, "/staff/regions/ch/edit", welcome_de="Vielen Dank.")
    assert german.status_code == 303, german.text
    assert catalogue(bare).regions["ch"].welcome["de"] == "Vielen Dank."
    assert "Cost (German)" in browser.get("/staff/regions/ch/modes/card").text


@pytest.mark.parametrize(
    ("page", "changes", "name", "sentence"),
    [
        ("issuers/sample-ca", {"legal_name": ""}, "legal_name", "Fill this in"),
        ("issuers/sample-ca", {"email": "nobody"}, "email", "Enter an e-mail address in full"),
        (
            "issuers/sample-ca",
            {"official_receipts_from": "soon"},
            "official_receipts_from",
            "Enter a date like 2026-11-23",
        ),
        ("issuers/sample-ca", {"accent": "blue"}, "accent", "Enter a colour as #"),
        ("issuers/sample-ca", {"website": "javascript:alert(1)"}, "website", "with https://"),
        (
            "issuers/sample-ca",
            {"registration_number": "100000008RR0001"},
            "registration_number",
            "check digits are wrong",
        ),
        ("issuers/sample-ca", {"signatory_title_fr": ""}, "signatory_title_fr", "Fill this in"),
        ("issuers/sample-ca", {"country": "Atlantis"}, "country", "Choose one"),
        ("regions/ca/edit", {"names_fr": ""}, "names_fr", "Fill this in"),
        ("regions/ca/edit", {"locales": "fr_CA"}, "locales", "Name English and French"),
        ("regions/ca/edit", {"locales": "xx"}, "locales", "Enter languages as in"),
        ("regions/ca/edit", {"countries": "Canada"}, "countries", "by their two letters"),
        (
            "regions/ca/edit",
            {"currency_0_presets": "25 1.005"},
            "currency_0_presets",
            "that this currency can express",
        ),
        (
            "regions/ca/edit",
            {"currency_0_presets": "25 70000"},
            "currency_0_presets",
            "between the smallest and the largest",
        ),
        (
            "regions/ca/edit",
            {"currency_0_presets": "7,50"},
            "currency_0_presets",
            "a point before cents",
        ),
        ("regions/ca/edit", {"currency_0_maximum": "x"}, "currency_0_maximum", "in figures"),
        ("regions/ca/edit", {"address_postal_pattern": "("}, "address_postal_pattern", "be read"),
        (
            "regions/ca/edit",
            {"address_postal_example": "12"},
            "address_postal_example",
            "an example that the pattern takes",
        ),
        (
            "regions/ca/edit",
            {"transfers_remind_after_days": "9, 3"},
            "transfers_remind_after_days",
            "rising order",
        ),
        (
            "regions/ca/edit",
            {"receipt_statements_fr": "Une seule"},
            "receipt_statements_fr",
            "as many",
        ),
        ("regions/ca/edit", {"position": "first"}, "position", "Enter a whole number"),
        ("regions/ca/funds/tithe", {"names_en": ""}, "names_en", "Fill this in"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(  # noqa: PLR0917 - fixtures
    signed_in: SignedIn,
    catalogued: Database,
    page: str,
    changes: dict[str, str],
    name: str,
    sentence: str,
) -> None:
    before = catalogue(catalogued)
    answer = send(signed_in("admin"), f"/staff/{page}", **changes)
    assert answer.status_code == 422, answer.location
    assert f'href="#{name}"' in answer.text
    assert f'id="{name}-error"' in answer.text
    assert sentence in answer.text
    assert changes[name] in answer.text or name == "country"
    assert catalogue(catalogued) == before


@pytest.mark.parametrize(
    "page",
    [
        "regions/ca/edit",
        "issuers/sample-ca",
        "regions/ca/funds/media",
    ],
)
def test_a_form_sent_back_as_it_came_changes_nothing(
    signed_in: SignedIn, catalogued: Database, page: str
) -> None:
    before = catalogue(catalogued)
    answer = send(signed_in("admin"), f"/staff/{page}")
    assert answer.status_code == 303, answer.text
    assert catalogue(catalogued).regions == before.regions
    with catalogued.read() as session:
        assert session.scalars(sa.select(CatalogueChange)).all() == []


def test_receipts_of_a_year_gift_aid_and_numbers_are_chosen_by_page(
    signed_in: SignedIn, catalogued: Database
) -> None:
    browser = signed_in("admin")
    page = browser.get("/staff/regions/ca/edit").text
    assert "Donors can declare Gift Aid" not in page
    assert "Ask donors for this" not in page
    send(browser, "/staff/regions/ca/edit", receipts="yearly")
    assert catalogue(catalogued).regions["ca"].receipts is ReceiptRule.YEARLY
    wrong = send(browser, "/staff/regions/gb/edit", gift_aid_year_end="13-31")
    assert "Enter a month and a day, like 04-05" in wrong.text
    assert wrong.status_code == 422
    send(browser, "/staff/regions/gb/edit", gift_aid_offered=None, gift_aid_year_end="12-31")
    assert catalogue(catalogued).regions["gb"].gift_aid == GiftAid(offered=False, year_end="12-31")
    send(browser, "/staff/regions/ie/edit", receipt_donor_numbers_ie_ppsn=None)
    assert catalogue(catalogued).regions["ie"].receipt.donor_numbers == ()
    send(browser, "/staff/regions/ie/edit", receipt_donor_numbers_ie_ppsn="y")
    assert catalogue(catalogued).regions["ie"].receipt.donor_numbers == (NumberKind.IE_PPSN,)


def test_gift_aid_begins_by_page_where_the_regions_file_had_none(
    signed_in: SignedIn, catalogued: Database
) -> None:
    with catalogued.write() as session:
        record = session.get_one(RegionRecord, "gb")
        record.document = {k: v for k, v in record.document.items() if k != "gift_aid"}
        bump_version(session)
    browser = signed_in("admin")
    send(browser, "/staff/regions/gb/edit", position="3")
    assert catalogue(catalogued).regions["gb"].gift_aid is None
    send(browser, "/staff/regions/gb/edit", gift_aid_offered="y")
    assert catalogue(catalogued).regions["gb"].gift_aid == GiftAid()
    moved = send(browser, "/staff/regions/gb/edit", countries="GG")
    assert "Gift Aid is for a region of the United Kingdom alone" in moved.text


@pytest.mark.parametrize("document", read_region_documents().values(), ids=lambda one: one["slug"])
def test_a_regions_desk_leads_back_to_what_it_shows(document: Document) -> None:
    context = furnish(document, {})
    shown = {one.name: one.data for one in REGION.make_form(context) if one.data is not False}
    form = REGION.make_form(
        context, MultiDict({n: "y" if d is True else d for n, d in shown.items()})
    )
    read = REGION.read(form, context)
    assert form.problems == ()
    assert {**read, "issuer": document["issuer"]} == document


def test_an_issuer_is_changed_in_every_region_that_has_it(
    signed_in: SignedIn, bare: Database
) -> None:
    browser = signed_in("admin")
    add_issuer(browser)
    add_canada(browser)
    page = "/staff/regions/new?like=us"
    send(browser, page, issuer="grace-chapel-of-red-deer")
    send(browser, "/staff/issuers/grace-chapel-of-red-deer", signatory_name="Paul Roy")
    regions = catalogue(bare).regions
    assert {one.issuer.signatory_name for one in regions.values()} == {"Paul Roy"}
    with bare.read() as session:
        acts = session.execute(sa.select(AuditEntry.act, AuditEntry.subject)).all()
    assert ("issuer_add", "issuer:grace-chapel-of-red-deer") in acts
    assert ("region_add", "region:us") in acts
    assert "Changed an issuer" in browser.get("/staff/audit").text


def test_a_closed_fund_takes_nothing_new_and_keeps_its_name(
    signed_in: SignedIn, catalogued: Database, app: Flask, client: CheckedClient
) -> None:
    browser = signed_in("admin")
    assert "Missions" in client.get("/give/ca").text
    sent = send(browser, "/staff/regions/ca/funds/missions", offered=None)
    assert sent.status_code == 303
    look_again(app)
    region = catalogue(catalogued).regions["ca"]
    assert region.fund("missions") is not None
    assert "missions" not in [fund.key for fund in region.open_funds]
    assert 'value="missions"' not in client.get("/give/ca?lang=en").text


def test_the_last_open_fund_stays_open(signed_in: SignedIn, bare: Database) -> None:
    browser = signed_in("admin")
    add_issuer(browser)
    add_canada(browser)
    answer = send(browser, "/staff/regions/ca/funds/general", offered=None)
    assert answer.status_code == 422
    assert "At least one is needed" in answer.text or "at least one" in answer.text


def test_a_regions_address_is_nobody_elses(signed_in: SignedIn, bare: Database) -> None:
    browser = signed_in("admin")
    add_issuer(browser)
    assert add_canada(browser).status_code == 303
    again = add_canada(browser)
    assert again.status_code == 422
    assert "Another region has this address already" in again.text


def test_a_new_region_takes_its_samples_place(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    add_issuer(browser)
    assert add_canada(browser).status_code == 303
    assert catalogue(catalogued).regions["ca"].issuer.legal_name == "Grace Chapel of Red Deer"
    interac = fields_of(browser, "/staff/regions/ca/modes/interac")
    assert interac["recipient"] == ""
    assert "Interac" in interac["label_en"]
    browser.post("/staff/regions/ca/restore", page="/staff/regions/ca")
    assert catalogue(catalogued).regions["ca"].issuer.legal_name == "Grace Chapel of Red Deer"


def test_the_accents_contrast_is_shown(signed_in: SignedIn, catalogued: Database) -> None:
    browser = signed_in("admin")
    add_issuer(browser, accent="#ffee00")
    page = browser.get("/staff/issuers/grace-chapel-of-red-deer").text
    assert "#ffee00, 1.2 : 1" in page
    assert "Too faint to read" in page


def test_strange_addresses_are_not_there(signed_in: SignedIn) -> None:
    browser = signed_in("admin")
    for path in ("issuers/nobody", "regions/zz/edit", "regions/ca/funds/gold", "preview/7"):
        assert browser.get(f"/staff/{path}").status_code == 404
    for path in ("history/region/zz", "history/gift/1", "history/issuer/x"):
        assert browser.get(f"/staff/{path}").status_code == 404


def test_every_part_of_a_desk_has_words() -> None:
    for desk in DESKS:
        assert "Further" not in {group.title for group in desk.groups}
