"""What donors are asked for: each kind's own check, and which schemes ask for what."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.regions.donor_numbers import LONGEST, RULES, group_kinds, list_kinds
from portal.regions.schemes import NumberKind, ReceiptField
from tests.receipts.samples import official_region, region

DAY = date(2026, 11, 23)
WRONG = {
    NumberKind.ZA_INCOME_TAX: ["0001339051", "5001339050", "000133905", "x", "٠001339050"],
    NumberKind.ZA_ID: ["8001015009086", "8013015009087", "800101500908"],
    NumberKind.PASSPORT: ["ABCDE", "A1", "A" * 21 + "1", "Ä1234567"],
    NumberKind.ZA_COMPANY: ["2020/12345/07", "20201234560", "2020:123456:07"],
    NumberKind.ZA_TRUST: ["IT", "IT/TRUST", "IT|1234"],
    NumberKind.PHONE: ["123456", "1234567890123456", "call me 1234567", "٠٠٠٠٠٠٠"],
    NumberKind.IN_PAN: ["ABCXA1234F", "ABCPA0000F", "ABCPA12345", "ABCPA1234"],
    NumberKind.IE_PPSN: ["1234567W", "123456T", "1234567"],
}


def test_each_kind_takes_its_example_in_any_writing_and_nothing_that_is_wrong() -> None:
    assert {*RULES} == {*NumberKind}
    for kind, rule in RULES.items():
        assert rule.read(rule.example) == rule.example
        assert [text for text in WRONG.get(kind, ()) if rule.read(text)] == [], kind
    assert RULES[NumberKind.ZA_ID].read("800101 5009 08 7") == "8001015009087"
    assert RULES[NumberKind.IN_PAN].read("abcpa 1234f") == "ABCPA1234F"
    assert RULES[NumberKind.IE_PPSN].read("1234567 t") == "1234567T"
    assert RULES[NumberKind.ZA_COMPANY].read("2020 123456 07") == "2020/123456/07"
    assert [kind for kind, rule in RULES.items() if rule.wants_country] == [NumberKind.PASSPORT]


@given(st.sampled_from(list(RULES)), st.text(max_size=LONGEST))
def test_what_is_kept_is_read_the_same_again(kind: NumberKind, text: str) -> None:
    kept = RULES[kind].read(text)
    assert len(kept) <= LONGEST
    assert RULES[kind].read(kept) == kept


def test_only_who_needs_a_number_asks_for_it() -> None:
    asked = {
        slug: list_kinds(region(slug).asked_on(DAY)) for slug in ("ca", "gb", "za", "in", "ie")
    }
    assert asked == {
        **dict.fromkeys(("ca", "gb", "za"), ()),
        "in": (NumberKind.IN_PAN,),
        "ie": (NumberKind.IE_PPSN,),
    }
    [scheme] = official_region("za").asked_on(DAY)
    groups = group_kinds(scheme.donor_numbers)
    assert len(groups[ReceiptField.ID_NUMBER]) == 4
    needed = {*groups} & {*scheme.requires}
    assert needed == {*groups}
    assert official_region("za").needs_address


@pytest.mark.parametrize("kind", [one for one in NumberKind if RULES[one].nature])
def test_what_identifies_says_whose_it_is(kind: NumberKind) -> None:
    rule = RULES[kind]
    assert rule.field is ReceiptField.ID_NUMBER
    assert rule.country or rule.wants_country
