"""A message is noted as sent when the mail server has taken it, and only then."""

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from portal.database import Database, DatabaseUnavailable
from portal.mail import Email, Letter, MailNotSent, deliver, register_email
from portal.mailbox.store import MailStore
from portal.settings import Settings, load_settings
from tests.database_faults import set_connections

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LETTER = Letter(
    recipient="ama@example.org",
    recipient_name="Ama Mensah",
    subject="Your gift",
    text="Thank you.",
    html="<p>Thank you.</p>",
)


class RudeServer:
    """An SMTP server that says its part and hangs up after `turns` lines from the client."""

    def __init__(self, turns: int) -> None:
        self.turns = turns
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rwb") as wire:
            self._say(wire, "220 ready")
            for _ in range(self.turns):
                line = wire.readline().strip().upper()
                self._say(wire, "354 go on" if line == b"DATA" else "250 well")
                while line == b"DATA" and wire.readline() != b".\r\n":
                    pass
                if line == b"DATA":
                    self._say(wire, "250 taken")

    @staticmethod
    def _say(wire: object, text: str) -> None:
        wire.write(text.encode() + b"\r\n")  # type: ignore[attr-defined]  # a socket's file
        wire.flush()  # type: ignore[attr-defined]  # as above

    def close(self) -> None:
        self.thread.join(10)
        self.listener.close()


@pytest.fixture(params=[2, 4], ids=["before the message", "after the message"])
def rude(request: pytest.FixtureRequest) -> Iterator[RudeServer]:
    """EHLO, MAIL, RCPT and DATA make four turns."""
    server = RudeServer(request.param)
    yield server
    server.close()


def settings_for(port: int) -> Settings:
    return load_settings(
        environment="demo",
        secret_key="a secret that is only ever used by tests, and long enough",
        base_url="http://127.0.0.1:9",
        mail_url=f"smtp://127.0.0.1:{port}",
        mail_from="giving@portal.example",
    )


def register(database: Database, letter: Letter) -> int:
    with database.write() as session:
        email = register_email(session, "test-1", letter, message="test", locale="en", now=NOW)
        return email.id


def read(database: Database, email_id: int) -> Email:
    with database.read() as session:
        return session.get_one(Email, email_id)


def test_a_server_that_hangs_up_has_taken_only_what_it_said_it_took(
    database: Database, rude: RudeServer
) -> None:
    email_id = register(database, LETTER)
    settings = settings_for(rude.port)
    if rude.turns == 4:
        assert deliver(database, settings, email_id, LETTER, NOW)
        assert (read(database, email_id).sent_at, read(database, email_id).problem) == (NOW, "")
    else:
        with pytest.raises(MailNotSent):
            deliver(database, settings, email_id, LETTER, NOW)
        assert read(database, email_id).sent_at is None
        assert "SMTPServerDisconnected" in read(database, email_id).problem


def test_a_message_that_can_not_be_written_is_not_noted_as_sent(database: Database) -> None:
    broken = Letter(
        recipient="ama@example.org",
        recipient_name="Ama Mensah",
        subject="Your gift\r\nBcc: everyone@example.org",
        text="",
        html="",
    )
    email_id = register(database, broken)
    with pytest.raises(ValueError, match="linefeed"):
        deliver(database, settings_for(9), email_id, broken, NOW)
    assert read(database, email_id).sent_at is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_goes_out_while_it_could_not_be_noted(
    database: Database, inbox: tuple[MailStore, int]
) -> None:
    """Else a full disk would send the same message at each try."""
    email_id = register(database, LETTER)
    mail, port = inbox
    settings = settings_for(port)
    undo = set_connections(database, "PRAGMA query_only = ON")
    with pytest.raises(DatabaseUnavailable):
        deliver(database, settings, email_id, LETTER, NOW)
    assert mail.list_messages() == []
    undo()
    assert deliver(database, settings, email_id, LETTER, NOW)
    assert not deliver(database, settings, email_id, LETTER, NOW)
    assert [message.deliveries for message in mail.list_messages()] == [1]
