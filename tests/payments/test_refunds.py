"""Staff give money back: once a form, and out of a payment that has that much left."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.codes.terms import Frequency
from portal.gifts.models import Gift
from portal.intake.admission import Caller
from portal.intake.change_mode import resume_gift
from portal.money import Money
from portal.payments.models import Refund, RefundState
from portal.payments.providers import PayOrder, ProviderUnavailable
from portal.payments.refunds import (
    RefundRefused,
    RefundUnanswered,
    Wish,
    request_refund,
    settle_unanswered,
)
from portal.services import AuditEntry
from tests.migrations.test_migrations import copy_row
from tests.payments.stories import Recorder, find
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace, at, make_workplace

WEEK = 8 * 86_400
# The SDK asks once and twice more, by the same key.
ALL_TRIES = 3


def hear(place: Workplace, sandbox: SandboxProcess) -> None:
    """All that Stripe has to say so far."""
    seen = Recorder()
    seen.note(sandbox)
    for event in seen.values():
        place.receive(event)
    place.work_off()


def pay(place: Workplace, sandbox: SandboxProcess, minor: int = 10_001, **choices: Any) -> Gift:
    started = place.start(money=Money(minor, "CAD"), **choices)
    sandbox.pay(started.url)
    hear(place, sandbox)
    return place.gift(started.token)


def ask(place: Workplace, gift: Gift, minor: int, *, once: str = "form-1", **late: Any) -> None:
    wish = Wish(money=Money(minor, gift.currency), once=once, reason="Asked", actor="staff:1")
    now = datetime.now(UTC) + timedelta(**late)
    request_refund(at(place.services, now), gift.id, wish)


def refunds(sandbox: SandboxProcess) -> list[int]:
    return [one["amount"] for one in find(sandbox, "refunds")]


def lose_answer(place: Workplace, sandbox: SandboxProcess, gift: Gift, minor: int) -> None:
    """Stripe refunds, and nobody hears it say so."""
    sandbox.control("outage", lose_answers=ALL_TRIES)
    with pytest.raises(RefundUnanswered, match="don’t know yet"):
        ask(place, gift, minor)
    sandbox.control("outage")


def kept(place: Workplace) -> Refund:
    with place.database.read() as session:
        return session.scalars(sa.select(Refund)).one()


@pytest.mark.parametrize("minor", [3003, 10_001])
def test_a_refund_whose_answer_was_lost_is_not_made_again_by_the_same_form(
    place: Workplace, sandbox: SandboxProcess, minor: int
) -> None:
    gift = pay(place, sandbox)
    lose_answer(place, sandbox, gift, minor)
    hear(place, sandbox)
    assert place.gift(gift.token).refunded_minor == minor
    ask(place, gift, minor)
    hear(place, sandbox)
    assert refunds(sandbox) == [minor]
    assert place.gift(gift.token).refunded_minor == minor


def test_a_refund_is_kept_before_stripe_is_asked_and_learns_its_answer(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    gift = pay(place, sandbox)
    lose_answer(place, sandbox, gift, 3003)
    before = kept(place)
    assert (before.state, before.stripe_refund_id) == (RefundState.ASKED, None)
    ask(place, gift, 3003)
    (made,) = find(sandbox, "refunds")
    assert (kept(place).state, kept(place).stripe_refund_id) == (RefundState.MADE, made["id"])
    assert made["payment_intent"] == before.payment
    with pytest.raises(sa.exc.IntegrityError), place.database.write() as session:
        copy_row(session, "refunds", before.id, idempotency_key="another")


def settle(place: Workplace, **late: float) -> int:
    now = datetime.now(UTC) + timedelta(**late)
    return settle_unanswered(at(place.services, now), place.services.providers.get("stripe"))


def test_a_refund_whose_answer_was_lost_is_found_by_the_comparison(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    gift = pay(place, sandbox)
    intent = find(sandbox, "charges")[0]["payment_intent"]
    form = {"payment_intent": intent, "amount": "3003"}
    sandbox.api("POST", "/v1/refunds", form)
    lose_answer(place, sandbox, gift, 3003)
    assert settle(place) == 0, "its answer may be on its way"
    assert settle(place, minutes=3) == 1
    (made,) = [one for one in find(sandbox, "refunds") if one["metadata"]]
    assert (kept(place).state, kept(place).stripe_refund_id) == (RefundState.MADE, made["id"])
    hear(place, sandbox)
    assert place.gift(gift.token).refunded_minor == 2 * 3003
    assert settle(place, minutes=3) == 0
    assert len(refunds(sandbox)) == 2


def test_a_refund_that_was_never_made_does_not_wait_for_ever(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    gift = pay(place, sandbox)
    sandbox.control("outage", seconds=60)
    with pytest.raises(RefundUnanswered):
        ask(place, gift, 3003)
    with pytest.raises(ProviderUnavailable):
        settle(place, hours=25)
    sandbox.control("outage", seconds=0)
    assert settle(place, hours=1) == 0, "its form may ask again"
    assert kept(place).state is RefundState.ASKED
    assert settle(place, hours=25) == 1
    assert kept(place).state is RefundState.REFUSED
    with place.database.read() as session:
        entries = session.scalars(sa.select(AuditEntry.act)).all()
    assert entries == ["refund_not_made"]
    assert refunds(sandbox) == []


def test_a_refund_that_stripe_refuses_is_kept_as_refused(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    gift = pay(place, sandbox)
    (charge,) = find(sandbox, "charges")
    money = Money(10_001, "CAD")
    place.gateway.refund(
        charge["payment_intent"], money, key="elsewhere", reference="", installation=""
    )
    with pytest.raises(RefundRefused, match="Stripe refused"):
        ask(place, gift, 10_001)
    assert kept(place).state is RefundState.REFUSED


def test_an_answered_form_that_is_sent_again_refunds_nothing_more(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    gift = pay(place, sandbox)
    for _ in range(2):
        ask(place, gift, 3003)
    assert refunds(sandbox) == [3003]


def test_another_form_for_the_same_amount_is_another_refund(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    gift = pay(place, sandbox)
    for once in ("form-1", "form-2"):
        ask(place, gift, 3003, once=once)
    assert refunds(sandbox) == [3003, 3003]


def test_a_form_whose_answer_was_lost_asks_for_no_other_amount(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    gift = pay(place, sandbox)
    lose_answer(place, sandbox, gift, 3003)
    with pytest.raises(RefundUnanswered, match=r"asked for CA\$30\.03 before"):
        ask(place, gift, 2002)
    assert refunds(sandbox) == [3003]


def test_a_form_older_than_what_stripe_remembers_is_refused(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    gift = pay(place, sandbox)
    lose_answer(place, sandbox, gift, 3003)
    with pytest.raises(RefundRefused, match="a day ago or more"):
        ask(place, gift, 3003, hours=25)
    assert refunds(sandbox) == [3003]


def test_a_gift_paid_after_a_failed_bank_debit_is_refunded_on_what_was_paid(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    started = place.start(mode="bank_debit")
    sandbox.control("fail_next_settlement", count=1)
    debit(place, sandbox, started.url)
    gift = place.gift(started.token)
    region = place.services.catalogue.by_slug(gift.region)
    assert region is not None
    caller, now = Caller("visitor"), datetime.fromtimestamp(sandbox.look("state")["now"], UTC)
    url = resume_gift(at(place.services, now), region, gift, caller=caller)
    debit(place, sandbox, url)
    ask(place, gift, 7553)
    assert refunds(sandbox) == [7553]


def debit(place: Workplace, sandbox: SandboxProcess, url: str) -> None:
    sandbox.submit(url, method="bank_debit", name="Ada Eze")
    sandbox.control("advance", seconds=WEEK)
    hear(place, sandbox)


def pay_again(place: Workplace, sandbox: SandboxProcess, gift: Gift) -> None:
    """A second payment of a paid gift, as from a page that was left open."""
    order = PayOrder(
        key="twice",
        reference=gift.reference,
        money=gift.money,
        monthly=gift.frequency == Frequency.MONTHLY,
        description="Gift",
        email="ada@example.org",
        locale="en",
        page_url="http://localhost/",
        expires_at=datetime.fromtimestamp(sandbox.look("state")["now"], UTC) + timedelta(hours=1),
        installation="",
        mode=None,
    )
    sandbox.pay(place.gateway.create_checkout(order)["url"])
    hear(place, sandbox)


@pytest.mark.parametrize("frequency", [Frequency.ONCE, Frequency.MONTHLY])
def test_a_gift_paid_twice_is_refunded_on_both_payments(
    place: Workplace, sandbox: SandboxProcess, frequency: Frequency
) -> None:
    gift = pay(place, sandbox, 2513, frequency=frequency)
    pay_again(place, sandbox, gift)
    assert place.gift(gift.token).paid_minor == 2 * 2513
    with pytest.raises(RefundRefused, match=r"Refund at most CA\$25\.13 at once"):
        ask(place, gift, 2514)
    for once in ("form-1", "form-2"):
        ask(place, gift, 2513, once=once)
    assert refunds(sandbox) == [2513, 2513]
    assert len({one["payment_intent"] for one in find(sandbox, "refunds")}) == 2
    assert place.gift(gift.token).status == "refunded"


@pytest.mark.parametrize("which", [0, -1])
def test_a_payment_in_dispute_is_left_for_another_one(
    place: Workplace, sandbox: SandboxProcess, which: int
) -> None:
    gift = pay(place, sandbox)
    pay_again(place, sandbox, gift)
    disputed = find(sandbox, "charges")[which]
    sandbox.control(f"dispute/{disputed['id']}")
    hear(place, sandbox)
    ask(place, gift, 10_001)
    (made,) = find(sandbox, "refunds")
    assert made["payment_intent"] != disputed["payment_intent"]


def test_a_monthly_gift_is_refunded_before_anything_tells_which_payment_was_its_own(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    started = place.start(money=Money(2513, "CAD"), frequency=Frequency.MONTHLY)
    sandbox.pay(started.url)
    seen = Recorder()
    seen.note(sandbox)
    for event in seen.values():
        if event["type"] == "checkout.session.completed":
            place.receive(event)
    ask(place, place.gift(started.token), 2513)
    assert refunds(sandbox) == [2513]


def test_a_refund_that_stripe_has_no_room_for_says_so_and_is_made_once(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    gift = pay(place, sandbox)
    sandbox.control("too_many", requests=1, retry_after=30)
    with pytest.raises(RefundUnanswered, match="takes no more requests at this moment"):
        ask(place, gift, 3003)
    fresh = make_workplace(place.database.url.render_as_string(hide_password=False), sandbox)
    for _ in range(2):
        ask(fresh, gift, 3003)
    assert refunds(sandbox) == [3003]
    fresh.close()
