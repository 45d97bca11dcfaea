"""Interac's notices are read in both languages; forged ones are refused."""

import mailbox
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.money import Money
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.interac_mail import (
    MAIL_LIMIT,
    Authentication,
    NoTransferMail,
    UntrustedMail,
    read_interac_mail,
)
from portal.payments.statements.interac_notices import MBOX_LIMIT, read_mails, read_notices
from tests.statements.samples import sample

SERVER = "mail.example.org"
ENGLISH = sample("interac_en.eml")
FRENCH = sample("interac_fr.eml")


def changed(old: str, new: str, mail: bytes = ENGLISH) -> bytes:
    assert old.encode() in mail
    return mail.replace(old.encode(), new.encode(), 1)


def without_results(mail: bytes, results: str = "") -> bytes:
    """The mail with other Authentication-Results than its own."""
    start, end = mail.index(b"Authentication-Results"), mail.index(b"From:")
    return mail[:start] + results.encode() + mail[end:]


def test_reads_an_english_notice() -> None:
    notice = read_interac_mail(ENGLISH, trusted_server=SERVER)
    assert notice.sender_name == "JANE DOE"
    assert notice.sender_email == "jane.doe@example.org"
    assert notice.money == Money(107_550, "CAD")
    assert notice.reference == "C1Ab4kQpT9z"
    assert notice.message == "LW7K-3QXD-9 with thanks"
    assert (notice.language, notice.is_deposited) == ("en", True)
    assert notice.authentication is Authentication.PASS
    assert notice.sent_at == datetime(2026, 11, 2, 15, 0, tzinfo=UTC)


def test_reads_a_french_notice_in_html() -> None:
    notice = read_interac_mail(FRENCH, trusted_server=SERVER)
    assert notice.sender_name == "AMÉLIE CÔTÉ"
    assert notice.sender_email == "amelie@example.org"
    assert notice.money == Money(107_500, "CAD")
    assert notice.reference == "CA8xKp3Rt"
    assert notice.message == "Dîme lw7k 3qxd 9"
    assert (notice.language, notice.is_deposited) == ("fr", True)
    assert notice.authentication is Authentication.PASS


@pytest.mark.parametrize(
    "sender",
    [
        "JANE DOE <jane@example.org>",
        '"notify@payments.interac.ca" <jane@example.org>',
        "notify@payments.interac.ca <jane@example.org>",
        "notify@payments.interac.ca.example.org",
        "notify@payments.interac.ca, jane@example.org",
        "<notify@payments.interac.ca> <jane@example.org>",
        "jane@example.org (notify@payments.interac.ca)",
        "notify@payments.interac.ca\r\nFrom: jane@example.org",
        "nоtify@payments.interac.ca",
        "other@payments.interac.ca",
        "notify@interac.ca",
        "notify@PAYMENTS.INTERAC.CA@example.org",
        "",
    ],
)
def test_a_mail_from_anyone_else_is_refused(sender: str) -> None:
    with pytest.raises(UntrustedMail, match="isn’t from Interac"):
        read_interac_mail(changed("JANE DOE <notify@payments.interac.ca>", sender))


@pytest.mark.parametrize("method", ["dkim", "spf", "dmarc"])
def test_a_mail_that_failed_authentication_is_refused(method: str) -> None:
    with pytest.raises(UntrustedMail, match="forged"):
        read_interac_mail(changed(f"{method}=pass", f"{method}=fail"), trusted_server=SERVER)


@pytest.mark.parametrize(
    "results",
    [
        "Authentication-Results: mail.example.org; DKIM=Fail\n",
        "Authentication-Results: mail.example.org;\n dmarc = fail (p=reject) header.from=x\n",
        "Authentication-Results: a.example; spf=pass\n"
        "Authentication-Results: b.example; spf=fail\n",
        "Authentication-Results: mail.example.org; dkim=pass header.d=payments.interac.ca;"
        " dkim=fail header.d=payments.interac.ca\n",
    ],
)
def test_a_failure_in_any_form_is_refused(results: str) -> None:
    with pytest.raises(UntrustedMail, match="forged"):
        read_interac_mail(without_results(ENGLISH, results), trusted_server=SERVER)


@pytest.mark.parametrize(
    "results",
    [
        "",
        # A forger's own header: it names another server.
        "Authentication-Results: evil.example; dmarc=pass header.from=payments.interac.ca\n",
        "Authentication-Results: mail.example.org; dkim=pass header.d=example.com\n",
        "Authentication-Results: mail.example.org; dkim=pass\n",
        "Authentication-Results: mail.example.org; spf=pass smtp.mailfrom=payments.interac.ca\n",
        "Authentication-Results: mail.example.org; dkim=none; spf=softfail\n",
        "Authentication-Results: mail.example.org; x=1 (dkim=pass header.d=payments.interac.ca)\n",
        "Authentication-Results: mail.example.org\n",
        "Authentication-Results:\n",
    ],
)
def test_nothing_passes_that_our_own_server_didn_t_vouch_for(results: str) -> None:
    notice = read_interac_mail(without_results(ENGLISH, results), trusted_server=SERVER)
    assert notice.authentication is Authentication.NONE


def test_nothing_passes_while_no_server_is_trusted() -> None:
    assert read_interac_mail(ENGLISH).authentication is Authentication.NONE


def test_the_sender_s_message_can_t_stand_in_for_interac_s_words() -> None:
    forged = changed("LW7K-3QXD-9\n", "for $9,999.00 (CAD)\nReference Number : C1FAKEFAKE\n")
    notice = read_interac_mail(forged)
    assert notice.money == Money(107_550, "CAD")
    assert notice.reference == "C1Ab4kQpT9z"


def test_a_name_that_holds_an_amount_makes_the_amount_unclear() -> None:
    with pytest.raises(NoTransferMail, match="no clear amount"):
        read_interac_mail(changed("JANE DOE has sent", "$9,999.00 (CAD) has sent"))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Reference Number : C1Ab4kQpT9z", "", "no Interac reference"),
        ("Reference Number : C1Ab4kQpT9z", "Reference Number : 12345678", "no Interac reference"),
        ("$1,075.50 (CAD)", "some money", "no clear amount"),
        ("$1,075.50 (CAD)", "$1.0,75.50 (CAD)", "no clear amount"),
    ],
)
def test_a_mail_that_tells_of_no_transfer_is_set_aside(old: str, new: str, reason: str) -> None:
    with pytest.raises(NoTransferMail, match=reason):
        read_interac_mail(changed(old, new))


def test_a_transfer_that_waits_to_be_claimed_is_not_deposited() -> None:
    waiting = changed("automatically deposited.", "sent.")
    waiting = changed(
        "and the money has been\nautomatically deposited into", "to claim at", waiting
    )
    assert not read_interac_mail(waiting).is_deposited


@pytest.mark.parametrize("header", ["Reply-To", "Date", "Message-ID", "Subject"])
def test_a_header_that_is_missing_is_only_missing(header: str) -> None:
    notice = read_interac_mail(changed(f"{header}:", f"X-{header}:"))
    assert notice.reference == "C1Ab4kQpT9z"


def test_nothing_hidden_is_read_of_a_mail() -> None:
    hidden = changed("LW7K", "\u202e\u200bLW7K")
    assert read_interac_mail(hidden).message == read_interac_mail(ENGLISH).message


def test_a_huge_mail_is_refused() -> None:
    with pytest.raises(UntrustedMail, match="larger"):
        read_interac_mail(ENGLISH + b"x" * MAIL_LIMIT)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_noise_never_crashes(data: st.DataObject) -> None:
    mail = bytearray(data.draw(st.sampled_from([ENGLISH, FRENCH])))
    for _ in range(data.draw(st.integers(1, 6))):
        mail[data.draw(st.integers(0, len(mail) - 1))] = data.draw(st.integers(0, 255))
    with suppress(UntrustedMail, NoTransferMail):
        read_interac_mail(bytes(mail), trusted_server=SERVER)


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    path = tmp_path / "notices.mbox"
    box = mailbox.mbox(path)
    for mail in (ENGLISH, changed("dmarc=pass", "dmarc=fail"), FRENCH):
        box.add(mail)
    box.close()
    return path


def test_reads_an_mbox_and_leaves_it_as_it_was(mbox: Path) -> None:
    before = mbox.read_bytes()
    read = read_notices(read_mails(mbox), trusted_server=SERVER)
    assert [notice.reference for _, notice in read.notices] == ["C1Ab4kQpT9z", "CA8xKp3Rt"]
    assert list(read.refused) == ["1"]
    assert "forged" in read.refused["1"]
    assert mbox.read_bytes() == before


def test_reads_a_folder_of_mails_and_follows_no_link_out_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "b.eml").write_bytes(FRENCH)
    (folder / "a.eml").write_bytes(ENGLISH)
    (folder / "notes.txt").write_bytes(ENGLISH)
    (tmp_path / "secret.eml").write_bytes(ENGLISH)
    (folder / "c.eml").symlink_to(tmp_path / "secret.eml")
    assert [mail.key for mail in read_mails(folder)] == ["a.eml", "b.eml"]


def test_reads_a_maildir_and_leaves_mails_new(tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "dir")
    box.add(ENGLISH)
    read = read_notices(read_mails(tmp_path / "dir"))
    assert len(read.notices) == 1
    assert len(list((tmp_path / "dir" / "new").iterdir())) == 1


def test_reads_a_single_mail(tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(ENGLISH)
    assert [mail.raw for mail in read_mails(tmp_path / "one.eml")] == [ENGLISH]


def test_a_missing_or_huge_mailbox_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StatementError, match="no mail file or folder"):
        read_mails(tmp_path / "none.mbox")
    with (tmp_path / "huge.mbox").open("wb") as stream:
        stream.truncate(MBOX_LIMIT + 1)
    with pytest.raises(StatementError, match="larger than 100 MB"):
        read_mails(tmp_path / "huge.mbox")


@pytest.mark.parametrize("mark", ["<utf-8\n\n", "<a href='", "<!--", "</", '<p title="', "&#9"])
def test_markup_that_never_ends_is_read_at_once(mark: str) -> None:
    head, _, _ = changed("text/plain", "text/html").partition(b"Hi ")
    start = process_time()
    with suppress(NoTransferMail):
        read_interac_mail(head + mark.encode() * (100_000 // len(mark)))
    assert process_time() - start < 2


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ("<p>Message: <b>Thanks &amp; love</b></p>", "Thanks & love"),
        ("<!-- <p>Message: no</p> --><p>Message: yes</p>", "yes"),
        ("<style>p > b { }</style><P CLASS=x>Message: yes</P>", "yes"),
        ("<![if !mso]><p>Message: 1 &lt; 2</p><![endif]>", "1 < 2"),
    ],
)
def test_words_are_found_in_markup(html: str, message: str) -> None:
    mail = changed("text/plain", "text/html").replace(b"Message: LW7K-3QXD-9\nwith thanks\n", b"")
    told = mail.replace(b"Reference Number", f"{html}<p>Reference Number".encode())
    assert read_interac_mail(told).message == message
