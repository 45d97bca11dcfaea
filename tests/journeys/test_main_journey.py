"""The main job: from a code's address to a receipt in the mailbox and a line in the books."""

from collections.abc import Callable

from tests.demo_process import DemoProcess
from tests.journeys.browser import PHONE, Visitor
from tests.journeys.giving import Donor, fill_form, gift_path, pay_by_card
from tests.journeys.letters import read_pdf
from tests.journeys.staff import find_gifts


def test_gives_with_a_code_from_its_address_to_the_receipt_and_the_staff_list(
    visitor: Visitor, clerk: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    visitor.open("/c/LWCAN")
    assert "/give/ca" in visitor.page.url
    assert "LWCAN is applied to your gift." in visitor.text()
    fill_form(visitor, donor, mode="card", amount="75.50")
    assert "CAD 75.50 to Partnership, with LWCAN" in visitor.text()
    visitor.send()
    pay_by_card(visitor)
    assert visitor.heading() == "Thank you, Adaeze"
    assert "CAD 75.50" in visitor.text()
    reference = visitor.page.locator("dt:text-is('Reference') + dd").inner_text()

    (message,) = demo.await_messages(donor.email, 1)
    assert message["deliveries"] == 1
    assert "75.50" in message["text"]
    visitor.open(f"{demo.mailbox}{message['url']}")
    assert reference in visitor.text()
    (attachment,) = message["attachments"]
    receipt = read_pdf(visitor.fetch(f"{demo.mailbox}{attachment['url']}"))
    assert "75.50" in receipt
    assert "Adaeze O’Brien-Tremblay" in receipt
    assert "Sample Ministries Canada" in receipt

    (row,) = find_gifts(clerk, donor.email)
    for told in (reference, "LWCAN", "Paid", "75.50", "Adaeze"):
        assert told in row
    clerk.follow(reference)
    story = clerk.text()
    for told in ("LWCAN", "loveworld", "75.50", "History", "Ledger", donor.email):
        assert told.lower() in story.lower()


def test_the_same_in_french_without_script_on_a_phone(
    visit: Callable[..., Visitor], donor: Donor, demo: DemoProcess
) -> None:
    visitor = visit(java_script_enabled=False, viewport=PHONE, locale="fr-CA")
    visitor.open("/c/LWCAN")
    assert visitor.page.locator("html").get_attribute("lang") == "fr-CA"
    assert "sélectionner le mode de paiement" in visitor.text()
    fill_form(visitor, donor, mode="card", amount="75,50")
    visitor.send()
    assert visitor.page.locator("html").get_attribute("lang") == "fr"
    pay_by_card(visitor)
    assert visitor.heading() == "Merci, Adaeze"
    assert "75,50" in visitor.text()

    (message,) = demo.await_messages(donor.email, 1)
    receipt = read_pdf(visitor.fetch(f"{demo.mailbox}{message['attachments'][0]['url']}"))
    assert "Accusé de réception de votre don" in receipt
    assert "75,50" in receipt
    assert "75,50" in message["text"]


def test_a_code_of_another_region_is_refused_with_the_next_way(visitor: Visitor) -> None:
    visitor.open("/give/gb?code=LWCAN")
    refusal = visitor.page.locator("#code-refused")
    assert (
        "LWCAN is for gifts from Canada. You can still give from the United Kingdom here,"
        " without the code." in refusal.inner_text()
    )
    way = refusal.locator("a").first
    with visitor.page.expect_navigation():
        way.click()
    visitor.look()
    assert "/give/ca" in visitor.page.url
    assert "LWCAN is applied to your gift." in visitor.text()


def test_without_the_refused_code_the_gift_goes_on_where_the_donor_is(
    visitor: Visitor, donor: Donor
) -> None:
    visitor.open("/give/gb?code=LWCAN")
    with visitor.page.expect_navigation():
        visitor.page.locator("#code-refused a").first.click()
    visitor.look()
    visitor.open("/give/gb?code=LWCAN")
    visitor.page.get_by_role("button", name="Give without the code").click()
    visitor.page.locator("#code-refused").wait_for(state="detached")
    visitor.fill(
        amount="20", first_name=donor.first_name, last_name=donor.last_name, email=donor.email
    )
    visitor.page.locator("#mode-card").check()
    visitor.send()
    pay_by_card(visitor)
    assert gift_path(visitor)
    assert "GBP 20.00" in visitor.text()
    assert "LWCAN" not in visitor.text()
