"""A monthly gift through three months."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from portal.gifts.models import Gift, Plan
from tests.demo_process import DemoProcess
from tests.journeys.browser import Visitor
from tests.journeys.giving import Donor, fill_form, pay_by_card
from tests.journeys.staff import find_gifts


def test_a_monthly_gift_renews_twice_as_three_gifts_three_receipts_and_one_plan(
    visitor: Visitor,
    clerk: Visitor,
    donor: Donor,
    demo: DemoProcess,
    later: Callable[..., Any],
) -> None:
    visitor.open("/give/ca")
    visitor.page.locator("#frequency-monthly").check()
    visitor.page.locator(".amount-card", has_text="$15").wait_for()
    fill_form(visitor, donor, mode="card", amount="25.13")
    assert "CAD 25.13 a month to " in visitor.text()
    visitor.press("Continue to payment")
    pay_by_card(visitor)
    assert "Your monthly gift" in visitor.text()
    demo.await_messages(donor.email, 1)
    for month in (2, 3):
        later(to="renewal")
        demo.await_messages(donor.email, month)
    demo.settle()

    messages = demo.messages_to(donor.email)
    subjects = {message["subject"] for message in messages}
    assert len(messages) == len(subjects) == 3, "each month has a receipt of its own number"
    assert all("25.13" in message["text"] for message in messages)
    assert [message["deliveries"] for message in messages] == [1, 1, 1]
    rows = find_gifts(clerk, donor.email)
    assert len(rows) == 3
    assert all("Paid" in row and "25.13" in row for row in rows)
    with demo.database.read() as session:
        plans = session.scalars(
            sa.select(Plan)
            .join(Gift, Gift.plan_id == Plan.id)
            .where(Gift.email == donor.email)
            .distinct()
        ).all()
    (plan,) = plans
    assert plan.status == "active"
