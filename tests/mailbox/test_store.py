"""Messages as files, counted when they come again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from portal.mailbox import MailStore

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def make_message(**headers: str) -> EmailMessage:
    message = EmailMessage()
    message["Message-ID"] = "<receipt-1@portal.example>"
    message["From"] = "Sample Ministries <giving@portal.example>"
    message["To"] = headers.get("to", "Grace <grace@example.org>")
    message["Subject"] = headers.get("subject", "Votre don : reçu 2026-000417")
    message.set_content("Bonjour, voici votre reçu.")
    message.add_alternative("<p>Bonjour</p>", subtype="html")
    message.add_attachment(
        b"%PDF-1.7", maintype="application", subtype="pdf", filename="receipt.pdf"
    )
    return message


def test_message_is_read_back_whole(tmp_path: Path):
    store = MailStore(tmp_path)
    found = store.find(store.keep(make_message().as_bytes(), ["grace@example.org"], NOW))
    assert found is not None
    assert found.header("Subject") == "Votre don : reçu 2026-000417"
    assert found.text == "Bonjour, voici votre reçu.\n"
    assert found.html == "<p>Bonjour</p>\n"
    assert [(part.filename, part.content) for part in found.attachments] == [
        ("receipt.pdf", b"%PDF-1.7")
    ]
    assert (found.recipients, found.received_at) == (["grace@example.org"], NOW)


def test_message_that_comes_again_is_counted(tmp_path: Path):
    store = MailStore(tmp_path)
    for _ in range(3):
        store.keep(make_message().as_bytes(), ["grace@example.org"], NOW)
    assert [message.deliveries for message in store.list_messages()] == [3]


def test_deliveries_at_once_are_all_counted(tmp_path: Path):
    store, raw = MailStore(tmp_path), make_message().as_bytes()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.keep(raw, [], NOW), range(40)))
    assert [message.deliveries for message in store.list_messages()] == [40]


def test_message_without_an_id_is_known_by_its_content(tmp_path: Path):
    store = MailStore(tmp_path)
    for content in (b"one", b"two", b"two"):
        store.keep(b"Subject: no id\r\n\r\n" + content, [], NOW)
    assert sorted(message.deliveries for message in store.list_messages()) == [1, 2]


def test_another_process_sees_the_same_messages(tmp_path: Path):
    MailStore(tmp_path).keep(make_message().as_bytes(), [], NOW)
    assert len(MailStore(tmp_path).list_messages()) == 1


@pytest.mark.parametrize("message_id", ["../../etc/passwd", "", "A" * 64, "0" * 64, "%00"])
def test_address_that_names_no_message_finds_none(tmp_path: Path, message_id: str):
    assert MailStore(tmp_path).find(message_id) is None
