"""From the panel's code to a receipt, by money that comes through a bank."""

from datetime import UTC, datetime

from tests.demo_process import DemoProcess
from tests.journeys.books import statuses
from tests.journeys.browser import Visitor
from tests.journeys.giving import Donor, fill_form, gift_path, new_donor
from tests.statements.clerk import rbc


def import_file(clerk: Visitor, content: bytes, name: str, **fields: str) -> None:
    """Bring a bank's file by the page; afterwards its lines are shown."""
    clerk.open("/staff/statements")
    file = {"name": name, "mimeType": "text/csv", "buffer": content}
    clerk.page.locator("#file").set_input_files(file)  # type: ignore[arg-type]  # a file's payload
    for field, text in fields.items():
        box = clerk.page.locator(f"#import [name={field}]")
        if field in {"bank", "date_order", "decimal_mark"}:
            box.select_option(text)
        else:
            box.fill(text)
    clerk.press("Import")


def promise(visitor: Visitor, donor: Donor, amount: str) -> str:
    """An e-Transfer with the panel's code; its reference."""
    visitor.open("/c/LWCAN")
    fill_form(visitor, donor, mode="interac", amount=amount)
    visitor.send()
    assert "partnership@loveworldcan.ca" in visitor.text()
    return visitor.page.locator("dd.reference").inner_text()


def test_enter_beside_a_reason_ignores_the_ticked_and_books_nothing(
    visitor: Visitor, clerk: Visitor, demo: DemoProcess
) -> None:
    donor = Donor(new_donor().number, first_name="Ingrid", last_name="Vasquez")
    promise(visitor, donor, "71.19")
    day = datetime.now(UTC).date()
    lines = rbc(("thank you", "71.19"), day=day, payer="INGRID VASQUEZ") + b"".join(
        rbc(("interest", "0.05"), day=day, payer="").splitlines(keepends=True)[1:]
    )
    import_file(clerk, lines, "interest.csv")
    rows = clerk.page.locator("tr[data-line]")
    before = rows.count()
    rows.filter(has_text="0.05").locator("input[name=line]").check()
    clerk.page.locator("#reason").fill("Interest")
    with clerk.page.expect_navigation():
        clerk.page.locator("#reason").press("Enter")
    clerk.look()
    assert "1 line is ignored." in clerk.text()
    assert rows.count() == before - 1
    assert statuses(demo, donor) == ["pending"]


def test_the_panels_e_transfer_is_matched_confirmed_and_receipted(
    visitor: Visitor, clerk: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    named = promise(visitor, donor, "75.61")
    other = Donor(new_donor().number, first_name="Zainab", last_name="Quist")
    unnamed = promise(visitor, other, "61.75")
    page = gift_path(visitor)
    day = datetime.now(UTC).date()
    lines = rbc((named, "75.61"), day=day) + b"".join(
        rbc(("thank you", "61.75"), day=day, payer="ZAINAB QUIST").splitlines(keepends=True)[1:]
    )
    import_file(clerk, lines, "november.csv")
    assert "2 new lines imported." in clerk.text()
    assert "Booked automatically: 1." in clerk.text()
    assert "Adds up" in clerk.text()
    assert unnamed in clerk.text("table.lines")

    clerk.page.locator("h1").click()
    for key in ("j", "x"):
        clerk.page.keyboard.press(key)
    assert clerk.text("[data-count]") == "(1)"
    clerk.press("Confirm selected")
    assert "1 line is booked." in clerk.text()
    assert "No open lines" in clerk.text()
    assert "+ Open CA$0.00" in clerk.text()

    for one, amount in ((donor, "75.61"), (other, "61.75")):
        messages = demo.await_messages(one.email, 2)
        receipt = next(message for message in messages if message["attachments"])
        assert amount in receipt["text"]
    visitor.open(page)
    assert visitor.heading() == "Thank you, Zainab"
    clerk.open(f"/staff/gifts/{named}")
    for told in ("Paid", "LWCAN", "Bank line", "Bank statement"):
        assert told in clerk.text()


def test_a_wallets_code_with_a_proof_is_found_in_the_wallets_own_list(
    visitor: Visitor, clerk: Visitor, donor: Donor, demo: DemoProcess
) -> None:
    visitor.open("/give/ng")
    visitor.fill(amount="7513", first_name="Ngozi", last_name="Eze", email=donor.email)
    visitor.page.locator("#mode-wallet_code").check()
    visitor.send()
    reference = visitor.page.locator("dd.reference").inner_text()
    proof = {"name": "p.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n%%EOF\n"}
    visitor.page.locator("#proof-file").set_input_files(proof)  # type: ignore[arg-type]  # a file's payload
    visitor.press("Send the proof")
    clerk.open(f"/staff/gifts/{reference}")
    assert clerk.page.get_by_role("link", name="application/pdf").count() == 1

    day = datetime.now(UTC).date()
    content = f"Date;Sender;Note;Naira\n{day:%d/%m/%Y};NGOZI EZE;for the work;7513,00\n"
    import_file(
        clerk,
        content.encode(),
        "wallet.csv",
        bank="columns",
        currency="NGN",
        column_date="Date",
        column_amount="4",
        column_payer_name="Sender",
        column_message="Note",
        date_order="dmy",
        decimal_mark=",",
    )
    assert reference in clerk.text("table.lines")
    clerk.press(f"Confirm {reference}")
    assert "1 line is booked." in clerk.text()
    messages = demo.await_messages(donor.email, 2)
    assert any(message["attachments"] for message in messages)
    visitor.open(gift_path(visitor))
    assert visitor.heading() == "Thank you, Ngozi"


def test_a_file_is_looked_at_before_it_is_imported(clerk: Visitor) -> None:
    clerk.open("/staff/statements")
    file = {"name": "x.csv", "mimeType": "text/csv", "buffer": rbc(("seen only", "1.00"))}
    clerk.page.locator("#file").set_input_files(file)  # type: ignore[arg-type]  # a file's payload
    clerk.page.get_by_role("button", name="Preview").click()
    clerk.page.locator("#preview .card").wait_for()
    assert "seen only" in clerk.text("#preview")
    assert "x.csv" in clerk.page.locator("#file").input_value()
    clerk.look()
