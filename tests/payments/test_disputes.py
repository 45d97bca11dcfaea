"""Disputes as Stripe tells them: over a part, over the rest, and ones that were prevented."""

from typing import Any

import pytest

from portal.gifts.models import Gift
from portal.money import Money
from portal.receipts.composition import receipt_mark
from tests.payments.stories import Recorder, find, refund
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace


@pytest.fixture
def paid(place: Workplace, sandbox: SandboxProcess) -> Gift:
    """CAD 100.01, paid by card."""
    started = place.start(money=Money(10_001, "CAD"))
    sandbox.pay(started.url)
    return hear(place, sandbox, started.token)


def hear(place: Workplace, sandbox: SandboxProcess, token: str) -> Gift:
    """The gift after all that Stripe has to say so far."""
    seen = Recorder()
    seen.note(sandbox)
    for event in seen.values():
        place.receive(event)
    place.work_off()
    return place.gift(token)


def dispute(sandbox: SandboxProcess, **asked: Any) -> str:
    """A dispute over the newest charge; its id."""
    charge = find(sandbox, "charges")[0]["id"]
    return str(sandbox.control(f"dispute/{charge}", **asked)["id"])


def test_a_part_that_is_disputed_and_lost_leaves_the_rest_given(
    place: Workplace, sandbox: SandboxProcess, paid: Gift
) -> None:
    opened = dispute(sandbox, amount=1001)
    gift = hear(place, sandbox, paid.token)
    assert (gift.status, gift.refunded_minor, receipt_mark(gift)) == ("disputed", 0, "")
    sandbox.control(f"dispute/{opened}/close", outcome="lost")
    gift = hear(place, sandbox, paid.token)
    assert (gift.status, gift.refunded_minor) == ("partly_refunded", 1001)
    assert receipt_mark(gift) == "partly_refunded"


def test_a_prevented_dispute_moves_nothing(
    place: Workplace, sandbox: SandboxProcess, paid: Gift
) -> None:
    before = place.books()
    dispute(sandbox, prevented=True)
    gift = hear(place, sandbox, paid.token)
    assert gift.status == "paid"
    assert place.books() == before


def test_a_gift_partly_refunded_stays_marked_while_it_is_disputed(
    place: Workplace, sandbox: SandboxProcess, paid: Gift
) -> None:
    refund(sandbox, find(sandbox, "charges")[0]["payment_intent"], 9001)
    opened = dispute(sandbox)
    gift = hear(place, sandbox, paid.token)
    assert (gift.status, receipt_mark(gift)) == ("disputed", "partly_refunded")
    sandbox.control(f"dispute/{opened}/close", outcome="lost")
    gift = hear(place, sandbox, paid.token)
    assert (gift.status, gift.refunded_minor) == ("charged_back", 10_001)


def test_a_dispute_over_a_part_that_was_won_leaves_the_gift_paid(
    place: Workplace, sandbox: SandboxProcess, paid: Gift
) -> None:
    opened = dispute(sandbox, amount=1001)
    sandbox.control(f"dispute/{opened}/close", outcome="won")
    gift = hear(place, sandbox, paid.token)
    assert (gift.status, gift.refunded_minor, receipt_mark(gift)) == ("paid", 0, "")
