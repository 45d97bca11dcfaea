"""A gift in a browser without script, from the form to the document of it."""

from collections.abc import Callable

from tests.journeys.browser import PHONE, Visitor
from tests.journeys.giving import Donor, pay_by_card
from tests.journeys.letters import CLAIM, TITLE, check_receipt, open_mail, said


def test_gives_in_german_without_script_from_the_form_to_the_receipt(
    visit: Callable[..., Visitor], donor: Donor
) -> None:
    visitor = visit(java_script_enabled=False, viewport=PHONE, locale="de-DE")
    visitor.open("/give/de")
    assert visitor.page.locator("html").get_attribute("lang") == "de-DE"
    visitor.fill(amount="75,50", first_name=donor.first_name, last_name=donor.last_name)
    visitor.fill(email=donor.email)
    visitor.page.locator("#mode-card").check()
    visitor.send()
    pay_by_card(visitor)
    assert visitor.heading() == "Vielen Dank, Adaeze"
    message = open_mail(visitor, donor)
    with visitor.page.expect_navigation():
        visitor.page.locator(".text a[href*='/gift/']").first.click()
    visitor.look()
    assert visitor.heading() == "Vielen Dank, Adaeze"
    path = visitor.page.locator("a[href$='/receipt.pdf']").get_attribute("href")
    receipt = visitor.fetch(str(path))
    title, claim = said("de", TITLE), said("de", CLAIM)
    check_receipt(receipt, "de", title, claim, "Adaeze O’Brien-Tremblay", "75,50")
    kept = visitor.fetch(f"{visitor.demo.mailbox}{message['attachments'][0]['url']}")
    assert kept == receipt
