"""A receipt on its way: once, in the donor's language, with the PDF; and again on demand."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from pypdf import PdfReader

from portal.commands.installation import free_port
from portal.database import Database
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift, GiftEvent
from portal.mail.outbox import Email
from portal.mail.smtp import MailNotConfigured, MailNotSent
from portal.mailbox import MailStore, StoredMessage
from portal.money import Money
from portal.receipts.operations import void_receipt
from portal.receipts.register import Receipt
from portal.receipts.rendering import render_receipt
from portal.receipts.sending import send_receipt
from portal.settings import Settings
from tests.receipts.conftest import make_settings
from tests.receipts.samples import NOW, book_gift, claim, issue
from tests.workplace import act_in, at

Inbox = tuple[MailStore, int]


def only_message(inbox: Inbox) -> StoredMessage:
    messages = inbox[0].list_messages()
    assert len(messages) == 1
    return messages[0]


def events(database: Database, gift_id: int) -> list[tuple[str, str]]:
    with database.read() as session:
        rows = session.scalars(
            sa.select(GiftEvent)
            .where(GiftEvent.gift_id == gift_id, GiftEvent.kind == "receipt_sent")
            .order_by(GiftEvent.id)
        )
        return [(row.actor, row.data["email"]) for row in rows]


def test_letter_says_what_was_given_and_what_is_attached(
    database: Database, mail_settings: Settings, inbox: Inbox
):
    receipt_id = issue(database, book_gift(database))
    send_receipt(at(database, NOW, mail_settings), receipt_id)
    message = only_message(inbox)
    assert message.header("Subject") == "Acknowledgement of your gift: $75.50 CAD, no. 2026-000001"
    assert message.header("To") == "Grace Okafor <grace@example.org>"
    assert message.header("From") == "Sample Ministries Canada <giving@portal.example>"
    assert message.header("Reply-To") == "giving@ca.example.org"
    for body in (message.text, message.html):
        for needed in (
            "Dear Grace Okafor,",
            "$75.50 CAD",
            "November 19, 2026",
            "Missions",
            "2026-000001",
            "receipt-2026-000001.pdf",
            "giving@ca.example.org",
            "https://give.example/gift/",
            "Sample Ministries Canada",
        ):
            assert needed in body


def test_attached_pdf_is_the_stored_document(
    database: Database, mail_settings: Settings, inbox: Inbox
):
    receipt_id = issue(database, book_gift(database))
    send_receipt(at(database, NOW, mail_settings), receipt_id)
    [part] = only_message(inbox).attachments
    assert (part.filename, part.content_type) == ("receipt-2026-000001.pdf", "application/pdf")
    assert part.content == render_receipt(at(database, NOW), receipt_id)


def test_letter_loads_nothing_from_anywhere(
    database: Database, mail_settings: Settings, inbox: Inbox
):
    send_receipt(at(database, NOW, mail_settings), issue(database, book_gift(database)))
    html = only_message(inbox).html.lower()
    assert not any(tag in html for tag in ("<img", "src=", "url(", "<link", "<script"))


def test_name_can_carry_no_markup(database: Database, mail_settings: Settings, inbox: Inbox):
    gift_id = book_gift(database, first_name="<b>Grace</b>", last_name="& Söhne\r\nBcc: x@y.z")
    send_receipt(at(database, NOW, mail_settings), issue(database, gift_id))
    message = only_message(inbox)
    assert "&lt;b&gt;Grace&lt;/b&gt; &amp; Söhne" in message.html
    assert message.header("Bcc") == ""


def test_receipt_is_sent_once_however_often_the_job_runs(
    database: Database, mail_settings: Settings, inbox: Inbox
):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    for _ in range(3):
        send_receipt(at(database, NOW, mail_settings), receipt_id)
    assert only_message(inbox).deliveries == 1
    assert events(database, gift_id) == [("system", f"receipt-{receipt_id}")]


def test_mail_server_that_is_away_leaves_the_receipt_for_a_later_try(
    database: Database, mail_settings: Settings, inbox: Inbox
):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    away = make_settings(mail_url=f"smtp://127.0.0.1:{free_port()}")
    with pytest.raises(MailNotSent):
        send_receipt(at(database, NOW, away), receipt_id)
    with database.read() as session:
        assert session.scalars(sa.select(Email)).one().problem
    assert events(database, gift_id) == []
    send_receipt(at(database, NOW, mail_settings), receipt_id)
    assert only_message(inbox).deliveries == 1
    assert len(events(database, gift_id)) == 1


def test_missing_mail_server_is_said(database: Database):
    receipt_id = issue(database, book_gift(database))
    with pytest.raises(MailNotConfigured):
        send_receipt(at(database, NOW, make_settings()), receipt_id)


def test_refunded_gift_is_never_sent_a_clean_receipt(
    database: Database, mail_settings: Settings, inbox: Inbox
):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    claim(database, gift_id, FactKind.REFUNDED, "re_1", Money(7550, "CAD"))
    send_receipt(at(database, NOW, mail_settings), receipt_id)
    message = only_message(inbox)
    pages = PdfReader(io.BytesIO(message.attachments[0].content)).pages
    assert "REFUNDED" in pages[0].extract_text()
    assert "refunded or reversed since" in message.text


def test_resent_receipt_goes_to_the_address_of_today(
    database: Database, mail_settings: Settings, inbox: Inbox
):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    send_receipt(at(database, NOW, mail_settings), receipt_id)
    with database.write() as session:
        session.get_one(Gift, gift_id).email = "grace@new.example"
    for again in ("a", "b", "b"):
        send_receipt(at(database, NOW, mail_settings), receipt_id, again=again, actor="staff:7")
    recipients = [one.recipients for one in inbox[0].list_messages()]
    assert sorted(recipients) == [
        ["grace@example.org"],
        ["grace@new.example"],
        ["grace@new.example"],
    ]
    assert events(database, gift_id) == [
        ("system", f"receipt-{receipt_id}"),
        ("staff:7", f"receipt-{receipt_id}-a"),
        ("staff:7", f"receipt-{receipt_id}-b"),
    ]


def test_cancelled_receipt_is_sent_to_nobody(
    database: Database, mail_settings: Settings, inbox: Inbox
):
    receipt_id = issue(database, book_gift(database))
    with database.write() as session:
        void_receipt(act_in(session, NOW), session.get_one(Receipt, receipt_id), "Wrong name.")
    send_receipt(at(database, NOW, mail_settings), receipt_id)
    send_receipt(at(database, NOW, mail_settings), receipt_id, again="a", actor="staff:7")
    assert inbox[0].list_messages() == []


def test_gift_without_an_address_has_a_receipt_but_no_letter(
    database: Database, mail_settings: Settings, inbox: Inbox
):
    receipt_id = issue(database, book_gift(database, email=""))
    send_receipt(at(database, NOW, mail_settings), receipt_id)
    send_receipt(at(database, NOW, mail_settings), receipt_id, again="a", actor="staff:7")
    assert inbox[0].list_messages() == []


def test_many_letters_at_once_each_go_out_once(
    database: Database, mail_settings: Settings, inbox: Inbox
):
    receipt_ids = [issue(database, book_gift(database)) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: send_receipt(at(database, NOW, mail_settings), one), receipt_ids))
    messages = inbox[0].list_messages()
    assert len({message.header("Subject") for message in messages}) == 6
    assert all(message.deliveries == 1 for message in messages)
