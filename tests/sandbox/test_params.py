"""Stripe's form encoding, read back exactly as the SDK writes it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from portal.sandbox.api import decode, listed
from portal.sandbox.customers import read_card
from portal.sandbox.fields import ParameterRefused
from portal.sandbox.subscription_life import period_end

_names = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_trees = st.dictionaries(
    _names,
    st.recursive(
        _texts,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=12)
            | st.dictionaries(_names, inner, min_size=1, max_size=4)
        ),
        max_leaves=20,
    ),
    max_size=5,
)


@given(_trees)
def test_what_the_sdk_encodes_is_read_back(tree: dict[str, Any]) -> None:
    assert listed(decode(_api_encode(tree))) == tree


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "1"), ("a", "2")],
        [("a", "1"), ("a[b]", "2")],
        [("a[b]", "1"), ("a", "2")],
        [("[a]", "1")],
        [("a[b", "1")],
    ],
)
def test_contradictory_forms_are_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(ParameterRefused):
        decode(pairs)


def test_open_brackets_append() -> None:
    assert listed(decode([("expand[]", "a"), ("expand[]", "b")])) == {"expand": ["a", "b"]}


def test_the_thirty_first_comes_back_after_a_short_month() -> None:
    anchor = int(datetime(2027, 1, 31, 9, 30, tzinfo=UTC).timestamp())
    ends = [datetime.fromtimestamp(period_end(anchor, "month", n), UTC) for n in (1, 2, 3, 13)]
    assert [(end.month, end.day) for end in ends] == [(2, 28), (3, 31), (4, 30), (2, 29)]
    assert all((end.hour, end.minute) == (9, 30) for end in ends)


@given(st.dictionaries(st.sampled_from(["card_number", "exp", "cvc", "name"]), _texts))
def test_any_typing_is_a_card_or_an_explanation(form: dict[str, str]) -> None:
    card, wrong = read_card(form, datetime(2027, 1, 1, tzinfo=UTC))
    assert (card is None) == bool(wrong)
