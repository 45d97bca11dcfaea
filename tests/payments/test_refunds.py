"""Staff give money back: once a form, and out of a payment that has that much left."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portal.gifts.models import Gift
from portal.money import Money
from portal.payments.refunds import RefundRefused, RefundUnanswered, Wish, request_refund
from tests.payments.stories import Recorder, find
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace

# The SDK asks once and twice more, by the same key.
ALL_TRIES = 3


def hear(place: Workplace, sandbox: SandboxProcess) -> None:
    """All that Stripe has to say so far."""
    seen = Recorder()
    seen.note(sandbox)
    for event in seen.values():
        place.receive(event)
    place.work_off()


def pay(place: Workplace, sandbox: SandboxProcess, minor: int = 10_001) -> Gift:
    started = place.start(money=Money(minor, "CAD"))
    sandbox.pay(started.url)
    hear(place, sandbox)
    return place.gift(started.token)


def ask(place: Workplace, gift: Gift, minor: int, *, once: str = "form-1", **late: Any) -> None:
    wish = Wish(money=Money(minor, gift.currency), once=once, reason="Asked", actor="staff:1")
    now = datetime.now(UTC) + timedelta(**late)
    request_refund(place.database, place.bench.desk(), place.gateway, gift.id, wish, now=now)


def refunds(sandbox: SandboxProcess) -> list[int]:
    return [one["amount"] for one in find(sandbox, "refunds")]


def lose_answer(place: Workplace, sandbox: SandboxProcess, gift: Gift, minor: int) -> None:
    """Stripe refunds, and nobody hears it say so."""
    sandbox.control("outage", lose_answers=ALL_TRIES)
    with pytest.raises(RefundUnanswered, match="don’t know yet"):
        ask(place, gift, minor)
    sandbox.control("outage")


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
