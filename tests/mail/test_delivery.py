"""A message is noted as sent when the mail server has taken it, and only then."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope

from portal.commands.installation import free_port
from portal.database import Database, DatabaseUnavailable
from portal.mail.outbox import Email, LetterKind, Outgoing, deliver, has_failing, mark_sent
from portal.mail.smtp import Letter, MailNotSent, can_reach, wire_address
from portal.mailbox import Inbox, MailStore
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


def send(database: Database, settings: Settings, *letters: Letter) -> list[str]:
    """The keys of the letters that went out now; raises what kept one of them back."""
    sent: list[str] = []

    def note(letter: Outgoing, email_id: int) -> None:
        with database.write() as session:
            if mark_sent(session, email_id, NOW):
                sent.append(letter.key)

    outgoing = [
        Outgoing(f"test-{number}", letter, LetterKind.RECEIPT, "en")
        for number, letter in enumerate(letters, 1)
    ]
    for error in deliver(database, settings, outgoing, NOW, note).values():
        raise error
    return sent


def read(database: Database, key: str = "test-1") -> Email:
    with database.read() as session:
        return session.scalars(sa.select(Email).where(Email.key == key)).one()


def test_a_server_that_hangs_up_has_taken_only_what_it_said_it_took(
    database: Database, rude: RudeServer
) -> None:
    settings = settings_for(rude.port)
    if rude.turns == 4:
        assert send(database, settings, LETTER)
        assert (read(database).sent_at, read(database).problem) == (NOW, "")
    else:
        with pytest.raises(MailNotSent):
            send(database, settings, LETTER)
        assert read(database).sent_at is None
        assert "SMTPServerDisconnected" in read(database).problem


def test_a_message_that_can_not_be_written_is_not_noted_as_sent(database: Database) -> None:
    broken = Letter(
        recipient="ama@example.org",
        recipient_name="Ama Mensah",
        subject="Your gift\r\nBcc: everyone@example.org",
        text="",
        html="",
    )
    with pytest.raises(ValueError, match="linefeed"):
        send(database, settings_for(9), broken)
    assert read(database).sent_at is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_goes_out_while_it_could_not_be_noted(
    database: Database, inbox: tuple[MailStore, int]
) -> None:
    """Else a full disk would send the same message at each try."""
    mail, port = inbox
    settings = settings_for(port)
    undo = set_connections(database, "PRAGMA query_only = ON")
    with pytest.raises(DatabaseUnavailable):
        send(database, settings, LETTER)
    assert mail.list_messages() == []
    undo()
    assert send(database, settings, LETTER)
    assert not send(database, settings, LETTER)
    assert [message.deliveries for message in mail.list_messages()] == [1]


class Picky(Inbox):
    """A server that knows nobody with an x."""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address.startswith("x"):
            return "550 5.1.1 No mailbox  of that name"
        envelope.rcpt_tos.append(address)
        return "250 well"


@pytest.fixture(params=[True, False], ids=["with SMTPUTF8", "without SMTPUTF8"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[MailStore, Settings]]:
    store, port = MailStore(tmp_path / "mail"), free_port()
    controller = Controller(
        Picky(store), hostname="127.0.0.1", port=port, enable_SMTPUTF8=request.param
    )
    controller.start()
    yield store, settings_for(port)
    controller.stop()


ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@ON_SQLITE
@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("donor@münchen.de", "xn--mnchen-3ya.de"),
        ("donor@bücher.straße.example", "xn--bcher-kva.xn--strae-oqa.example"),
        ("donor@例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("donor@example.org", "example.org"),
    ],
)
def test_a_domain_beyond_ascii_goes_out_as_servers_know_it(
    database: Database, server: tuple[MailStore, Settings], address: str, domain: str
) -> None:
    mail, settings = server
    letter = replace(LETTER, recipient=address, recipient_name="Zoë, 李", reply_to=address)
    assert can_reach(settings, address)
    assert send(database, settings, letter)
    [message] = mail.list_messages()
    assert message.recipients == [f"donor@{domain}"]


@ON_SQLITE
def test_a_name_beyond_ascii_goes_by_smtputf8_or_is_refused(
    database: Database, server: tuple[MailStore, Settings], request: pytest.FixtureRequest
) -> None:
    mail, settings = server
    letter = replace(LETTER, recipient="jürgen@münchen.de")
    if "[with " in request.node.name.replace("sqlite-", ""):
        assert can_reach(settings, letter.recipient)
        assert send(database, settings, letter)
        assert mail.list_messages()[0].recipients == ["jürgen@xn--mnchen-3ya.de"]
    else:
        assert not can_reach(settings, letter.recipient)
        with pytest.raises(MailNotSent):
            send(database, settings, letter)
        assert "SMTPNotSupportedError" in read(database).problem


def test_a_server_that_is_away_refuses_no_address() -> None:
    assert can_reach(settings_for(9), "jürgen@example.org")
    assert not wire_address("jürgen@münchen.de").isascii()


@ON_SQLITE
def test_a_failing_mail_shows_from_its_second_try_on_in_the_server_s_words(
    database: Database, server: tuple[MailStore, Settings]
) -> None:
    mail, settings = server
    letter = replace(LETTER, recipient="xavier@example.org")
    for tries in (1, 2):
        with pytest.raises(MailNotSent):
            send(database, settings, letter)
        assert read(database).is_failing == (tries == 2)
    assert "550 5.1.1 No mailbox of that name" in read(database).problem
    assert send(database, settings, LETTER)
    told = read(database)
    assert (told.is_failing, told.recipient, told.problem) == (False, LETTER.recipient, "")
    assert len(mail.list_messages()) == 1


@ON_SQLITE
def test_a_message_that_can_not_be_written_shows_too(database: Database) -> None:
    broken = replace(LETTER, recipient="ama@-.example..org\u00fc")
    for _ in range(2):
        with pytest.raises(ValueError, match="Label"):
            send(database, settings_for(9), broken)
    assert read(database).is_failing
    with database.read() as session:
        assert not has_failing(session, 1)


class Brisk:
    """An SMTP server that takes `most` messages a connection, and then hangs up."""

    def __init__(self, most: int) -> None:
        self.most, self.connections, self.taken = most, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):  # closed at the end of the test
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                with connection, connection.makefile("rwb") as wire:
                    self._serve_one(wire)

    def _serve_one(self, wire: Any) -> None:
        RudeServer._say(wire, "220 ready")
        left = self.most
        while left and (line := wire.readline().strip().upper()):
            RudeServer._say(wire, "354 go on" if line == b"DATA" else "250 well")
            if line == b"DATA":
                while wire.readline() != b".\r\n":
                    pass
                RudeServer._say(wire, "250 taken")
                self.taken, left = self.taken + 1, left - 1


@ON_SQLITE
@pytest.mark.parametrize(("most", "connections"), [(10, 1), (2, 3), (1, 5)])
def test_many_go_over_one_connection_and_over_the_next_where_it_ends(
    database: Database, most: int, connections: int
) -> None:
    brisk = Brisk(most)
    assert len(send(database, settings_for(brisk.port), *[LETTER] * 5)) == 5
    assert (brisk.taken, brisk.connections) == (5, connections)
    brisk.listener.close()


@ON_SQLITE
def test_one_that_is_refused_holds_up_no_other(
    database: Database, server: tuple[MailStore, Settings]
) -> None:
    mail, settings = server
    broken = replace(LETTER, subject="Your gift\r\nBcc: everyone@example.org")
    refused = replace(LETTER, recipient="xavier@example.org")
    with pytest.raises(MailNotSent, match="No mailbox"):
        send(database, settings, LETTER, refused, broken, LETTER)
    assert len(mail.list_messages()) == 2
    assert [bool(read(database, f"test-{number}").problem) for number in (1, 2, 3, 4)] == [
        False,
        True,
        True,
        False,
    ]


@ON_SQLITE
def test_a_server_that_is_away_is_asked_once_for_all(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = settings_for(listener.getsockname()[1])
        calls = []

        def hang_up() -> None:
            with suppress(OSError):  # closed at the end of the test
                while True:
                    connection, _ = listener.accept()
                    calls.append(connection.close())

        threading.Thread(target=hang_up, daemon=True).start()
        with pytest.raises(MailNotSent):
            send(database, settings, LETTER, LETTER, LETTER)
    assert len(calls) == 1
    assert all(read(database, f"test-{number}").problem for number in (1, 2, 3))
