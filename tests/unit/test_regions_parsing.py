"""Reading regions from data: a new region is a new file, and a wrong file is told where."""

import copy
import shutil
from pathlib import Path

import pytest

from portal.regions.files import (
    DATA,
    RegionError,
    parse_region,
    read_catalogue,
    read_region_documents,
)
from portal.regions.operations import is_number_doubtful

CANADA = read_region_documents()["ca.toml"]

SINGAPORE = """
slug = "sg"
position = 20
names = { en = "Singapore", fr = "Singapour" }
place = { en = "Singapore", fr = "Singapour" }
countries = ["SG"]
locales = ["en_SG", "fr"]
timezone = "Asia/Singapore"
welcome = { en = "Thank you for giving from Singapore.", fr = "Merci de donner depuis Singapour." }
funds = [
  "general",
  { key = "rice", names = { en = "Rice", fr = "Riz" }, descriptions = { en = "-", fr = "-" } },
]

[[currencies]]
currency = "SGD"
presets = ["20", "50.50"]
monthly_presets = ["10"]
minimum = "1"
maximum = "9999.99"

[address]
postal_label = { en = "Postal code", fr = "Code postal" }
postal_pattern = '\\d{6}'
postal_example = "018956"
required = ["address_line1", "postal_code"]

[issuer]
key = "sample-sg"
legal_name = "Sample Ministries Singapore"
address_lines = ["1 Example Road", "Singapore 018956"]
country = "SG"
email = "giving@sg.example.org"
timezone = "Asia/Singapore"
place = "Singapore"
signatory_name = "Alex Sample"
signatory_title = { en = "Treasurer", fr = "Trésorerie" }

[receipt]
key = "sg-acknowledgement"
title = { en = "Acknowledgement", fr = "Accusé de réception" }

[[modes]]
key = "card"

[[modes]]
key = "bank_transfer"
delay = { en = "Within seconds", fr = "En quelques secondes" }
recipient = "Sample Ministries Singapore"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped data files to add to."""
    return Path(shutil.copytree(DATA, tmp_path / "data"))


def test_a_new_region_is_a_new_file_and_no_code(folder):
    (folder / "sg.toml").write_text(SINGAPORE, encoding="utf-8")
    here = read_catalogue(folder).by_country("SG")
    assert here.code == "SG"
    assert here.currency("SGD").presets_minor == (2000, 5050)
    assert [fund.key for fund in here.funds] == ["general", "rice"]
    assert [mode.key for mode in here.modes_for("SGD", "once")] == ["card", "bank_transfer"]
    assert here.address.clean_postal_code("018 956") == "018956"


def test_what_a_file_says_wins_over_what_is_common(folder):
    (folder / "sg.toml").write_text(SINGAPORE, encoding="utf-8")
    catalogue = read_catalogue(folder)
    assert catalogue.by_slug("sg").mode("bank_transfer").delay["en"] == "Within seconds"
    assert catalogue.by_slug("kr").mode("bank_transfer").delay["en"] == "1 to 3 working days"


def test_regions_stand_by_their_position(folder):
    (folder / "sg.toml").write_text(SINGAPORE, encoding="utf-8")
    assert list(read_catalogue(folder).regions)[-2:] == ["sg", "world"]


WRONG = [
    (("currencies", 0, "minimum"), "one", 'currencies[0].minimum: is an amount such as "75.50"'),
    (("currencies", 0, "minimum"), "0.305", "currencies[0].minimum: is an amount that CAD can"),
    (("currencies", 0, "minimum"), 1, "currencies[0].minimum: is a text in quotes"),
    (("currencies", 0, "minimum"), "-1", "currencies[0].minimum: is an amount that CAD can"),
    (("currencies", 0, "minimum"), "NaN", "currencies[0].minimum: is an amount that CAD can"),
    (("currencies", 0, "minimum"), "0.49", "CAD begins at Stripe's minimum"),
    (("currencies", 0, "presets"), ["0.50"], "currencies[0].presets: has amounts from the minimum"),
    (("currencies", 0, "presets"), [], "currencies[0].presets: has amounts from the minimum"),
    (("currencies", 0, "maximum"), "1000000", "currencies[0].maximum: is above the minimum"),
    (("currencies", 0, "currency"), "cad", "currencies[0].currency: is three capital letters"),
    (("currencies",), [], "currencies: has at least one"),
    (("currencies", 0, "marked"), "40", "currencies[0].marked: is one of the suggested amounts"),
    (("currencies", 0, "monthly_marked"), "25", "currencies[0].monthly_marked: is one of the"),
    (("currencies", 0, "marked"), "a lot", "currencies[0].marked: is an amount such as"),
    (("modes_heading",), "why", "modes_heading: is one of select, how"),
    (("modes", 0, "wallets"), ["purse"], "modes[0].wallets[0]: is one of apple_pay, google_pay"),
    (("modes", 1, "wallets"), ["apple_pay"], "modes[1].wallets: is no field here"),
    (("modes", 1, "pace"), {"en": "Soon"}, "modes[1].pace.fr: is missing"),
    (("funds", 0, "heading"), {"en": "Give"}, "funds[0].heading.fr: is missing"),
    (("modes",), [], "modes: has at least one"),
    (("funds",), "general", "funds: is a list"),
    (("funds",), ["general"], "funds[0]: is a table of fields"),
    (("slug",), "Canada!", "slug: is 2 to 20 small letters"),
    (("names",), {"en": "Canada"}, "names.fr: is missing"),
    (("names",), "Canada", "names: is a table of texts by language"),
    (("timezone",), "Mars/Olympus", "timezone: is a time zone such as"),
    (("timezone",), "../../etc/passwd", "timezone: is a time zone such as"),
    (("locales",), ["en_CA"], "locales: offers English and French"),
    (("locales",), ["english"], "locales: is a list of locales"),
    (("countries",), ["Canada"], "countries: is a list of ISO 3166 codes"),
    (("countries",), [1], "countries: is a list of texts"),
    (("position",), True, "position: is a whole number"),
    (("address", "postal_pattern"), "(", "address.postal_pattern: is a regular expression"),
    (("address", "postal_canonical"), r"\7", "address.postal_pattern: is a regular expression"),
    (("address", "postal_example"), "nonsense", "address.postal_example: is a code of the pattern"),
    (("address", "required"), ["planet"], "address.required: names fields with a label"),
    (("issuer", "accent"), "blue", "issuer.accent: is a colour"),
    (("receipt", "paper"), "a5", "receipt.paper: is one of a4, us-letter"),
    (("receipt", "needs_address"), "yes", "receipt.needs_address: is true or false"),
    (("modes", 0, "key"), "gold", "modes[0].key: is one of card"),
    (("modes", 0, "frequencies"), ["weekly"], "modes[0].frequencies: has once, monthly or both"),
    (("modes", 0, "frequencies"), ["monthly"], "modes[0].frequencies: has once"),
    (("modes", 1, "frequencies"), ["monthly"], "modes[1].frequencies: has monthly only where"),
    (("modes", 1, "currencies"), ["EUR"], "modes[1].currencies: are among the region's"),
    (("modes", 1, "steps"), [], "modes[1].steps: tells how to pay"),
    (("modes", 1, "steps", 0, "en"), "Send {money}", "modes[1].steps[0].en: may hold {amount}"),
    (("modes", 1, "steps", 0, "fr"), "Envoyez {", "modes[1].steps[0].fr: may hold {amount}"),
    (("modes", 1, "reminder_days"), ["2"], "modes[1].reminder_days: is a list of whole numbers"),
    (("modes", 1, "reminder_days"), [7, 2], "modes[1].reminder_days: is a rising list of days"),
    (("modes", 1, "expires_days"), 14, "modes[1].expires_days: is after the last reminder"),
    (("modes", 1, "link"), "http://x.example", "modes[1].link: is an address that begins"),
    (("modes", 1, "link"), "https://x.example/{to}", "modes[1].link: may hold {amount}"),
    (("modes", 1, "proof"), "always", "modes[1].proof: is one of none, welcome, wanted"),
    (
        ("modes", 1, "security", "answer"),
        "a b c",
        "modes[1].security.answer: has 3 to 25 characters",
    ),
    (("modes", 1, "security", "question"), "?" * 41, "modes[1].security.question: has 1 to 40"),
    (("modes", 3, "account", "transit"), "123", "modes[3].account.transit: is five digits"),
    (("modes", 3, "account", "kind"), "moon", "modes[3].account.kind: is one of iban"),
    (("modes", 3, "account", "iban"), "DE36", "modes[3].account.iban: is no field here"),
    (("transfers", "remind_after_days"), [0], "transfers.remind_after_days: is a rising list"),
    (("transfers", "expire_after_days"), 9, "transfers.expire_after_days: is after the last"),
    (("modes", 0, "fee", "basis_points"), 9999, "modes[0].fee.basis_points: is hundredths"),
    (("modes", 0, "lable"), "Card", "modes[0].lable: is no field here"),
    (("colour",), "red", "colour: is no field here"),
    (("modes", 0), "card", "modes[0]: is a table of fields"),
    (("modes", 0, "kind"), "cash", "modes[0].kind: is one of stripe, instructions"),
    (("modes", 0, "steps"), [], "modes[0].steps: is no field here"),
    (("modes", 0, "recipient"), "me", "modes[0].recipient: is no field here"),
    (("modes", 1, "stripe_allowed"), ["card"], "modes[1].stripe_allowed: is no field here"),
    (("modes", 1, "fee"), {"basis_points": 1}, "modes[1].fee: is no field here"),
    (("modes", 1, "unit"), {"en": "points"}, "modes[1].unit.fr: is missing"),
    (("modes", 1, "details"), [{"label": "a"}], "modes[1].details[0].label: is a table of texts"),
    (("modes", 1, "offered"), "yes", "modes[1].offered: is true or false"),
    (("modes", 3, "account"), "DE36", "modes[3].account: is a table of fields"),
    (("modes", 0, "fee", "fixed"), {"CAD": 30}, "modes[0].fee.fixed.CAD: is a text in quotes"),
    (("modes", 0, "fee", "fixed"), {"CAD": "x"}, "modes[0].fee.fixed.CAD: is an amount such"),
    (("issuer",), [], "issuer: is a table of fields"),
    (("issuer", "fax"), "1", "issuer.fax: is no field here"),
    (("address", "provinces", 0, "code"), 1, "address.provinces[0].code: is a text in quotes"),
    (("receipt", "statements"), [{"en": "a"}], "receipt.statements[0].fr: is missing"),
]


@pytest.mark.parametrize(("path", "value", "complaint"), WRONG)
def test_a_wrong_field_is_named_with_file_place_and_rule(path, value, complaint):
    document = copy.deepcopy(CANADA)
    part = document
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(RegionError) as caught:
        parse_region(document, "ca.toml")
    assert str(caught.value).startswith("ca.toml: ")
    assert complaint in str(caught.value)


def test_all_faults_are_told_and_the_first_one_in_the_text():
    document = copy.deepcopy(CANADA)
    document["modes"][1] |= {"link": "ftp://x", "proof": "always"}
    document["names"] = {"en": "Canada"}
    with pytest.raises(RegionError, match=r"^ca\.toml: names\.fr: is missing") as caught:
        parse_region(document, "ca.toml")
    places = [fault.place for fault in caught.value.faults]
    assert places == ["names.fr", "modes[1].link", "modes[1].proof"]


@pytest.mark.parametrize("document", [[], "ca", None])
def test_what_is_no_table_is_no_region(document):
    with pytest.raises(RegionError, match=r"^ca\.toml: is a table of fields"):
        parse_region(document, "ca.toml")


def test_a_mode_without_a_kind_is_told_so():
    document = copy.deepcopy(CANADA)
    del document["modes"][0]["kind"]
    with pytest.raises(RegionError, match=r"modes\[0\]\.kind: is missing"):
        parse_region(document, "ca.toml")


def test_days_of_a_mode_win_over_its_regions():
    document = copy.deepcopy(CANADA)
    document["transfers"] = {"remind_after_days": [5]}
    document["modes"][1] = {**document["modes"][1], "reminder_days": [2], "expires_days": 9}
    modes = parse_region(document, "ca.toml").modes
    assert (modes[1].reminder_days, modes[1].expires_days) == ((2,), 9)
    assert (modes[3].reminder_days, modes[3].expires_days) == ((5,), 60)


def test_what_an_older_document_does_not_say_is_no_fault():
    document = copy.deepcopy(CANADA)
    document.pop("modes_heading")
    for currency in document["currencies"]:
        currency.pop("marked"), currency.pop("monthly_marked")
    for part in (*document["modes"], *document["funds"]):
        for name in ("pace", "wallets", "heading"):
            part.pop(name, None)
    region = parse_region(document, "ca.toml")
    assert region.currencies[0].marked("once") is None
    assert region.modes_heading.value == "select"
    assert [mode.beside_cards for mode in region.modes if mode.key == "card"] == [("Link",)]


@pytest.mark.parametrize("key", ["slug", "names", "issuer", "receipt", "address"])
def test_a_missing_field_is_named(key):
    document = {name: value for name, value in CANADA.items() if name != key}
    with pytest.raises(RegionError, match=f"ca.toml: {key}: is missing"):
        parse_region(document, "ca.toml")


def test_a_fund_names_modes_of_its_region_only():
    document = copy.deepcopy(CANADA)
    document["funds"][0]["modes"] = ["card", "carrier_pigeon"]
    with pytest.raises(RegionError, match=r"funds: names modes of the region only \(general\)"):
        parse_region(document, "ca.toml")


def test_the_same_mode_twice_is_refused():
    document = {**CANADA, "modes": [*CANADA["modes"], CANADA["modes"][0]]}
    with pytest.raises(RegionError, match="modes: has each only once"):
        parse_region(document, "ca.toml")


def test_a_file_that_is_no_toml_is_named(folder):
    (folder / "sg.toml").write_text("slug = ", encoding="utf-8")
    with pytest.raises(RegionError, match=r"sg\.toml: is no TOML"):
        read_region_documents(folder)


def test_a_file_bears_its_regions_name(folder):
    (folder / "singapore.toml").write_text(SINGAPORE, encoding="utf-8")
    with pytest.raises(RegionError, match=r"singapore\.toml: slug: is the file's name"):
        read_region_documents(folder)


@pytest.mark.parametrize("number", ["100000008RR0001", "100000009RP0001", "", "100000009"])
def test_a_doubtful_number_is_noticed_but_never_stops_a_region(number):
    document = copy.deepcopy(CANADA)
    document["issuer"]["registration_number"] = number
    assert is_number_doubtful(parse_region(document, "ca.toml").issuer)
