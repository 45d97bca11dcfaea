"""Reading what people type, and telling them what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from portal.forms import (
    AmountField,
    ChoiceField,
    EmailField,
    LineField,
    PortalForm,
    TickField,
)
from portal.i18n import use_locale
from portal.money import Money
from portal.plain import clean_line


class SampleForm(PortalForm):
    """One of each field."""

    amount = AmountField()
    name = LineField(ask="Enter your first name", longest=20)
    email = EmailField(ask="Enter your e-mail address", longest=254)
    fund = ChoiceField(ask="Choose one of the funds listed here")
    anonymous = TickField()


def fill(*amounts: str, currency: str = "CAD", **values: str) -> SampleForm:
    sent = {"name": "Ada", "email": "ada@example.org", "fund": "general"} | values
    form = SampleForm(MultiDict([*(("amount", text) for text in amounts), *sent.items()]))
    form.amount.currency = currency
    form.amount.cards = {"50.00", "100.00"}
    form.fund.options = ("general", "missions")
    return form


@pytest.mark.parametrize(
    ("sent", "minor"),
    [
        (["75.50"], 7550),
        (["50.00"], 5000),
        (["50.00", ""], 5000),
        (["other", "75.50"], 7550),
        (["50.00", "75.50"], 7550),
        (["", "1,50"], 150),
        (["٥٠"], 5000),
        ([" $1,234.50 "], 123450),
    ],
)
def test_a_card_or_the_own_box_gives_the_amount(sent: list[str], minor: int) -> None:
    form = fill(*sent)
    assert form.validate()
    assert form.amount.data == Money(minor, "CAD")


@pytest.mark.parametrize(
    ("text", "currency", "sentence"),
    [
        ("", "CAD", "Enter an amount to give"),
        ("other", "CAD", "Enter an amount to give"),
        ("1e9", "CAD", "Enter the amount in figures only, like 75.50"),
        ("ten", "CAD", "Enter the amount in figures only, like 75.50"),
        ("-5", "CAD", "Enter an amount of more than zero"),
        ("1.505", "CAD", "Enter the amount with no more than 2 decimals, like 75.50"),
        ("500.5", "JPY", "Enter a whole amount, like 7550: JPY has no decimals"),
        ("9" * 13, "CAD", "Enter a smaller amount: this is more than can be given online"),
    ],
)
def test_an_amount_that_is_none_says_what_to_do(text: str, currency: str, sentence: str) -> None:
    form = fill(text, currency=currency)
    assert not form.validate()
    assert form.amount.errors == [sentence]
    assert form.problems[0].field_id == "amount-own"


def test_an_amount_keeps_what_was_typed() -> None:
    form = fill("other", "1.505")
    form.validate()
    assert (form.amount.typed, form.amount.chosen) == ("1.505", "other")
    assert fill("50.00", "").amount.chosen == "50.00"
    assert fill("50.00", "").amount.typed == ""
    assert fill("").amount.chosen == ""


def test_amount_sentences_speak_french() -> None:
    with use_locale("fr_CA"):
        form = fill("1.505")
        form.validate()
        assert "75,50" in form.amount.errors[0]


def test_an_amount_is_read_as_its_reader_writes_it() -> None:
    with use_locale("en_DE"):
        form = fill("1.500", currency="EUR")
        assert form.validate()
        assert form.amount.data == Money(150_000, "EUR")
    with use_locale("fr"):
        form = fill("1,500", currency="EUR")
        assert not form.validate()
        assert form.amount.errors == ["Entrez le montant avec 2 décimales au plus, comme 75,50"]


def test_a_cards_own_sum_is_plain_whatever_the_locale() -> None:
    with use_locale("fr"):
        form = fill("12.500", currency="KWD")
        form.amount.cards = {"12.500"}
        assert form.validate()
        assert form.amount.data == Money(12_500, "KWD")


def test_the_summary_has_the_first_error_of_each_field_in_order() -> None:
    form = fill("", name="", email="nobody", fund="yachts")
    assert not form.validate()
    assert [problem.field_id for problem in form.problems] == [
        "amount-own",
        "name",
        "email",
        "fund",
    ]
    assert [problem.sentence for problem in form.problems][1:] == [
        "Enter your first name",
        "Enter an e-mail address in full, like name@example.org",
        "Choose one of the funds listed here",
    ]


def test_what_concerns_the_whole_form_leads_the_summary() -> None:
    form = fill("5")
    form.form_errors.append("Send it again")
    assert form.problems[0].field_id == "send"


def test_a_line_that_is_too_long_is_refused_and_kept() -> None:
    form = fill("5", name="x" * 21)
    assert not form.validate()
    assert form.name.errors == ["Shorten this to 20 characters or fewer"]
    assert form.name.data == "x" * 21


@pytest.mark.parametrize("address", ["ada@example.org", " ada@example.org ", "zoë@exämple.org"])
def test_an_address_may_be_of_any_script(address: str) -> None:
    assert fill("5", email=address).validate()


@pytest.mark.parametrize("name", ["O’Hára", "D'Arcy-Łukasz", "李", "عبد الله"])
def test_names_are_taken_as_they_are(name: str) -> None:
    form = fill("5", name=name)
    assert form.validate()
    assert form.name.data == name


@given(st.text(max_size=60))
def test_a_cleaned_line_is_one_line_and_stays_clean(text: str) -> None:
    line = clean_line(text)
    assert line == line.strip()
    assert "\n" not in line
    assert "\x00" not in line
    assert clean_line(line) == line


@pytest.mark.parametrize("name", ["🎉", "…", "-", "ʼ", "\u0301", "々"])
def test_a_name_needs_a_letter_or_a_figure(name: str) -> None:
    form = fill("5", name=name)
    assert not form.validate()
    assert form.name.errors == ["Use letters or figures here, not symbols alone"]


@pytest.mark.parametrize(
    "name", ["\u200b", "\u200d\u200c", "\u3164", "\u2800 \u115f", "\u202e", "\ufe0f"]
)
def test_a_name_that_shows_nothing_is_no_name(name: str) -> None:
    form = fill("5", name=name)
    assert not form.validate()
    assert form.name.errors == ["Enter your first name"]
