"""Donors who read neither English nor French: from the form to the receipt in their language."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from tests.demo_process import DemoProcess
from tests.journeys.browser import PHONE, Visitor
from tests.journeys.giving import Donor, pay_by_card
from tests.journeys.letters import CLAIM, TITLE, check_language, read_pdf, said, squeeze
from tests.journeys.test_pages import audit, with_axe


@pytest.fixture
def phone(browser: Browser, demo: DemoProcess, donor: Donor) -> Iterator[Visitor]:
    with with_axe(browser, demo, viewport=PHONE, extra_http_headers=donor.headers) as visitor:
        yield visitor


def test_gives_in_korean_from_korea(phone: Visitor, donor: Donor, demo: DemoProcess) -> None:
    phone.open("/give/kr?lang=ko")
    _give(phone, replace(donor, first_name="길동", last_name="홍"), amount="50000")
    assert "홍길동" in phone.text()
    mail, receipt = _read_mail(phone, demo, donor)
    for text in (mail, receipt):
        assert "홍길동" in text
        assert "50,000" in text
    assert said("ko", "Given to") in mail
    for text in (TITLE, CLAIM):
        assert squeeze(said("ko", text)) in squeeze(receipt)


def test_gives_in_arabic_from_right_to_left(
    phone: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    phone.open("/give/world?lang=ar")
    assert phone.page.locator("html").get_attribute("dir") == "rtl"
    phone.page.locator(".tongues > summary").click()
    audit(phone)
    phone.open("/give/world?lang=ar")
    _give(phone, replace(donor, first_name="ليلى", last_name="حداد"), amount="75.50")
    assert phone.page.locator("html").get_attribute("dir") == "rtl"
    assert "ليلى" in phone.heading()
    mail, receipt = _read_mail(phone, demo, donor)
    assert "ليلى حداد" in mail
    assert said("ar", "Given to") in mail
    for text in (mail, receipt):
        assert "75.50 USD" in text.replace("\N{NO-BREAK SPACE}", " ")
    # Out of a PDF its words come shaped, with letters doubled and a dot lost.
    assert {*said("ar", CLAIM)} - {*receipt} <= {"ذ", "."}
    assert "حداد" in receipt or "دادح" in receipt


def _give(phone: Visitor, donor: Donor, amount: str) -> None:
    """Fill in what a region without an address asks for, pay by card, and look at each page."""
    audit(phone)
    phone.fill(
        amount=amount, first_name=donor.first_name, last_name=donor.last_name, email=donor.email
    )
    phone.page.locator("#mode-card").check(force=True)
    phone.send()
    pay_by_card(phone)
    audit(phone)


def _read_mail(phone: Visitor, demo: DemoProcess, donor: Donor) -> tuple[str, str]:
    """The text of the donor's one mail, and of the receipt in it, in the phone's language."""
    (message,) = demo.await_messages(donor.email, 1)
    (attachment,) = message["attachments"]
    pdf = phone.fetch(f"{demo.mailbox}{attachment['url']}")
    lang = str(phone.page.locator("html").get_attribute("lang"))
    check_language(pdf, lang, said(lang, TITLE))
    assert said(lang, TITLE) in message["subject"]
    return message["text"], read_pdf(pdf)
