"""Which gifts Gift Aid covers, and rows that HMRC's service reads without a fault."""

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.receipts.eligibility import Claimed, judge, overclaimed_tax, sum_small
from portal.receipts.gift_aid import (
    MOST_ROWS,
    Covers,
    Declared,
    Given,
    How,
    Row,
    Verdict,
    Why,
    compose_rows,
    list_faults,
    name_donor,
    period_end,
    readable,
    split_schedules,
    years_before,
)

TODAY = date(2026, 11, 23)
YEAR_END = "04-05"
ADA = Declared(
    id=1,
    key="a",
    donor_id=7,
    names=frozenset({"eze ada"}),
    covers=Covers.ALL,
    gift_id=None,
    how=How.FORM,
    made_on=date(2026, 5, 1),
    confirmed_on=None,
    cancelled_from=None,
    title="",
    first_name="Ada",
    last_name="Eze",
    address=("1 High Street", "Exeter"),
    postal_code="EX1 1AA",
    country="GB",
)
GIFT = Given(
    gift_id=3,
    reference="R",
    donor_id=7,
    name="eze ada",
    received_on=date(2026, 6, 1),
    minor=25_37,
    currency="GBP",
)


def why(gift: Given = GIFT, *declared: Declared, today: date = TODAY) -> Why | None:
    return judge(gift, declared, today, YEAR_END).why


def test_a_declaration_covers_its_donors_gifts_before_and_after() -> None:
    for day in (date(2022, 5, 1), date(2026, 4, 30), date(2026, 5, 1), TODAY):
        verdict = judge(replace(GIFT, received_on=day), [ADA], date(2026, 4, 5), YEAR_END)
        assert verdict.declared == ADA, day


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"currency": "EUR"}, Why.NOT_POUNDS),
        ({"minor": 0}, Why.NOTHING_LEFT),
        ({"is_disputed": True}, Why.DISPUTED),
        ({"is_others": True}, Why.OTHERS_RECEIPT),
        ({"name": "eze ben"}, Why.OTHER_NAME),
        ({"received_on": date(2022, 4, 30)}, Why.BEFORE),
    ],
)
def test_a_gift_is_not_covered(change: dict[str, object], said: Why) -> None:
    assert why(replace(GIFT, **change), ADA, today=date(2026, 4, 1)) is said  # type: ignore[arg-type]  # named fields


def test_a_claim_is_too_late_four_years_after_the_accounting_period() -> None:
    gift, declared = (
        replace(GIFT, received_on=date(2022, 4, 5)),
        replace(ADA, made_on=date(2022, 4, 1)),
    )
    assert why(gift, declared, today=date(2026, 4, 5)) is None
    assert why(gift, declared, today=date(2026, 4, 6)) is Why.TOO_LATE


def test_a_declaration_ends_with_its_cancellation_and_not_before() -> None:
    cancelled = replace(ADA, cancelled_from=GIFT.received_on)
    assert why(GIFT, cancelled) is Why.CANCELLED
    earlier = replace(GIFT, received_on=GIFT.received_on - timedelta(days=1))
    assert why(earlier, cancelled) is None


def test_an_oral_one_holds_thirty_days_after_its_letter() -> None:
    oral = replace(ADA, how=How.ORAL)
    assert why(GIFT, oral) is Why.UNCONFIRMED
    sent = replace(oral, confirmed_on=TODAY - timedelta(days=30))
    assert why(GIFT, sent) is Why.MAY_CANCEL
    assert why(GIFT, sent, today=TODAY + timedelta(days=1)) is None


def test_one_for_a_single_gift_is_for_no_other() -> None:
    single = replace(ADA, covers=Covers.GIFT, gift_id=3)
    assert why(GIFT, single) is None
    assert why(replace(GIFT, gift_id=4), single) is Why.OTHER_GIFT
    assert why(GIFT) is Why.NO_DECLARATION


def test_a_former_name_is_covered_and_a_home_without_a_postcode_is_none() -> None:
    assert why(GIFT, replace(ADA, names=frozenset({"eze ada", "obi ada"}))) is None
    assert why(GIFT, replace(ADA, postal_code="")) is Why.NO_ADDRESS
    assert why(GIFT, replace(ADA, postal_code="", country="NG")) is None


def rows_of(*gifts: Given, declared: Declared = ADA, together: str = "") -> list[Row]:
    verdicts = [Verdict(gift, declared, None) for gift in gifts]
    return [one.row for one in compose_rows(verdicts, YEAR_END, together=together)]


def test_a_donors_gifts_are_one_row_a_period_dated_as_the_last() -> None:
    days = (date(2026, 4, 5), date(2026, 1, 1), date(2026, 4, 6))
    rows = rows_of(*(replace(GIFT, gift_id=at, received_on=day) for at, day in enumerate(days)))
    assert [(row.day, row.amount) for row in rows] == [(days[0], "50.74"), (days[2], "25.37")]


def test_a_named_donors_gift_over_a_thousand_pounds_is_one_row() -> None:
    [row] = rows_of(replace(GIFT, minor=5_000_01))
    assert row.amount == "5000.01"
    assert not list_faults(row, TODAY)


def test_small_gifts_go_together_in_rows_of_at_most_a_thousand_pounds() -> None:
    gifts = [replace(GIFT, gift_id=at, minor=29_99) for at in range(40)]
    large = replace(GIFT, gift_id=99, minor=30_00)
    rows = rows_of(*gifts, large, together="Sunday=gifts")
    assert sorted(row.amount_minor for row in rows) == [30_00, 7 * 29_99, 33 * 29_99]
    assert all(not list_faults(row, TODAY) for row in rows)
    assert [row.cells[:5] for row in rows if row.aggregated] == [("",) * 5] * 2


def test_a_thousand_and_one_rows_are_two_schedules() -> None:
    row = Row(first_name="A", last_name="B", house="1", postcode="X", day=TODAY, amount_minor=1)
    assert [len(one) for one in split_schedules([row] * (MOST_ROWS + 1))] == [MOST_ROWS, 1]


NAMES = st.one_of(
    st.text(min_size=1, max_size=200),
    st.sampled_from(
        ["محمد بن سلمان", "山田", "Łucja-Ñandú", "O’Hára-" * 25, "x" * 200, "D’Arcy–Jones"]
    ),
)


@settings(max_examples=40)
@given(NAMES, NAMES, st.lists(NAMES, min_size=1, max_size=4), st.sampled_from(["GB", "NG", "JE"]))
def test_every_name_and_address_is_one_that_hmrc_reads_or_is_told(
    first: str, last: str, address: list[str], country: str
) -> None:
    person = replace(
        ADA, first_name=first, last_name=last, address=tuple(address), country=country, title="Dr."
    )
    row = name_donor(person, TODAY, 1)
    for text, longest in ((row.first_name, 35), (row.last_name, 35), (row.house, 40)):
        assert len(text) <= longest
        assert not re.search(r"[^\x20-\x7e\xa1-\xff]", text)
    assert "-" not in row.last_name
    assert row.title == "Dr"
    assert row.postcode == ("X" if country == "NG" else "EX1 1AA")
    if row.first_name and row.last_name and row.house:
        assert list_faults(row, TODAY) == []


@pytest.mark.parametrize(
    ("said", "read"),
    [("House-Martin", "House Martin"), ("محمد", "mhmd"), ("Łucja", "Lucja"), ("Zoë", "Zoë")],
)
def test_a_surname_is_written_in_letters_that_hmrc_reads(said: str, read: str) -> None:
    assert name_donor(replace(ADA, last_name=said), TODAY, 1).last_name == read


def test_as_much_of_an_address_as_fits_by_whole_parts() -> None:
    row = name_donor(replace(ADA, address=("Flat 2", "17 Long Avenue", "Newton Abbot")), TODAY, 1)
    assert row.house == "Flat 2, 17 Long Avenue, Newton Abbot"
    row = name_donor(
        replace(ADA, address=("Flat 2", "17 Very Long Avenue Indeed", "Exeter")), TODAY, 1
    )
    assert row.house == "Flat 2, 17 Very Long Avenue Indeed"
    assert readable("x" * 50, 40) == "x" * 40


@pytest.mark.parametrize(
    ("day", "end", "ends_on"),
    [
        (date(2026, 4, 5), "04-05", date(2026, 4, 5)),
        (date(2026, 4, 6), "04-05", date(2027, 4, 5)),
        (date(2026, 2, 28), "02-29", date(2026, 2, 28)),
        (date(2028, 2, 29), "02-29", date(2028, 2, 29)),
        (date(2026, 12, 31), "12-31", date(2026, 12, 31)),
    ],
)
def test_an_accounting_period_ends(day: date, end: str, ends_on: date) -> None:
    assert period_end(day, end) == ends_on


@pytest.mark.parametrize("changes", [
    {"amount_minor": 0}, {"day": TODAY + timedelta(days=1)}, {"last_name": "A-B"},
    {"first_name": ""}, {"house": "x" * 41}, {"postcode": "ex1 1aa"}, {"postcode": "overseas"},
    {"title": "Prof."}, {"aggregated": "x"}, {"aggregated": "x" * 36},
])  # fmt: skip
def test_what_hmrc_refuses_is_found(changes: dict[str, object]) -> None:
    right = name_donor(ADA, TODAY, 100)
    assert list_faults(right, TODAY) == []
    assert list_faults(replace(right, **changes), TODAY)  # type: ignore[arg-type]  # named fields


def test_a_row_without_names_is_at_most_a_thousand_pounds() -> None:
    row = Row(aggregated="Collection", day=TODAY, amount_minor=1_000_00)
    assert list_faults(row, TODAY) == []
    assert list_faults(replace(row, amount_minor=1_000_01), TODAY) == ["amount"]


def test_what_went_back_is_taken_back_once() -> None:
    claimed = Claimed(replace(GIFT, minor=10_00), ADA, 25_37, 0)
    assert claimed.due_minor == 15_37
    assert replace(claimed, taken_back_minor=15_37).due_minor == 0
    ended = replace(ADA, cancelled_from=GIFT.received_on)
    assert replace(claimed, declared=ended).due_minor == 25_37
    later = replace(ADA, cancelled_from=GIFT.received_on + timedelta(days=1))
    assert replace(claimed, declared=later).due_minor == 15_37
    assert overclaimed_tax([15_37]) == 385


def test_four_years_before_a_leap_day_is_one() -> None:
    assert years_before(date(2028, 2, 29), 4) == date(2024, 2, 29)
    assert years_before(date(2028, 2, 29), 1) == date(2027, 2, 28)


def test_small_cash_is_topped_up_within_the_limits_of_a_tax_year() -> None:
    cash = [replace(GIFT, minor=30_00)] * 300 + [replace(GIFT, minor=30_01)]
    [year] = sum_small(cash, [replace(GIFT, minor=700_00)])
    assert (year.small_minor, year.most_minor) == (9_000_00, 7_000_00)
    assert (year.ends_on, year.until) == (date(2027, 4, 5), date(2029, 4, 5))
    [year] = sum_small(cash, [replace(GIFT, minor=5_000_00)])
    assert year.most_minor == 8_000_00
