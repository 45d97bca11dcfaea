"""What goes wrong on the way, and how a gift is still given once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.demo_process import DemoProcess
from tests.journeys.books import charges, statuses
from tests.journeys.browser import Visitor
from tests.journeys.giving import (
    CHALLENGED,
    DECLINED,
    Donor,
    fill_form,
    gift_path,
    give_by_card,
    pay_by_card,
    post_form,
    start,
)


@pytest.fixture
def outage(demo: DemoProcess) -> Iterator[Callable[..., Any]]:
    """Takes Stripe away; it is back at the end."""
    yield lambda **how: demo.sandbox.control("outage", **how)
    demo.sandbox.control("outage", seconds=0, requests=0)


def test_a_declined_card_and_then_one_that_pays(
    visitor: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    visitor.open("/give/ca")
    fill_form(visitor, donor, mode="card", amount="31.07")
    visitor.send()
    visitor.expect_status(422)
    pay_by_card(visitor, DECLINED)
    assert "declined" in visitor.page.get_by_role("alert").inner_text()
    pay_by_card(visitor)
    assert visitor.heading() == "Thank you, Adaeze"
    demo.settle()
    assert statuses(demo, donor) == ["paid"]
    assert len(charges(demo, donor)) == len(demo.messages_to(donor.email)) == 1


@pytest.mark.parametrize("first", ["complete", "fail"])
def test_a_card_that_asks_for_a_second_step(
    visitor: Visitor, donor: Donor, demo: DemoProcess, first: str
) -> None:
    visitor.open("/give/ca")
    fill_form(visitor, donor, mode="card", amount="31.07")
    visitor.send()
    pay_by_card(visitor, CHALLENGED)
    if first == "fail":
        visitor.expect_status(422)
        with visitor.page.expect_navigation():
            visitor.page.locator("button[value=fail]").click()
        visitor.look()
        pay_by_card(visitor, CHALLENGED)
    with visitor.page.expect_navigation():
        visitor.page.locator("button[value=complete]").click()
    visitor.look()
    assert visitor.heading() == "Thank you, Adaeze"
    demo.settle()
    assert statuses(demo, donor) == ["paid"]


def test_a_donor_who_cancels_goes_on_from_the_gifts_page(
    visitor: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    visitor.open("/give/ca")
    fill_form(visitor, donor, mode="card", amount="31.07")
    visitor.send()
    pay_page = visitor.page.url
    with visitor.page.expect_navigation():
        visitor.page.locator("a[href*='cancelled=1']").click()
    visitor.look()
    assert visitor.heading() == "You have not paid yet"
    visitor.press("Continue to payment")
    assert visitor.page.url == pay_page, "the same hand-off is resumed"
    pay_by_card(visitor)
    assert visitor.heading() == "Thank you, Adaeze"
    assert statuses(demo, donor) == ["paid"]


def test_while_stripe_is_away_nothing_is_charged_and_a_second_try_pays_once(
    visitor: Visitor, donor: Donor, demo: DemoProcess, outage: Callable[..., Any]
) -> None:
    outage(seconds=60)
    visitor.open("/give/ca")
    fill_form(visitor, donor, mode="card", amount="31.07")
    visitor.send()
    assert visitor.heading() == "We can’t reach the payment page just now"
    assert "Nothing was charged, and your gift is kept." in visitor.text()
    path = gift_path(visitor)
    visitor.press("Continue to payment")
    assert gift_path(visitor) == path
    assert visitor.heading() == "We can’t reach the payment page just now"
    outage(seconds=0)
    visitor.press("Continue to payment")
    pay_by_card(visitor)
    assert visitor.heading() == "Thank you, Adaeze"
    assert gift_path(visitor) == path
    demo.settle()
    assert statuses(demo, donor) == ["paid"]
    assert len(charges(demo, donor)) == len(demo.messages_to(donor.email)) == 1


def test_an_answer_of_stripes_that_is_lost_makes_no_second_payment_page(
    donor: Donor, demo: DemoProcess, outage: Callable[..., Any]
) -> None:
    before = len(demo.sandbox.api("GET", "/v1/checkout/sessions?limit=100").json["data"])
    outage(lose_answers=1)
    start(demo, donor)
    after = len(demo.sandbox.api("GET", "/v1/checkout/sessions?limit=100").json["data"])
    assert after == before + 1


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_double_click_gives_once(
    visit: Callable[..., Visitor], donor: Donor, demo: DemoProcess, *, script: bool
) -> None:
    visitor = visit(java_script_enabled=script)
    visitor.expected.append("net::ERR_ABORTED")
    visitor.open("/give/ca")
    fill_form(visitor, donor, mode="card", amount="31.07")
    demo.sandbox.control("latency", ms=700)
    try:
        visitor.page.locator("#send").dblclick(no_wait_after=True)
        visitor.page.wait_for_url("**/pay/**")
    finally:
        demo.sandbox.control("latency", ms=0)
    pay_by_card(visitor)
    assert visitor.heading() == "Thank you, Adaeze"
    demo.settle()
    assert statuses(demo, donor) == ["paid"]
    assert len(charges(demo, donor)) == len(demo.messages_to(donor.email)) == 1


def test_a_form_that_is_sent_again_resumes_the_same_gift(demo: DemoProcess, donor: Donor) -> None:
    assert start(demo, donor) == start(demo, donor)
    assert statuses(demo, donor) == ["pending"]


def test_a_paid_duplicate_asks_before_it_is_given_again(
    visitor: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    first = give_by_card(visitor, donor, "/give/ca", "31.07")
    visitor.open("/give/ca")
    fill_form(visitor, donor, mode="card", amount="31.07")
    visitor.expect_status(409)
    visitor.send()
    notice = visitor.page.locator("#duplicate")
    assert "You gave this a moment ago. Give again?" in notice.inner_text()
    expect(notice).to_be_focused()
    assert statuses(demo, donor) == ["paid"]
    visitor.press("Give again")
    pay_by_card(visitor)
    assert gift_path(visitor) != first
    demo.settle()
    assert statuses(demo, donor) == ["paid", "paid"]
    assert len(charges(demo, donor)) == len(demo.messages_to(donor.email)) == 2


def test_a_form_from_another_site_is_refused(demo: DemoProcess, donor: Donor) -> None:
    page = demo.request("GET", "/give/ca")
    assert page.status == 200
    crossing = donor.headers | {"Sec-Fetch-Site": "cross-site"}
    answer = demo.request("POST", "/give/ca", form=donor.fields, headers=crossing)
    assert answer.status == 403
    assert post_form(demo, donor, amount="-5").status == 422
    assert statuses(demo, donor) == []
