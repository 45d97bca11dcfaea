"""What the search box's text may mean, without any database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.gifts.references import make_reference
from portal.money import Money
from portal.records.filters import Search, name_orders, read_search

pytestmark = pytest.mark.both_engines

CURRENCIES = ("CAD", "JPY", "KWD")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", None),
        ("   ", None),
        ("pi_3Qx", Search(provider_id="pi_3Qx")),
        ("2026-000417", Search(receipt=(2026, 417))),
        ("2026 417", Search(receipt=(2026, 417))),
        ("75.50", Search(amounts=(Money(7550, "CAD"), Money(75500, "KWD")))),
        ("cad 75.5", Search(amounts=(Money(7550, "CAD"),))),
        ("EUR 75", Search(email=None, names=("eur 75", "75 eur"), given="eur 75")),
        ("Anna@", Search(email="anna@")),
        ("Smith", Search(email="smith", names=("smith",), given="smith")),
        ("Zoë", Search(email="zoë", names=("zoe",), given="zoe")),
        ("Anna Smith", Search(names=("anna smith", "smith anna"), given="anna smith")),
    ],
)
def test_texts_are_read_as_what_they_surest_are(text: str, meant: Search | None) -> None:
    assert read_search(text, CURRENCIES) == meant


def test_every_reference_is_read_as_one() -> None:
    for _ in range(200):
        reference = make_reference()
        assert read_search(f" {reference.lower()} ", CURRENCIES) == Search(reference=reference)


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    search = read_search(text, CURRENCIES)
    assert search is None or len([one for one in search.names if one]) <= 4


@given(st.lists(st.sampled_from("anna maria van der berg".split()), min_size=1, max_size=4))
def test_any_word_may_be_the_last_name(words: list[str]) -> None:
    orders = name_orders(" ".join(words))
    assert {order.split()[0] for order in orders} == set(words)
