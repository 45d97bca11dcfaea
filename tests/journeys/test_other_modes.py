"""Giving by transfer, and by bank debits that take their time."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.demo_process import DemoProcess
from tests.journeys.books import charges
from tests.journeys.browser import Visitor
from tests.journeys.giving import Donor, fill_form
from tests.journeys.staff import find_gifts

DAYS = 24 * 3600


def start_debit(visitor: Visitor, donor: Donor) -> None:
    """A gift by bank debit, as far as the donor can take it."""
    visitor.open("/c/LWCAN")
    fill_form(visitor, donor, mode="bank_debit", amount="120.01")
    visitor.send()
    with visitor.page.expect_navigation():
        visitor.page.locator("button[value=bank_debit]").click()
    visitor.look()
    assert visitor.heading() == "Your gift is on its way"


def test_an_e_transfer_is_explained_with_its_recipient_and_reference(
    visitor: Visitor, clerk: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    visitor.open("/c/LWCAN")
    assert "partnership@loveworldcan.ca" in visitor.text()
    fill_form(visitor, donor, mode="interac", amount="40.07")
    visitor.send()
    assert visitor.heading() == "One step left: send your gift"
    told = visitor.text("section:has(#steps-title)")
    reference = visitor.page.locator("dd.reference").inner_text()
    assert "partnership@loveworldcan.ca" in told
    assert "CAD 40.07" in told
    assert f"Put {reference} in the message field." in told
    assert visitor.page.locator("button[data-copy]").first.is_visible()
    (row,) = find_gifts(clerk, reference)
    assert "LWCAN" in row
    assert "Waiting" in row or "Pending" in row


def test_an_e_transfers_steps_come_by_mail(
    visitor: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    visitor.open("/c/LWCAN")
    fill_form(visitor, donor, mode="interac", amount="40.07")
    visitor.send()
    reference = visitor.page.locator("dd.reference").inner_text()
    (message,) = demo.await_messages(donor.email, 1)
    assert reference in message["text"]
    assert "partnership@loveworldcan.ca" in message["text"]
    assert not message["attachments"]


def test_a_bank_debit_is_receipted_only_once_the_money_has_come(
    visitor: Visitor, donor: Donor, demo: DemoProcess, later: Callable[..., Any]
) -> None:
    start_debit(visitor, donor)
    (message,) = demo.await_messages(donor.email, 1)
    assert message["subject"] == "Your gift of $120.01 is on its way"
    assert not message["attachments"]
    assert not visitor.page.get_by_role("link", name="Acknowledgement of your gift (PDF)").count()
    later(seconds=8 * DAYS)
    message, _ = demo.await_messages(donor.email, 2)
    assert "120.01" in message["text"]
    assert len(message["attachments"]) == 1
    visitor.page.reload()
    visitor.look()
    assert visitor.heading() == "Thank you, Adaeze"
    assert visitor.page.get_by_role("link", name="Acknowledgement of your gift (PDF)").is_visible()


def test_a_bank_debit_that_fails_is_told_without_a_receipt(
    visitor: Visitor,
    clerk: Visitor,
    donor: Donor,
    demo: DemoProcess,
    later: Callable[..., Any],
) -> None:
    demo.sandbox.control("fail_next_settlement", count=1)
    start_debit(visitor, donor)
    demo.await_messages(donor.email, 1)  # a debit that is over is not told to be on its way
    later(seconds=8 * DAYS)
    message, _ = demo.await_messages(donor.email, 2)
    assert "did not go through" in message["subject"]
    assert "120.01" in message["text"]
    assert not message["attachments"]
    visitor.page.reload()
    visitor.look()
    assert visitor.heading() == "The payment did not go through"
    assert visitor.page.get_by_role("button", name="Continue to payment").is_visible()
    (row,) = find_gifts(clerk, donor.email)
    assert "Failed" in row


def test_a_bank_debit_that_comes_back_after_success_is_told_too(
    visitor: Visitor, donor: Donor, demo: DemoProcess, later: Callable[..., Any]
) -> None:
    start_debit(visitor, donor)
    demo.await_messages(donor.email, 1)  # a debit that is over is not told to be on its way
    later(seconds=8 * DAYS)
    demo.await_messages(donor.email, 2)
    (charge,) = charges(demo, donor)
    dispute = demo.sandbox.control(f"dispute/{charge['id']}")
    demo.sandbox.control(f"dispute/{dispute['id']}/close", outcome="lost")
    message = demo.await_messages(donor.email, 3)[0]
    assert message["subject"] == "Your bank took back your gift of $120.01"
    assert not message["attachments"]
    visitor.page.reload()
    visitor.look()
    assert visitor.heading() == "Your bank took this gift back"


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_fund_shows_the_modes_it_takes(visit: Callable[..., Visitor], *, script: bool) -> None:
    visitor = visit(java_script_enabled=script)
    visitor.open("/give/ca")
    cheque = visitor.page.locator("#mode-cheque")
    assert cheque.count()
    visitor.page.locator("#fund").select_option("media")
    if script:
        cheque.wait_for(state="detached")
    else:
        visitor.press("Update the modes of payment")
    assert not cheque.count()
    assert visitor.page.locator("#fund").input_value() == "media"
    shown = visitor.page.locator("input[name=mode]").first
    assert shown.get_attribute("value") == "interac"
