"""Gifts paid by instructions, from the form to what staff see of them."""

import io
import json
from collections.abc import Callable
from typing import Any

import zxingcpp
from PIL import Image

from tests.demo_process import DemoProcess
from tests.journeys.books import charges
from tests.journeys.browser import PHONE, Visitor
from tests.journeys.giving import Donor, fill_form, gift_path, pay_by_card


def picture() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (60, 40), (20, 90, 80)).save(made, "PNG")
    return made.getvalue()


def scan(visitor: Visitor) -> str:
    """What a phone's camera sees in the code on the page."""
    shot = visitor.page.locator(".qr").screenshot()
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(shot)).convert("L"))
    return str(found.text)


def start_transfer(visitor: Visitor, donor: Donor) -> str:
    visitor.open("/c/LWCAN")
    fill_form(visitor, donor, mode="interac", amount="75.50")
    visitor.send()
    return visitor.page.locator("dd.reference").inner_text()


def start_wallet(visitor: Visitor, donor: Donor) -> str:
    visitor.open("/give/ng")
    visitor.fill(amount="7500", first_name="Ngozi", last_name="Eze", email=donor.email)
    visitor.page.locator("#mode-wallet_code").check()
    visitor.send()
    return visitor.page.locator("dd.reference").inner_text()


def test_an_e_transfer_is_copied_piece_by_piece_and_then_said_to_be_paid(
    visit: Callable[..., Visitor], clerk: Visitor, donor: Donor
) -> None:
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    reference = start_transfer(visitor, donor)
    page = visitor.page
    wanted = {
        "Copy Amount": "75.50",
        "Copy Your reference": reference,
        "Copy Send to": "partnership@loveworldcan.ca",
    }
    for name, text in wanted.items():
        page.get_by_role("button", name=name).click()
        page.get_by_text(f"Copied: {text}").wait_for(state="attached")
        assert page.evaluate("navigator.clipboard.readText()") == text
    assert scan(visitor) == f"{visitor.demo.portal}{gift_path(visitor)}"
    visitor.press("I have paid")
    assert visitor.heading() == "We are looking out for your gift"
    assert not page.get_by_role("button", name="I have paid").count()
    clerk.open(f"/staff/gifts/{reference}")
    assert "The donor says they have paid" in clerk.text()
    assert "Pending" in clerk.text(".gift-line")


def test_the_steps_of_a_gift_said_to_be_sent_open_by_keys_and_are_not_printed_unasked(
    visit: Callable[..., Visitor], donor: Donor
) -> None:
    visitor = visit(java_script_enabled=False, viewport=PHONE)
    start_transfer(visitor, donor)
    visitor.press("I have paid")
    fold, steps = visitor.page.locator("#steps"), visitor.page.locator("#steps .steps")
    assert not steps.is_visible()
    visitor.page.emulate_media(media="print")
    assert not fold.is_visible()
    visitor.page.emulate_media(media="screen")
    fold.locator("> summary").focus()
    visitor.page.keyboard.press("Enter")
    assert steps.is_visible()
    visitor.page.emulate_media(media="print")
    assert steps.is_visible()


def test_a_wallets_code_is_scanned_paid_and_proved(
    visitor: Visitor, clerk: Visitor, donor: Donor
) -> None:
    reference = start_wallet(visitor, donor)
    assert scan(visitor) == "SAMPLE-GIVE-NG"
    proof = {"name": "../../x.pdf", "mimeType": "application/pdf", "buffer": picture()}
    visitor.page.locator("#proof-file").set_input_files(proof)  # type: ignore[arg-type]  # a file's payload
    visitor.press("Send the proof")
    assert "Picture, " in visitor.text("#proof")
    visitor.press("I have paid")
    assert "There is nothing more to do." in visitor.text(".gift-head")
    clerk.open(f"/staff/gifts/{reference}")
    with clerk.page.expect_download() as coming:
        clerk.page.get_by_role("link", name="image/png").click()
    assert coming.value.suggested_filename.startswith(f"proof-{reference}-")
    assert coming.value.suggested_filename.endswith(".png")
    assert coming.value.path().read_bytes() == picture()


def test_a_file_that_is_no_picture_is_refused_in_words(visitor: Visitor, donor: Donor) -> None:
    start_wallet(visitor, donor)
    page = {"name": "proof.png", "mimeType": "image/png", "buffer": b"<script>alert(1)</script>"}
    visitor.page.locator("#proof-file").set_input_files(page)  # type: ignore[arg-type]  # a file's payload
    visitor.expect_status(422)
    visitor.press("Send the proof")
    assert "this file is neither" in visitor.text("#error-summary")
    assert visitor.page.title().startswith("Error: ")


def choose(visitor: Visitor, mode: str) -> None:
    visitor.page.locator("#ways > summary").click()
    visitor.press(f"Choose {mode}")


def test_an_e_transfer_becomes_a_card_gift_and_is_paid_once(
    visitor: Visitor, clerk: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    reference = start_transfer(visitor, donor)
    choose(visitor, "Card")
    pay_by_card(visitor)
    assert visitor.heading() == "Thank you, Adaeze"
    assert reference in visitor.text()
    assert len(charges(demo, donor)) == 1
    clerk.open(f"/staff/gifts/{reference}")
    assert "Another mode of payment chosen" in clerk.text()


def test_a_card_gift_that_was_not_paid_becomes_an_e_transfer(
    visitor: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    visitor.open("/c/LWCAN")
    fill_form(visitor, donor, mode="card", amount="31.07")
    visitor.send()
    pay_page = visitor.page.url
    visitor.follow("Back")
    choose(visitor, "Interac e-Transfer")
    assert visitor.heading() == "One step left: send your gift"
    reference = visitor.page.locator("dd.reference").inner_text()
    (message,) = demo.await_messages(donor.email, 1)
    assert reference in message["text"]
    demo.settle()
    assert demo.sandbox.pay(pay_page).status != 303
    visitor.page.reload()
    visitor.look()
    assert visitor.heading() == "One step left: send your gift"


def test_all_of_it_works_without_a_script_on_a_phone(
    visit: Callable[..., Visitor], donor: Donor, demo: DemoProcess
) -> None:
    visitor = visit(java_script_enabled=False, viewport=PHONE)
    start_transfer(visitor, donor)
    assert not visitor.page.locator("button[data-copy]").first.is_visible()
    assert not visitor.page.locator(".qr").is_visible()
    proof = {"name": "p.png", "mimeType": "image/png", "buffer": picture()}
    visitor.page.locator("#proof-file").set_input_files(proof)  # type: ignore[arg-type]  # a file's payload
    visitor.press("Send the proof")
    visitor.press("I have paid")
    choose(visitor, "Bank transfer")
    assert "Transit number" in visitor.text()
    assert visitor.heading() == "One step left: send your gift"


def test_a_euro_transfer_is_scanned_whole(visitor: Visitor, donor: Donor) -> None:
    visitor.open("/give/de")
    visitor.fill(amount="75,50", first_name="Ada", last_name="Meyer", email=donor.email)
    visitor.page.locator("#mode-bank_transfer").check()
    visitor.send()
    reference = visitor.page.locator("dd.reference").inner_text()
    lines = scan(visitor).splitlines()
    assert lines[:4] == ["BCD", "002", "1", "SCT"]
    assert (lines[6], lines[-1]) == ("DE36000000000000000000", reference)
    assert json.loads(lines[7].removeprefix("EUR")) == 75.5


def test_a_french_reader_is_told_everything_in_french(
    visitor: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    visitor.open("/give/ca?lang=fr")
    fill_form(visitor, donor, mode="interac", amount="75,50")
    with visitor.page.expect_navigation():
        visitor.page.locator("#send").click()
    visitor.look()
    said = visitor.page.locator("button[data-copy]").first.get_attribute("data-said")
    assert said == "Copié\u00a0: 75,50"
    visitor.press("J’ai payé")
    assert visitor.heading() == "Nous surveillons l’arrivée de votre don"
    words: Any = visitor.text()
    assert "Vous nous avez dit le" in words
    assert "I have paid" not in words
