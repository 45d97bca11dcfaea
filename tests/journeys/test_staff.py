"""Staff give money back through their page; the donor is told, and the receipt says so."""

from tests.demo_process import DemoProcess
from tests.journeys.books import charges, newest_path, statuses
from tests.journeys.browser import DESKTOP, PHONE, Visitor
from tests.journeys.giving import Donor, give
from tests.journeys.letters import read_pdf
from tests.journeys.staff import find_gifts


def refund(clerk: Visitor, donor: Donor, amount: str) -> None:
    """Through the gift's page, as a staff member does."""
    (row,) = find_gifts(clerk, donor.email)
    clerk.follow(row.split()[0])
    clerk.follow("Refund")
    clerk.fill(amount=amount, reason="The donor asked for it")
    with clerk.page.expect_navigation():
        clerk.page.locator("main form button[type=submit]").click()
    clerk.look()


def test_a_refund_is_mailed_and_marks_the_receipt(
    clerk: Visitor, visitor: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    path = give(demo, donor)
    demo.await_messages(donor.email, 1)
    refund(clerk, donor, "75.53")
    assert "is being refunded" in clerk.text()
    told = demo.await_messages(donor.email, 2)[0]
    assert "refunded" in told["subject"]
    assert "75.53" in told["subject"]
    visitor.open(path)
    assert visitor.heading() == "Your gift was refunded"
    receipt = read_pdf(visitor.fetch(f"{path}/receipt.pdf"))
    assert "refunded" in receipt.lower()
    demo.settle()
    assert statuses(demo, donor) == ["refunded"]
    assert charges(demo, donor)[0]["amount_refunded"] == 7553
    assert len(demo.messages_to(donor.email)) == 2


def test_a_part_that_is_refunded_leaves_the_rest_given(
    clerk: Visitor, visitor: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    path = give(demo, donor)
    demo.await_messages(donor.email, 1)
    refund(clerk, donor, "10.01")
    demo.await_messages(donor.email, 2)
    visitor.open(path)
    assert "CAD 10.01 went back to you; CAD 65.52 remains given." in visitor.text()
    receipt = read_pdf(visitor.fetch(f"{path}/receipt.pdf"))
    assert "10.01" in receipt
    assert statuses(demo, donor) == ["partly_refunded"]


def test_a_receipt_is_sent_again_as_a_message_of_its_own(
    clerk: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    give(demo, donor)
    demo.await_messages(donor.email, 1)
    (row,) = find_gifts(clerk, donor.email)
    clerk.follow(row.split()[0])
    clerk.press("Send the receipt again")
    messages = demo.await_messages(donor.email, 2)
    assert len({message["message_id"] for message in messages}) == 2
    assert len({message["subject"] for message in messages}) == 1
    assert newest_path(demo, donor)


def test_all_rooms_stand_in_one_line(clerk: Visitor) -> None:
    """Also in French, which takes more room; what belongs to receipts stands under them."""
    clerk.page.set_viewport_size(DESKTOP)
    clerk.open("/staff/receipts?lang=fr")
    head, tab = (clerk.page.locator(one).first.bounding_box() for one in (".staff-head", ".tabs a"))
    assert head
    assert tab
    assert head["height"] < 1.5 * tab["height"]
    rooms = clerk.page.locator("nav.rooms a").all_inner_texts()
    assert rooms[:4] == ["Registre", "Toute une année", "Retours", "Gift Aid"]
    for name in rooms:
        clerk.page.locator("nav.rooms a", has_text=name).click()
        clerk.look()
        assert clerk.page.locator("nav.rooms [aria-current]").inner_text() == name
        assert clerk.page.locator("nav.tabs [aria-current]").inner_text() == "Reçus"
    clerk.page.set_viewport_size(PHONE)
    assert clerk.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
