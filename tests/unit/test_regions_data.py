"""The region files that ship with the product."""

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from stdnum import luhn
from stripe.params.checkout import SessionCreateParams

from portal.i18n import language
from portal.money import MAXIMUM_MINOR, STRIPE_MINIMUM_MINOR
from portal.regions.files import DATA, read_region_documents
from portal.regions.operations import is_number_doubtful
from portal.regions.schemes import CHECKS
from tests.unit.samples import CATALOGUE, region
from tests.unit.typography import wrong_signs

REGIONS = list(CATALOGUE.regions.values())
SLUGS = "ca us gb ie de fr au nz za ng gh ke in kr jp world".split()

each_region = pytest.mark.parametrize("here", REGIONS, ids=lambda here: here.slug)

IN_EURO = ("ie", "de", "fr")
MODES = {
    "ca": "card interac bank_debit bank_transfer cheque",
    "us": "card bank_debit cheque",
    **dict.fromkeys("gb ie de fr au nz".split(), "card bank_debit bank_transfer"),
    **dict.fromkeys("za ng gh ke".split(), "card bank_transfer wallet_code"),
    **dict.fromkeys("in kr jp world".split(), "card bank_transfer"),
}
DEBITS = dict.fromkeys(IN_EURO, "sepa_debit") | {
    "ca": "acss_debit",
    "us": "us_bank_account",
    "gb": "bacs_debit",
    "au": "au_becs_debit",
    "nz": "nz_bank_account",
}
CURRENCIES = dict.fromkeys(IN_EURO, "EUR") | {
    "ca": "CAD",
    "us": "USD",
    "gb": "GBP",
    "au": "AUD",
    "nz": "NZD",
    "za": "ZAR",
    "ng": "NGN",
    "gh": "GHS",
    "ke": "KES",
    "in": "INR",
    "kr": "KRW",
    "jp": "JPY",
    "world": "USD EUR GBP",
}


def texts_in(value: Any, path: str = "") -> list[tuple[str, dict[str, str]]]:
    """Every table of texts by language in a document, with its path."""
    if isinstance(value, dict):
        if value and {*value} <= {"en", "fr", "de"}:
            return [(path, value)]
        return [found for key, part in value.items() for found in texts_in(part, f"{path}.{key}")]
    if isinstance(value, list):
        return [found for at, part in enumerate(value) for found in texts_in(part, f"{path}[{at}]")]
    return []


def test_there_are_sixteen_regions_canada_first_and_the_rest_of_the_world_last():
    assert sorted(CATALOGUE.regions) == sorted(SLUGS)
    assert next(iter(CATALOGUE.regions)) == "ca"
    assert list(CATALOGUE.regions)[-1] == "world"


@pytest.mark.parametrize("slug", SLUGS)
def test_modes_stand_in_their_order(slug):
    assert [mode.key for mode in region(slug).modes] == MODES[slug].split()


@pytest.mark.parametrize("slug", SLUGS)
def test_a_region_takes_its_own_currencies(slug):
    assert [one.currency for one in region(slug).currencies] == CURRENCIES[slug].split()


@each_region
def test_presets_lie_within_the_limits_and_rise(here):
    for option in here.currencies:
        for amounts in (option.presets_minor, option.monthly_presets_minor):
            assert list(amounts) == sorted(set(amounts))
            assert option.minimum_minor <= amounts[0]
            assert amounts[-1] <= option.maximum_minor <= MAXIMUM_MINOR


@each_region
def test_a_gift_paid_through_stripe_is_never_under_stripes_minimum(here):
    for option in here.currencies:
        if any(mode.provider and mode.takes(option.currency, "once") for mode in here.modes):
            assert option.minimum_minor >= STRIPE_MINIMUM_MINOR.get(option.currency, 1)


@each_region
def test_every_currency_can_be_given_by_some_mode(here):
    for option in here.currencies:
        assert here.modes_for(option.currency, "once")


@each_region
def test_every_text_is_there_in_every_language_the_region_offers(here):
    documents = read_region_documents()
    spoken = {language(locale) for locale in here.locales}
    assert {"en", "fr"} <= spoken
    found = texts_in(documents[f"{here.slug}.toml"])
    assert len(found) > 30
    for path, texts in found:
        # What the samples say in further languages stands in the catalogues (test_languages).
        assert {"en", "fr"} <= {*texts}, path
        assert all(text.strip() == text != "" for text in texts.values()), path


@each_region
def test_french_differs_from_english_where_it_is_a_sentence(here):
    for path, texts in texts_in(read_region_documents()[f"{here.slug}.toml"]):
        if " " in texts["en"].strip() and len(texts["en"]) > 25:
            assert texts["fr"] != texts["en"], path


@each_region
def test_french_typography_keeps_its_signs_with_their_words(here):
    for path, texts in texts_in(read_region_documents()[f"{here.slug}.toml"]):
        assert not wrong_signs(texts["fr"]), path
        assert not re.search(r" [%$]|'", texts["fr"]), path


@each_region
def test_steps_keep_the_same_places_in_every_language(here):
    for mode in here.modes:
        for step in mode.steps:
            places = [sorted(re.findall(r"\{(\w+)\}", text)) for text in step.values()]
            assert all(found == places[0] for found in places)


@each_region
def test_locales_time_zones_and_countries_exist(here):
    territories = Locale("en").territories
    assert all(Locale.parse(locale) for locale in here.locales)
    assert ZoneInfo(here.timezone)
    assert ZoneInfo(here.issuer.timezone)
    assert all(country in territories for country in (*here.countries, here.issuer.country))


def test_no_country_belongs_to_two_regions():
    countries = [country for here in REGIONS for country in here.countries]
    assert len(countries) == len(set(countries))
    assert [here.slug for here in REGIONS if not here.countries] == ["world"]


@each_region
def test_issuer_numbers_pass_the_check_digits_of_their_kind(here):
    assert here.issuer.registration_kind in {"", *CHECKS}
    assert not is_number_doubtful(here.issuer)


def test_kinds_of_numbers_with_check_digits_are_used_where_they_belong():
    kinds = {here.slug: here.issuer.registration_kind for here in REGIONS}
    assert (kinds["ca"], kinds["us"], kinds["au"]) == ("ca_rr", "us_ein", "au_abn")
    assert luhn.is_valid(region("ca").issuer.registration_number[:9])


@each_region
def test_issuers_are_evident_samples(here):
    issuer = here.issuer
    assert re.search("Sample|Exemple", issuer.legal_name)
    assert issuer.email.endswith("example.org")
    assert issuer.website.endswith("example.org")
    assert issuer.address_lines


def test_issuer_keys_are_their_own():
    assert len({here.issuer.key for here in REGIONS}) == len(REGIONS)


@each_region
def test_instructions_tell_recipient_and_reference(here):
    for mode in here.modes:
        if mode.provider:
            assert mode.stripe_allowed
            continue
        steps = " ".join(mode.filled_steps(amount="CAD 1", reference="LW7K-3QXD-9", locale="en"))
        assert "LW7K-3QXD-9" in steps
        assert "{" not in steps
        assert mode.recipient in steps + " ".join(detail.value for detail in mode.particulars)
        assert mode.expires_days
        assert max(mode.reminder_days) < mode.expires_days


@each_region
def test_debits_name_the_one_stripe_method_of_the_region(here):
    debit = here.mode("bank_debit")
    assert (debit.stripe_allowed if debit else None) == (
        (DEBITS[here.slug],) if here.slug in DEBITS else None
    )


def test_stripe_knows_every_method_that_the_files_name():
    listed = str(SessionCreateParams.__annotations__["allowed_payment_method_types"])
    names = {name for here in REGIONS for mode in here.modes for name in mode.stripe_allowed}
    assert names == {"card", "link", *DEBITS.values()}
    assert all(re.search(rf"[\"']{name}[\"']", listed) for name in names)


def test_e_transfers_go_to_the_partnership_address_in_dollars_once():
    interac = region("ca").mode("interac")
    assert interac.recipient == "partnership@loveworldcan.ca"
    assert interac.recipient in {detail.value for detail in interac.particulars if detail.copy}
    assert interac.currencies == ("CAD",)
    assert interac.frequencies == ("once",)
    assert interac.expires_days == 30


def test_the_question_for_stubborn_banks_has_the_length_banks_take():
    security = region("ca").mode("interac").security
    assert 1 <= len(security.question) <= 40
    assert 3 <= len(security.answer) <= 25
    assert security.autodeposit


@each_region
def test_a_bank_transfer_has_an_account_that_was_checked(here):
    mode = here.mode("bank_transfer")
    if mode is not None:
        assert mode.account.values["holder"] == mode.recipient
        assert mode.account.values["account_number" if here.slug not in IN_EURO else "iban"]


def test_canadas_acknowledgement_is_no_official_receipt_and_says_so():
    scheme = region("ca").receipt
    said = " ".join(text for statement in scheme.statements for text in statement.values())
    assert "official receipt for income tax purposes" not in said.lower()
    assert "issued separately" in said
    assert scheme.needs_address
    assert scheme.authority_url == {
        "en": "canada.ca/charities-giving",
        "fr": "canada.ca/organismes-bienfaisance-dons",
    }


def test_an_american_receipt_says_one_of_the_laws_three_sentences():
    scheme = region("us").receipt
    assert scheme.unreturned["en"].startswith("No goods or services were provided")
    assert "estimate in good faith" in scheme.returned["en"]
    assert "intangible religious benefits" in scheme.intangible["en"]
    assert not any("goods or services" in one["en"] for one in scheme.statements)


def test_australias_receipt_says_that_it_is_for_a_gift():
    assert region("au").receipt.statements[0]["en"] == "This receipt is for a gift."
    assert region("au").receipt.show_registration


def test_every_file_is_a_region_or_common():
    assert {path.stem for path in DATA.glob("*.toml")} == {*SLUGS, "common"}
