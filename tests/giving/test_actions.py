"""What a donor may do with their gift: a table of facts and answers, without a page."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, Plan
from portal.giving.gift.page import GiftActions, list_actions, list_monthly_actions
from portal.giving.gift.transfer import Transfer
from portal.giving.gift.words import Arrival, tell_receipt, tell_status
from portal.intake.change_mode import OtherWay
from portal.money import Money
from portal.payments.transfers import TransferWatch
from portal.regions.catalogue import Proof
from portal.regions.files import read_catalogue

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOTHING = Money(0, "CAD")


def make_gift(status: Status) -> Gift:
    return Gift(
        status=status,
        amount_minor=7553,
        paid_minor=7553 if status.is_received else 0,
        refunded_minor=0,
        currency="CAD",
        first_name="Ada",
        email="ada@example.org",
    )


def make_transfer(**values: Any) -> Transfer:
    canada = read_catalogue().by_slug("ca")
    mode = canada and canada.mode("interac")
    assert mode is not None
    watch = TransferWatch(word_at=None, expires_at=NOW + timedelta(days=60))
    plain = Transfer(
        mode=mode,
        received=NOTHING,
        due=Money(7553, "CAD"),
        watch=watch,
        proofs=(),
        was_taken_back=False,
        now=NOW,
    )
    return replace(plain, **values)


def list_for(status: Status, arrival: Arrival = Arrival.NONE, **facts: Any) -> set[str]:
    gift, transfer = make_gift(status), facts.get("transfer")
    given = {"transfer": transfer, "ways": (), "plan": None, "has_region": True, **facts}
    message = tell_status(gift, arrival, transfer, NOTHING)
    return names_of(list_actions(gift, message, arrival, **given))


def names_of(allowed: GiftActions) -> set[str]:
    return {one.name for one in fields(allowed) if getattr(allowed, one.name)}


@pytest.mark.parametrize(
    ("status", "arrival", "may"),
    [
        (Status.PENDING, Arrival.NONE, "pay begin_anew"),
        (Status.PENDING, Arrival.RETURNED, "pay check_again begin_anew"),
        (Status.PENDING, Arrival.CANCELLED, "pay begin_anew"),
        (Status.EXPIRED, Arrival.NONE, "pay check_again begin_anew"),
        (Status.FAILED, Arrival.TROUBLE, "pay begin_anew"),
        (Status.PROCESSING, Arrival.RETURNED, "give_again"),
        (Status.PAID, Arrival.RETURNED, "give_again"),
        (Status.REFUNDED, Arrival.NONE, "give_again"),
    ],
)
def test_a_gift_that_is_paid_at_once(status: Status, arrival: Arrival, may: str) -> None:
    assert list_for(status, arrival) == set(may.split())


def test_a_gift_of_a_region_that_is_gone_leads_to_no_form() -> None:
    assert list_for(Status.PAID, has_region=False) == set()
    assert list_for(Status.PENDING, has_region=False) == {"pay"}


def test_another_mode_is_chosen_for_the_same_gift_where_there_is_one() -> None:
    way = OtherWay(make_transfer().mode, Money(7553, "CAD"))
    assert list_for(Status.PENDING, ways=[way]) == {"pay", "change_mode"}


def test_a_gift_that_is_paid_by_instructions() -> None:
    asked = make_transfer()
    free = replace(asked.mode, proof=Proof.NONE)
    said = TransferWatch(word_at=NOW, expires_at=NOW + timedelta(days=60))
    base = {"send", "begin_anew"}
    assert list_for(Status.PENDING, transfer=replace(asked, mode=free)) == base | {"say_paid"}
    told = replace(asked, mode=free, watch=said)
    assert list_for(Status.PENDING, transfer=told) == base | {"is_sent"}
    in_part = replace(told, received=Money(1000, "CAD"))
    assert list_for(Status.PARTLY_PAID, transfer=in_part) == base
    wanted = replace(told, mode=replace(free, proof=Proof.WANTED))
    assert list_for(Status.PENDING, transfer=wanted) == base | {"is_sent", "send_proof"}


def test_a_monthly_gift_is_changed_while_it_goes_on() -> None:
    plan = Plan(status="active", stripe_subscription_id="sub_1", stripe_customer_id="cus_1")
    ended = Plan(status="cancelled", stripe_subscription_id="sub_1", stripe_customer_id="cus_1")
    bare = Plan(status="active", stripe_subscription_id="sub_1")
    assert "change_monthly" in list_for(Status.PAID, plan=plan)
    assert "change_monthly" not in list_for(Status.PAID, plan=ended)
    answers = [
        (one.change_card, one.stop, one.begin_anew)
        for one in (list_monthly_actions(each, has_region=True) for each in (plan, ended, bare))
    ]
    assert answers == [(True, True, False), (False, False, True), (False, True, False)]
    assert not list_monthly_actions(ended, has_region=False).begin_anew


@pytest.mark.parametrize(
    ("status", "says"),
    [(Status.PAID, "No document was made"), (Status.PROCESSING, "follows"), (Status.PENDING, "")],
)
def test_what_stands_in_place_of_a_receipt(status: Status, says: str) -> None:
    told = tell_receipt(make_gift(status), None, is_mail_failing=False)
    assert says in told
    assert bool(told) == bool(says)
