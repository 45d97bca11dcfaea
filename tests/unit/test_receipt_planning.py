"""One answer to whether a receipt is due: every reason, and never one that must not be."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.gifts.lifecycle import Status
from portal.money import Money
from portal.receipts.planning import (
    Decision,
    Issue,
    Reason,
    Receiver,
    Refuse,
    Wait,
    decide_receipt,
    plan_receipt,
    receiver_of,
)
from portal.regions.schemes import ReceiptField
from tests.receipts.samples import Said, make_gift, official_region, region

DAY = date(2026, 11, 23)
LETTER = "ca-acknowledgement"
HERE = official_region("ca")
OFFICIAL = HERE.official[0]


def plan(slug: str = "ca", said: Said | None = None, **changes: Any) -> Any:
    here = official_region(slug)
    gift = make_gift(region=slug, currency=here.currencies[0].currency, **changes)
    known = {gift.id: said} if said else None
    return plan_receipt(
        [gift], receiver_of(gift), here.issuer, here.official[0], DAY, particulars=known
    )


REASONS = (
    ({"status": Status.REFUNDED, "refunded_minor": 7550}, Refuse, Reason.REFUNDED),
    ({"status": Status.CHARGED_BACK, "refunded_minor": 7550}, Refuse, Reason.REFUNDED),
    ({"status": Status.DISPUTED}, Wait, Reason.DISPUTED),
    ({"status": Status.PENDING, "paid_minor": 0}, Wait, Reason.NOT_RECEIVED),
    ({"status": Status.PARTLY_PAID, "paid_minor": 5000}, Wait, Reason.NOT_RECEIVED),
    ({"first_name": "", "last_name": ""}, Refuse, Reason.UNKNOWN_DONOR),
    ({"is_unattributed": True}, Refuse, Reason.UNKNOWN_DONOR),
    ({"is_only_acknowledged": True}, Refuse, Reason.OTHERS_RECEIPT),
    ({"address_line1": ""}, Wait, Reason.NO_ADDRESS),
    ({"city": ""}, Wait, Reason.NO_ADDRESS),
    ({"first_name": ""}, Wait, Reason.MISSING_FIELD),
)


@pytest.mark.parametrize(("changes", "kind", "reason"), REASONS)
def test_a_gift_that_is_none_for_the_law_says_why(changes: Any, kind: Any, reason: Reason) -> None:
    found = plan(**changes)
    assert isinstance(found, kind)
    assert found.reason is reason


def test_what_must_be_there_is_named() -> None:
    assert plan(first_name="").missing == (ReceiptField.FIRST_NAME,)


LACKS = (
    ("ca", {"registration_number": ""}, ReceiptField.REGISTRATION),
    ("ca", {"registration_number": "100000008RR0001"}, ReceiptField.REGISTRATION),
    ("ca", {"place": " "}, ReceiptField.PLACE),
    ("ca", {"address_lines": ()}, ReceiptField.ISSUER_ADDRESS),
    ("ca", {"country": "US"}, ReceiptField.ISSUER_ADDRESS),
    ("ca", {"signatory_name": ""}, ReceiptField.SIGNATORY),
    ("nz", {"tax_number": "49-098-577"}, ReceiptField.TAX_NUMBER),
    ("nz", {"signatory_title": {}}, ReceiptField.SIGNATORY_TITLE),
    ("de", {"exemption": ""}, ReceiptField.EXEMPTION),
    ("fr", {"registration_number": "W12"}, ReceiptField.REGISTRATION),
)


@pytest.mark.parametrize(("slug", "changes", "lacking"), LACKS)
def test_an_issuer_without_all_it_must_show_gives_none_out(
    slug: str, changes: Any, lacking: ReceiptField
) -> None:
    here = official_region(slug, **changes)
    gift = make_gift(region=slug)
    found = plan_receipt([gift], receiver_of(gift), here.issuer, here.official[0], DAY)
    assert found == Wait(Reason.ISSUER_NOT_VALIDATED, missing=(lacking,))


@pytest.mark.parametrize("slug", ["de", "fr"])
def test_a_binding_pattern_waits_for_who_confirms_it(slug: str) -> None:
    here = official_region(slug, official_reviewer="")
    gift = make_gift(region=slug)
    found = plan_receipt([gift], receiver_of(gift), here.issuer, here.official[0], DAY)
    assert found == Wait(Reason.NOT_REVIEWED)


def test_a_rule_holds_from_its_first_day_on() -> None:
    here, gift = official_region("za"), make_gift()
    args = [gift], receiver_of(gift), here.issuer, here.official[0]
    assert plan_receipt(*args, date(2026, 2, 28)) == Wait(Reason.NOT_IN_FORCE)
    assert plan_receipt(*args, date(2026, 3, 1)).reason is Reason.MISSING_FIELD  # type: ignore[union-attr]
    assert here.official_on(date(2026, 2, 28)) is None


def test_many_gifts_are_of_one_issuer_currency_and_open_period() -> None:
    one, two = make_gift(id=1), make_gift(id=2, region="us")
    donor = receiver_of(one)

    def ask(*gifts: Any, **more: Any) -> Any:
        return plan_receipt(gifts, donor, HERE.issuer, OFFICIAL, DAY, **more)

    assert ask(one, two, regions={"ca"}) == Refuse(Reason.OTHER_ISSUER, 2)
    assert ask(one, make_gift(id=3, currency="USD")) == Refuse(Reason.MIXED_CURRENCIES)
    assert ask(one, locked_until=DAY) == Refuse(Reason.PERIOD_LOCKED)
    assert ask() == Refuse(Reason.NO_GIFT)
    assert ask(one, make_gift(id=3, amount_minor=2450)).amount == Money(10_000, "CAD")


ADVANTAGES = (
    (7550, 7500, None),
    (100_00, 80_00, (100_00, 80_00)),
    (100_00, 80_01, None),
    (100_00, 10_00, (100_00, 0)),
    (100_00, 10_01, (100_00, 10_01)),
    (10_000_00, 75_00, (10_000_00, 0)),
    (10_000_00, 75_01, (10_000_00, 75_01)),
)


@pytest.mark.parametrize(("amount", "advantage", "sums"), ADVANTAGES)
def test_canada_splits_a_receipt(amount: int, advantage: int, sums: Any) -> None:
    found = plan(said=Said(advantage), amount_minor=amount)
    if sums is None:
        assert found == Refuse(Reason.ADVANTAGE_TOO_HIGH, 1)
    else:
        assert (found.amount.minor, found.advantage.minor) == sums
        assert found.eligible == found.amount - found.advantage


def test_australias_event_has_two_limits() -> None:
    assert isinstance(plan("au", Said(150_00), amount_minor=750_00), Issue)
    assert plan("au", Said(150_01), amount_minor=800_00).reason is Reason.ADVANTAGE_TOO_HIGH
    assert plan("au", Said(21_00), amount_minor=100_00).reason is Reason.ADVANTAGE_TOO_HIGH


def test_new_zealand_begins_at_five_dollars() -> None:
    assert plan("nz", amount_minor=499) == Refuse(Reason.BELOW_MINIMUM)
    assert isinstance(plan("nz", amount_minor=500), Issue)


def test_what_was_given_in_kind_names_who_valued_it() -> None:
    assert plan(said=Said(given="A painting")).missing == (ReceiptField.APPRAISER,)
    assert isinstance(plan(said=Said(given="A painting", appraiser="J. Moss")), Issue)


def test_a_tax_receipt_is_for_what_stayed() -> None:
    found = plan(status=Status.PARTLY_REFUNDED, refunded_minor=2000)
    assert (found.amount.minor, found.returned.minor) == (5550, 2000)


def decide(here: Any, said: Said | None = None, **changes: Any) -> Decision:
    return decide_receipt(make_gift(**changes), here, DAY, particulars=said)


def key_of(found: Decision) -> str:
    assert isinstance(found.plan, Issue)
    return found.plan.scheme.key


def test_the_official_receipt_comes_before_the_letter() -> None:
    assert key_of(decide(HERE)) == "ca-official"
    assert decide(HERE).passed_over == ()


def test_what_the_law_leaves_is_acknowledged_and_says_what_was_passed_over() -> None:
    for found, reason in (
        (decide(HERE, address_line1=""), Reason.NO_ADDRESS),
        (decide(HERE, first_name=""), Reason.MISSING_FIELD),
        (decide(HERE, Said(70_00)), Reason.ADVANTAGE_TOO_HIGH),
        (decide(official_region("ca", registration_number="")), Reason.ISSUER_NOT_VALIDATED),
    ):
        assert key_of(found) == LETTER
        assert [one.reason for one in found.passed_over] == [reason]


def test_a_code_without_receipt_leaves_the_plain_letter() -> None:
    assert key_of(decide(HERE, is_only_acknowledged=True)) == "acknowledgement"


def test_nothing_official_before_the_day_nor_of_a_sample() -> None:
    assert key_of(decide(region("ca"))) == LETTER
    assert key_of(decide(official_region("ca", official_receipts_from=date(2027, 1, 1)))) == LETTER
    assert key_of(decide(replace(HERE, sample=True))) == LETTER


@pytest.mark.parametrize("slug", ["de", "fr"])
def test_a_form_asks_for_the_address_that_a_receipt_needs(slug: str) -> None:
    assert not region(slug).needs_address
    assert official_region(slug).needs_address
    assert not official_region(slug, official_receipts_from=None).needs_address


@pytest.mark.parametrize("changes", [one for one, _, _ in REASONS[:7]])
def test_no_letter_stands_for_what_is_no_gift(changes: Any) -> None:
    assert not isinstance(decide(HERE, **changes).plan, Issue)


gifts = st.builds(
    make_gift,
    id=st.integers(1, 3),
    status=st.sampled_from(Status),
    paid_minor=st.integers(0, 10_000),
    refunded_minor=st.integers(0, 12_000),
    currency=st.sampled_from(["CAD", "JPY", "TND"]),
    region=st.sampled_from(["ca", "us"]),
    first_name=st.sampled_from(["Grace", ""]),
    last_name=st.sampled_from(["Okafor", ""]),
    address_line1=st.sampled_from(["1 Rue", ""]),
    is_unattributed=st.booleans(),
    is_only_acknowledged=st.booleans(),
)
said = st.builds(
    Said, st.integers(0, 15_000), is_intangible=st.booleans(), given=st.sampled_from(["", "Art"])
)
schemes = st.sampled_from(
    [
        scheme
        for slug in ("ca", "au", "nz", "za", "de", "fr")
        for scheme in (region(slug).receipt, *region(slug).official)
    ]
)
issuers = st.sampled_from([region("ca").issuer, *(official_region(s).issuer for s in ("ca", "nz"))])
GONE = {Status.REFUNDED, Status.CHARGED_BACK, Status.DISPUTED}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(gifts, max_size=3),
    issuers,
    schemes,
    st.dictionaries(st.integers(1, 3), said),
    st.fixed_dictionaries({"locked_until": st.sampled_from([None, DAY])}),
)
def test_there_is_always_an_answer_and_never_a_wrong_receipt(
    many: Any, issuer: Any, scheme: Any, known: Any, more: Any
) -> None:
    donor = receiver_of(many[0]) if many else Receiver(name="Grace")
    found = plan_receipt(
        many, donor, issuer, scheme, DAY, particulars=known, regions={"ca"}, **more
    )
    assert isinstance(found, Issue | Wait | Refuse)
    if isinstance(found, Issue):
        assert many
        assert more["locked_until"] is None
        assert all(one.name and one.status not in GONE for one in many)
        assert all(one.status.is_received and one.refunded_minor < one.paid_minor for one in many)
        assert found.eligible == found.amount - found.advantage
        assert found.eligible.minor > 0
        assert found.amount + found.returned == sum(
            (one.received for one in many), Money(0, many[0].currency)
        )
    else:
        assert found.reason.label
