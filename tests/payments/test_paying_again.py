"""A gift whose code's use was given back, and its donor who pays after all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.codes.models import CodeUse, Policy, UseCounter
from portal.codes.operations import Draft, add_code, add_policy, change_policy
from portal.codes.refusals import Reason
from portal.codes.terms import Kind
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.operations import lock_gift
from portal.intake.admission import Caller
from portal.intake.change_mode import change_mode
from portal.intake.checkout import LAPSE_GRACE, lapse_unbegun
from portal.intake.start import NotAllowed
from portal.money import Money
from portal.payments.books import prove
from portal.payments.models import Checkout
from portal.payments.operations import accept
from portal.payments.transfers import ReminderSchedule, follow_transfers, set_expiry
from tests.conftest import NOW
from tests.payments.stories import list_events, sandbox_now
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace, at

DAY = timedelta(days=1)


@pytest.fixture
def place(place: Workplace) -> Iterator[Workplace]:
    with place.database.write() as session:
        policy = add_policy(session, "Spring", Draft(document={"max_uses_in_all": 1}), NOW)
        add_code(session, "SPRING", policy, NOW, kind=Kind.CAMPAIGN)
    yield place
    with place.database.read() as session:
        assert prove(session) == []


def give(place: Workplace, donor: str, mode: str = "card", **more: Any) -> str:
    """A gift with the code; its token."""
    money = Money(10_000 + len(donor), "CAD")
    email = {"email": f"{donor}@example.org"}
    return place.start(code="SPRING", mode=mode, donor=email, money=money, **more).token


def receive(place: Workplace, sandbox: SandboxProcess) -> None:
    sandbox.control("drain")
    for event in list_events(sandbox):
        place.receive(event)


def expire_last(place: Workplace, sandbox: SandboxProcess) -> None:
    """The newest pay page runs out, and that is heard of."""
    with place.database.read() as session:
        newest = sa.select(Checkout.stripe_session_id).order_by(Checkout.id.desc()).limit(1)
        session_id = session.scalar(newest)
    assert sandbox.api("POST", f"/v1/checkout/sessions/{session_id}/expire").status == 200
    receive(place, sandbox)


@pytest.fixture
def lapsed(place: Workplace, sandbox: SandboxProcess) -> str:
    token = give(place, "ada")
    expire_last(place, sandbox)
    assert place.gift(token).status is Status.EXPIRED
    assert used(place) == 0
    return token


def used(place: Workplace) -> int:
    with place.database.read() as session:
        return session.scalar(sa.select(UseCounter.used)) or 0


def use_of(place: Workplace, token: str) -> CodeUse:
    with place.database.read() as session:
        return session.get_one(CodeUse, place.gift(token).id)


def change_to(place: Workplace, token: str, mode: str) -> str:
    gift = place.gift(token)
    region = place.services.catalogue.by_slug(gift.region)
    assert region is not None
    return change_mode(place.services, region, gift, key=mode, caller=Caller("visitor"))


def test_who_pays_again_takes_a_use_again(place, sandbox, lapsed):
    assert "/pay/cs_" in place.resume(lapsed, sandbox_now(sandbox))
    assert (used(place), place.gift(lapsed).status) == (1, Status.PENDING)
    expire_last(place, sandbox)
    assert (used(place), place.gift(lapsed).status) == (0, Status.EXPIRED)
    url = place.resume(lapsed, sandbox_now(sandbox))
    assert sandbox.pay(url).status == 303
    receive(place, sandbox)
    assert (used(place), place.gift(lapsed).status) == (1, Status.PAID)
    assert not use_of(place, lapsed).over_limit


def test_a_checkout_that_is_finished_twice_is_one_use_and_no_refund(place, sandbox):
    token = give(place, "ada")
    with place.database.read() as session:
        url = session.scalars(sa.select(Checkout.url)).one()
    assert sandbox.pay(url).status == 303
    for _ in range(2):
        receive(place, sandbox)
    gift = place.gift(token)
    assert (gift.status, gift.paid_minor, gift.refunded_minor) == (
        Status.PAID,
        gift.amount_minor,
        0,
    )
    found = use_of(place, token)
    assert (found.holds, found.over_limit, used(place)) == (True, False, 1)


def test_where_none_is_left_there_is_no_page_to_pay_on(place, sandbox, lapsed):
    give(place, "eve", "interac")
    asked = len(sandbox.look("requests"))
    for go_on in (
        lambda: place.resume(lapsed, sandbox_now(sandbox)),
        lambda: change_to(place, lapsed, "interac"),
    ):
        with pytest.raises(NotAllowed) as caught:
            go_on()
        refusal = caught.value.refusal
        assert refusal.reason is Reason.USED_UP
        assert [way.code for way in refusal.next_ways] == [None]
    assert len(sandbox.look("requests")) == asked
    gift = place.gift(lapsed)
    assert (gift.status, gift.mode, used(place)) == (Status.EXPIRED, "card", 1)
    assert not use_of(place, lapsed).holds


def test_another_mode_takes_a_use_again(place, lapsed):
    change_to(place, lapsed, "interac")
    assert (used(place), place.gift(lapsed).status) == (1, Status.PENDING)
    assert use_of(place, lapsed).holds


def test_it_goes_by_the_limit_of_now(place, sandbox, lapsed):
    give(place, "eve", "interac")
    with place.services.write() as act:
        policy = act.session.scalars(sa.select(Policy).where(Policy.name == "Spring")).one()
        change_policy(act.session, policy, Draft(document={"max_uses_in_all": 2}), act.now)
    assert "/pay/cs_" in place.resume(lapsed, sandbox_now(sandbox))
    assert used(place) == 2
    assert not use_of(place, lapsed).over_limit


def test_a_limit_that_was_lifted_refuses_nobody(place, sandbox, lapsed):
    give(place, "eve", "interac")
    with place.services.write() as act:
        policy = act.session.scalars(sa.select(Policy).where(Policy.name == "Spring")).one()
        change_policy(act.session, policy, Draft(), act.now)
    assert "/pay/cs_" in place.resume(lapsed, sandbox_now(sandbox))
    assert not use_of(place, lapsed).over_limit


def test_two_who_pay_again_at_once_on_the_last_use_are_one(place, sandbox, lapsed):
    other = give(place, "eve")
    expire_last(place, sandbox)
    now = sandbox_now(sandbox)

    def go_on(token: str) -> str:
        try:
            return place.resume(token, now, f"network {token}")
        except NotAllowed:
            return ""

    with ThreadPoolExecutor(2) as pool:
        urls = list(pool.map(go_on, (lapsed, other)))
    assert sum(bool(url) for url in urls) == 1
    assert used(place) == 1


def give_up(place: Workplace, token: str) -> None:
    """The time of a transfer is over."""
    services = at(place.services, place.services.now() + 400 * DAY)
    follow_transfers(services)
    assert place.gift(token).status is Status.EXPIRED


def extend(place: Workplace, token: str) -> None:
    """Staff give it more time."""
    with place.services.write("staff:1") as act:
        gift = lock_gift(act.session, place.gift(token).id)
        set_expiry(act, gift, ReminderSchedule((2, 7, 14), 30), act.now + 31 * DAY)
    assert place.gift(token).status is Status.PENDING


def test_staff_give_more_time_also_where_none_is_left_and_late_money_is_marked(place):
    token = give(place, "ada", "interac")
    give_up(place, token)
    assert used(place) == 0
    extend(place, token)
    assert (use_of(place, token).holds, used(place)) == (True, 1)
    give_up(place, token)
    give(place, "eve", "interac")
    extend(place, token)
    assert (use_of(place, token).holds, used(place)) == (False, 1)
    pay(place, token)
    found = use_of(place, token)
    assert (found.holds, found.over_limit, used(place)) == (True, True, 2)


def pay(place: Workplace, token: str) -> None:
    gift = place.gift(token)
    claim = Claim(
        fact=FactKind.PAID,
        subject=f"{gift.id}-paid",
        occurred_at=place.services.now(),
        money=gift.money,
        source=Source.PERSON,
        actor="staff:1",
    )
    with place.services.write() as act:
        accept(act, gift.id, [claim])


def test_a_gift_that_never_got_a_page_gives_its_use_back_when_that_would_have_ended(place, sandbox):
    sandbox.control("outage", requests=3)
    token = give(place, "ada")
    assert (used(place), place.gift(token).status) == (1, Status.PENDING)
    with place.database.read() as session:
        ends = session.scalars(sa.select(Checkout.expires_at)).one()
    assert lapse_unbegun(at(place.services, ends + LAPSE_GRACE)) == 0
    late = at(place.services, ends + LAPSE_GRACE + timedelta(seconds=1))
    assert lapse_unbegun(late) == 1
    assert (used(place), place.gift(token).status) == (0, Status.EXPIRED)
    assert lapse_unbegun(late) == 0
