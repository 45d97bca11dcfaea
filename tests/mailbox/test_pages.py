"""The mailbox's pages: readable, harmless, and for this machine only."""

from email.message import EmailMessage
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from portal.mailbox import MailStore, create_mailbox
from tests.mailbox.test_store import NOW, make_message
from tests.pages import CheckedClient, check_page


@pytest.fixture
def store(tmp_path: Path) -> MailStore:
    return MailStore(tmp_path)


@pytest.fixture
def client(store: MailStore) -> FlaskClient:
    app = create_mailbox(store)
    app.test_client_class = CheckedClient
    return app.test_client()


def test_empty_mailbox_says_what_to_do(client: FlaskClient):
    assert "No message yet. Give something" in client.get("/").text


def test_list_leads_to_the_message_and_its_attachment(store: MailStore, client: FlaskClient):
    name = store.keep(make_message().as_bytes(), ["grace@example.org"], NOW)
    assert f'href="/messages/{name}"' in client.get("/").text
    page = client.get(f"/messages/{name}").text
    assert "Bonjour, voici votre reçu." in page
    pdf = client.get(f"/messages/{name}/attachments/1")
    assert (pdf.mimetype, pdf.data) == ("application/pdf", b"%PDF-1.7")
    assert "receipt.pdf" in pdf.headers["Content-Disposition"]
    assert client.get(f"/messages/{name}/attachments/2").status_code == 404


def test_repeated_delivery_is_visible(store: MailStore, client: FlaskClient):
    for _ in range(2):
        store.keep(make_message().as_bytes(), [], NOW)
    assert "came 2 times" in client.get("/").text


def test_json_tells_all_of_a_message(store: MailStore, client: FlaskClient):
    store.keep(make_message().as_bytes(), ["grace@example.org"], NOW)
    [message] = client.get("/api/messages").get_json()
    assert message["subject"] == "Votre don : reçu 2026-000417"
    assert message["message_id"] == "<receipt-1@portal.example>"
    assert message["recipients"] == ["grace@example.org"]
    assert message["deliveries"] == 1
    assert "Bonjour" in message["text"]
    [part] = message["attachments"]
    assert (part["filename"], part["content_type"], part["size"]) == (
        "receipt.pdf",
        "application/pdf",
        8,
    )
    assert client.get(part["url"]).data == b"%PDF-1.7"


def test_message_html_stands_in_a_sandbox(store: MailStore):
    message = EmailMessage()
    message.set_content("plain")
    message.add_alternative("<script>alert(1)</script><img src=https://x.example>", subtype="html")
    name = store.keep(message.as_bytes(), [], NOW)
    # Flask's own client: what others wrote need not be valid HTML.
    response = FlaskClient(create_mailbox(store), use_cookies=False).get(f"/messages/{name}/html")
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy


def test_markup_in_a_subject_is_only_text(store: MailStore, client: FlaskClient):
    store.keep(make_message(subject="<b>bold</b>").as_bytes(), [], NOW)
    assert "&lt;b&gt;bold" in client.get("/").text


def test_other_names_for_this_machine_are_refused(client: FlaskClient):
    """A page elsewhere whose name leads to 127.0.0.1 must not read the mail."""
    assert client.application.test_client().get("/", headers={"Host": "localhost:8025"})
    strange = FlaskClient(client.application, use_cookies=False)
    for host in ("mail.evil.example", "127.0.0.1.evil.example:8025"):
        assert strange.get("/", headers={"Host": host}).status_code == 403


def test_pages_are_valid(store: MailStore, client: FlaskClient):
    name = store.keep(make_message().as_bytes(), [], NOW)
    for address in ("/", f"/messages/{name}"):
        check_page(client.get(address).text)
