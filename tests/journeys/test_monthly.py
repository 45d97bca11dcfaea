"""A monthly gift through its months: renewed, declined, with another card, stopped."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from portal.gifts.models import Gift, Plan
from tests.demo_process import DemoProcess
from tests.journeys.browser import PHONE, Visitor
from tests.journeys.giving import Donor, fill_form, give, pay_by_card
from tests.journeys.staff import find_gifts

pytestmark = pytest.mark.slow

DAYS = 24 * 3600


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
    visitor.send()
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


def test_a_month_that_is_declined_goes_on_with_another_card(
    visitor: Visitor, donor: Donor, demo: DemoProcess, later: Callable[..., Any]
) -> None:
    give(demo, donor, frequency="monthly", amount="25.31")
    demo.await_messages(donor.email, 1)
    demo.sandbox.control("fail_next_renewal", count=1)
    later(to="renewal")
    told = demo.await_messages(donor.email, 2)[0]
    assert "could not be charged" in told["subject"]
    visitor.open(link_in(told["text"]))
    assert visitor.heading() == "The last monthly payment did not go through"
    visitor.press("Change it at Stripe")
    assert "ends in 4242" in visitor.text()
    visitor.fill(card_number="5555 5555 5555 4444", exp="12 / 40", cvc="123", name="A O’Brien")
    visitor.press("Save the card")
    assert "ends in 4444" in visitor.text()
    visitor.follow("Back")
    later(seconds=8 * DAYS)
    demo.await_messages(donor.email, 3)
    visitor.page.reload()
    visitor.look()
    assert visitor.heading() == "Your monthly gift"
    assert "CAD 25.31 is taken every month" in visitor.text()


def test_its_donor_stops_it_in_french_without_script_on_a_phone(
    visit: Callable[..., Visitor], donor: Donor, demo: DemoProcess, later: Callable[..., Any]
) -> None:
    give(demo, donor, frequency="monthly", amount="25.43", lang="fr_CA")
    (receipt,) = demo.await_messages(donor.email, 1)
    visitor = visit(java_script_enabled=False, viewport=PHONE, locale="fr-CA")
    visitor.open(link_in(receipt["text"]))
    assert "25,43 CAD est prélevé chaque mois" in visitor.text()
    visitor.press("Arrêter mon don mensuel")
    assert visitor.heading() == "Votre don mensuel a pris fin"
    assert not visitor.page.get_by_role("button", name="Arrêter mon don mensuel").count()
    told = demo.await_messages(donor.email, 2)[0]
    assert "a pris fin" in told["subject"]
    assert "25,43" in told["subject"]
    later(seconds=70 * DAYS)
    demo.settle()
    assert len(demo.messages_to(donor.email)) == 2, "nothing is charged, nothing is told"
    visitor.follow("Commencer un nouveau don mensuel")
    assert visitor.page.locator("[name=amount]:not([type=radio])").input_value() == "25.43"
    assert visitor.page.locator("#frequency-monthly").is_checked()


def test_staff_end_it_for_a_donor_who_asked(
    visitor: Visitor, clerk: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    path = give(demo, donor, frequency="monthly", amount="25.57")
    find_gifts(clerk, donor.email)
    clerk.page.locator("main tbody a").first.click()
    clerk.look()
    clerk.follow("End the monthly gift")
    clerk.fill(reason="Asked by phone")
    clerk.press("End it")
    assert "The monthly gift has ended." in clerk.text()
    assert "Asked by phone" in clerk.text()
    visitor.open(f"{path}/monthly")
    assert visitor.heading() == "Your monthly gift has ended"
    subjects = [message["subject"] for message in demo.await_messages(donor.email, 2)]
    assert any("has ended" in subject for subject in subjects)


def link_in(text: str) -> str:
    """The address of the monthly gift's page in a letter."""
    found = re.search(r"http\S+/gift/\S+/monthly", text)
    assert found, text
    return found[0]
