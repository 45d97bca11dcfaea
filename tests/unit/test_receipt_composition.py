"""What a receipt says, field by field."""

from datetime import UTC, datetime

import pytest

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.i18n import use_locale
from portal.money import Money
from portal.receipts.composition import (
    TEXTS,
    VOID,
    address_lines,
    compose_snapshot,
    receipt_mark,
    write_marking,
    write_money,
)
from tests.receipts.samples import NOW, catalogue, make_gift, region


def test_snapshot_names_the_issuer_and_its_registration():
    issuer = compose_snapshot(make_gift(), region(), NOW)["issuer"]
    assert issuer["legal_name"] == region().issuer.legal_name
    assert region().issuer.registration_number in issuer["registration"]
    assert issuer["address"] == list(region().issuer.address_lines)
    assert issuer["signatory_name"]


def test_gift_is_received_on_the_day_of_the_issuers_zone():
    snapshot = compose_snapshot(make_gift(), region(), NOW)
    assert snapshot["received_on"] == "2026-11-19"
    assert snapshot["received"] == "November 19, 2026"


def test_issue_day_is_the_issuers_too():
    late = datetime(2027, 1, 1, 3, 0, tzinfo=UTC)
    assert compose_snapshot(make_gift(), region(), late)["issued_on"] == "2026-12-31"


def test_receipt_speaks_the_language_of_the_gift():
    snapshot = compose_snapshot(make_gift(locale="fr_CA"), region(), NOW)
    assert snapshot["title"] == "Accusé de réception de votre don"
    assert snapshot["received"] == "19 novembre 2026"
    assert snapshot["amount"] == "75,50\xa0$"
    assert snapshot["mode"] == "Carte"


def test_canadian_acknowledgement_never_calls_itself_official():
    """Only an official receipt may carry the statement of Regulation 3501(1)."""
    snapshot = compose_snapshot(make_gift(), region(), NOW)
    said = " ".join(snapshot["statements"]).lower()
    assert "not a receipt for tax purposes" in said
    assert "official receipt for income tax purposes" not in said


@pytest.mark.parametrize(
    ("locale", "title", "says"),
    [
        ("en_CA", "Acknowledgement of your gift", "comes from the partner whose code"),
        ("fr_CA", "Accusé de réception de votre don", "le reçu vient du partenaire"),
        ("de_DE", "Eingangsbestätigung zu Ihrer Spende", "von dem Partner"),
    ],
)
def test_where_others_give_the_receipt_ours_claims_nothing(locale, title, says):
    snapshot = compose_snapshot(
        make_gift(locale=locale, is_only_acknowledged=True), region("gb"), NOW
    )
    assert snapshot["title"] == title
    assert says in snapshot["statements"][1]
    assert (snapshot["scheme"], snapshot["issuer"]["registration"]) == ("acknowledgement", "")
    assert snapshot["authority"] == {"name": "", "url": ""}


def test_anonymous_gift_has_a_receipt_in_its_donors_name():
    snapshot = compose_snapshot(make_gift(anonymous=True), region(), NOW)
    assert snapshot["donor"]["name"] == "Grace Okafor"


def test_cover_is_part_of_the_amount_and_named():
    snapshot = compose_snapshot(make_gift(cover_minor=255), region(), NOW)
    assert (snapshot["amount_minor"], snapshot["cover_minor"]) == (7550, 255)
    assert snapshot["cover"] == "$2.55 CAD"


def test_yen_has_no_decimals():
    gift = make_gift(currency="JPY", amount_minor=5000, locale="en", region="jp")
    snapshot = compose_snapshot(gift, region("jp"), NOW)
    assert snapshot["amount"] == "¥5,000"


@pytest.mark.parametrize("slug", sorted(catalogue().regions))
def test_every_region_gives_a_whole_snapshot_in_both_languages(slug: str):
    here = region(slug)
    for locale in ("en", "fr"):
        gift = make_gift(region=slug, currency=here.currencies[0].currency, locale=locale)
        snapshot = compose_snapshot(gift, here, NOW)
        needed = ("title", "paper", "amount", "fund", "mode", "frequency", "received", "issued")
        assert all(snapshot[name] for name in needed)
        assert snapshot["statements"]


ADDRESSES = [
    ({}, ["12 rue Saint-Paul Ouest", "Montréal QC  H2Y 1Y9"]),
    (
        {"country": "GB", "city": "Leeds", "province": "", "postal_code": "LS1 1AA"},
        ["12 rue Saint-Paul Ouest", "Leeds", "LS1 1AA", "United Kingdom"],
    ),
    (
        {"country": "DE", "city": "Köln", "province": "", "postal_code": "50667"},
        ["12 rue Saint-Paul Ouest", "50667 Köln", "Germany"],
    ),
    (
        {"address_line1": "", "city": "", "province": "", "postal_code": "", "country": "CA"},
        [],
    ),
]


@pytest.mark.parametrize(("changes", "lines"), ADDRESSES)
def test_address_is_written_as_an_envelope_has_it(changes: dict[str, str], lines: list[str]):
    assert address_lines(make_gift(**changes), "CA") == lines


def test_foreign_country_is_named_in_the_donors_language():
    gift = make_gift(country="DE", locale="fr_CA")
    assert address_lines(gift, "CA")[-1] == "Allemagne"


@pytest.mark.parametrize(
    ("money", "locale", "text"),
    [
        (Money(7550, "CAD"), "en_CA", "$75.50 CAD"),
        (Money(7550, "CAD"), "fr_CA", "75,50\xa0$ CAD"),
        (Money(7550, "GBP"), "en_GB", "£75.50 GBP"),
        (Money(5000, "JPY"), "en", "¥5,000 JPY"),
    ],
)
def test_written_amount_names_its_currency(money: Money, locale: str, text: str):
    assert write_money(money, locale) == text


@pytest.mark.parametrize(
    ("status", "back", "mark"),
    [
        (Status.PAID, 0, ""),
        (Status.DISPUTED, 0, ""),
        (Status.DISPUTED, 6795, "partly_refunded"),
        (Status.PARTLY_REFUNDED, 1001, "partly_refunded"),
        (Status.REFUNDED, 7550, "refunded"),
        (Status.CHARGED_BACK, 7550, "charged_back"),
    ],
)
def test_gift_that_did_not_stay_is_marked(status: Status, back: int, mark: str):
    assert receipt_mark(Gift(status=status, refunded_minor=back)) == mark
    assert not mark or mark in TEXTS


def test_mark_says_how_much_and_when():
    with use_locale("en"):
        marking = write_marking("partly_refunded", day="4 March 2026", amount="$10.00 CAD")
    assert marking.title == "Partly refunded"
    assert marking.text.startswith(
        "$10.00 CAD of this gift went back to its donor, most recently on 4 March"
    )


def test_cancelled_receipt_says_why():
    with use_locale("en"):
        marking = write_marking(VOID, day="4 March 2026", amount="", reason="Wrong name (100% so).")
    assert marking.text.endswith("no longer valid. Wrong name (100% so).")
