"""Fetching by IMAP: only over checked TLS, only what is new, and nothing in it changed."""

import ssl
from dataclasses import replace

import pytest
import trustme

from portal.mail.imap import Fetched, ImapAccount, ImapError, ImapMark, fetch_mails
from portal.payments.statements.interac_mail import MAIL_LIMIT
from portal.payments.statements.interac_notices import WANTED, read_notices
from tests.statements.imap_server import PASSWORD, USER, ImapFolder, serving
from tests.statements.samples import sample

ACCOUNT = ImapAccount(host="localhost", user=USER, password=PASSWORD)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def folder() -> ImapFolder:
    return ImapFolder({4: sample("interac_en.eml"), 9: sample("interac_fr.eml")})


def fetch(
    authority: trustme.CA,
    folder: ImapFolder,
    after: ImapMark | None = None,
    account: ImapAccount = ACCOUNT,
) -> Fetched:
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    with serving(folder, server) as port:
        return fetch_mails(replace(account, port=port), after or ImapMark(), WANTED, tls=client)


def test_fetches_notices_as_they_were_received(authority: trustme.CA, folder: ImapFolder) -> None:
    fetched = fetch(authority, folder)
    read = read_notices(iter(fetched.mails), trusted_server="mail.example.org")
    assert [mail.raw for mail in fetched.mails] == list(folder.mails.values())
    assert [notice.reference for _, notice in read.notices] == ["C1Ab4kQpT9z", "CA8xKp3Rt"]
    assert fetched.mark == ImapMark(validity=7, uid=9)


def test_changes_nothing_in_the_mailbox(authority: trustme.CA, folder: ImapFolder) -> None:
    fetch(authority, folder)
    asked = " ".join(folder.commands)
    assert "EXAMINE" in asked
    assert "BODY.PEEK[]" in asked
    assert not any(word in asked for word in ("SELECT", "STORE", "EXPUNGE", "CLOSE", "BODY[]"))


def test_goes_on_from_where_it_ended(authority: trustme.CA, folder: ImapFolder) -> None:
    mark = fetch(authority, folder).mark
    assert fetch(authority, folder, mark) == Fetched((), mark)
    folder.mails[12] = sample("interac_en.eml")
    assert [mail.key for mail in fetch(authority, folder, mark).mails] == ["12"]


def test_begins_anew_when_the_folder_was_rebuilt(authority: trustme.CA, folder: ImapFolder) -> None:
    mark = fetch(authority, folder).mark
    folder.validity = 8
    assert len(fetch(authority, folder, mark).mails) == 2


def test_an_empty_folder_gives_nothing(authority: trustme.CA) -> None:
    assert fetch(authority, ImapFolder({})) == Fetched((), ImapMark(7, 0))


def test_a_huge_mail_is_never_fetched(authority: trustme.CA, folder: ImapFolder) -> None:
    folder.mails[10] = b"x" * (MAIL_LIMIT + 1)
    fetched = fetch(authority, folder)
    assert ([mail.key for mail in fetched.mails], fetched.mark.uid) == (["4", "9"], 10)
    assert "UID FETCH 10 (BODY.PEEK[])" not in folder.commands


def test_a_wrong_password_is_told_without_repeating_it(
    authority: trustme.CA, folder: ImapFolder
) -> None:
    account = replace(ACCOUNT, password="wrong secret")
    with pytest.raises(ImapError, match="refused the user or the password") as refused:
        fetch(authority, folder, account=account)
    assert "secret" not in f"{refused.value!r} {refused.value.__cause__!r} {account!r}"


def test_an_unknown_folder_is_told(authority: trustme.CA, folder: ImapFolder) -> None:
    with pytest.raises(ImapError, match="folder can’t be opened"):
        fetch(authority, folder, account=replace(ACCOUNT, folder="Gone"))


def test_a_server_with_an_unknown_certificate_never_sees_the_password(
    authority: trustme.CA, folder: ImapFolder
) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    with (
        serving(folder, server) as port,
        pytest.raises(ImapError, match="can’t be reached safely"),
    ):
        fetch_mails(replace(ACCOUNT, port=port), ImapMark(), WANTED)
    assert folder.commands == []


@pytest.mark.parametrize("command", ["LOGIN", "EXAMINE", "SEARCH", "RFC822.SIZE", "BODY.PEEK"])
def test_a_server_that_breaks_off_is_an_error_not_half_a_folder(
    authority: trustme.CA, folder: ImapFolder, command: str
) -> None:
    folder.breaks_off_at = command
    with pytest.raises(ImapError):
        fetch(authority, folder)


@pytest.mark.parametrize("part", ["user", "password", "folder", "host"])
def test_commands_can_t_be_smuggled_into_an_account(part: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        replace(ACCOUNT, **{part: "x\r\nA1 DELETE INBOX"})
