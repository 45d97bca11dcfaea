"""Interac's notices kept: evidence that helps to match, never money; the forged ones refused."""

import ssl
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest
import sqlalchemy as sa
import trustme
from pydantic import SecretStr

from portal.gifts.lifecycle import Status
from portal.mail.imap import ImapAccount, ImapError, KeptMail, read_account
from portal.money import Money
from portal.payments.statements.interac_notices import (
    KeptNotices,
    fetch_notices,
    keep_notices,
    read_mails,
)
from portal.payments.statements.models import LineState, TransferNotice
from portal.worker import look_for_notices
from tests.conftest import NOW
from tests.statements.clerk import Clerk
from tests.statements.imap_server import PASSWORD, USER, ImapFolder, serving
from tests.statements.samples import SAMPLES, sample
from tests.workplace import act_in, at

SERVER = "mail.example.org"


def notices(clerk: Clerk) -> list[TransferNotice]:
    with clerk.place.database.read() as session:
        return list(session.scalars(sa.select(TransferNotice).order_by(TransferNotice.id)))


def keep(clerk: Clerk, *mails: bytes, trusted_server: str = SERVER) -> KeptNotices:
    kept = (KeptMail(key=str(number), raw=raw) for number, raw in enumerate(mails))
    with clerk.place.database.write() as session:
        return keep_notices(act_in(session, NOW), kept, trusted_server=trusted_server)


def test_a_notice_is_kept_once_however_often_it_comes(clerk: Clerk) -> None:
    english, french = sample("interac_en.eml"), sample("interac_fr.eml")
    assert keep(clerk, english, french, english).new == 2
    assert keep(clerk, french).new == 0
    assert [notice.interac_reference for notice in notices(clerk)] == ["C1Ab4kQpT9z", "CA8xKp3Rt"]


def test_a_notice_alone_books_nothing(clerk: Clerk) -> None:
    gift = clerk.promise(money=Money(7550, "CAD"))
    keep(clerk, sample("interac_en.eml"))
    clerk.match()
    assert clerk.status(gift) is Status.PENDING
    assert not clerk.matches()


def test_a_notice_helps_to_find_the_gift_of_a_line(clerk: Clerk) -> None:
    with clerk.place.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(TransferNotice)) == 0
    keep(clerk, sample("interac_en.eml"))
    (notice,) = notices(clerk)
    gift = clerk.promise(
        money=Money(notice.amount_minor, "CAD"), donor={"email": notice.sender_email}
    )
    worked = clerk.bring(
        (notice.interac_reference, f"{notice.amount_minor / 100:.2f}"), payer="SOMEBODY ELSE"
    )
    assert (worked.automatic, worked.suggested) == (0, 1)
    assert clerk.lines()[0].state is LineState.OPEN
    assert clerk.status(gift) is Status.PENDING


@pytest.mark.parametrize(
    "forge",
    [
        lambda mail: mail.replace(b"notify@payments.interac.ca", b"notify@payments-interac.ca"),
        lambda mail: mail.replace(b"dkim=pass", b"dkim=fail"),
        lambda mail: mail.replace(SERVER.encode(), b"mx.of-the-forger.example"),
        lambda mail: b"\n".join(
            line
            for line in mail.split(b"\n")
            if b"=pass" not in line and b"Authentication" not in line
        ),
    ],
    ids=["another domain", "a failed signature", "another server's word", "nobody's word"],
)
def test_a_forged_mail_is_refused_with_its_reason(clerk: Clerk, forge: object) -> None:
    forged = forge(sample("interac_en.eml"))  # type: ignore[operator]
    assert forged != sample("interac_en.eml")
    kept = keep(clerk, forged, sample("interac_fr.eml"))
    assert kept.new == 1
    assert list(kept.refused) == ["0"]
    assert kept.refused["0"].endswith(".")


def test_whoever_forges_a_reference_first_does_not_push_out_the_true_one(clerk: Clerk) -> None:
    true = sample("interac_en.eml")
    forged = true.replace(b"AM", b"XX")
    keep(clerk, forged, true, trusted_server="")
    assert len(notices(clerk)) == (2 if forged != true else 1)


def test_a_folder_and_a_file_are_read(clerk: Clerk) -> None:
    with clerk.place.database.write() as session:
        kept = keep_notices(act_in(session, NOW), read_mails(SAMPLES), trusted_server=SERVER)
    assert (kept.new, kept.refused) == (2, {})


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def account(authority: trustme.CA, folder: ImapFolder) -> Iterator[ImapAccount]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    with serving(folder, server) as port:
        yield ImapAccount(host="localhost", user=USER, password=PASSWORD, port=port)


@pytest.fixture
def folder() -> ImapFolder:
    return ImapFolder({4: sample("interac_en.eml"), 9: sample("interac_fr.eml")})


def test_a_mailbox_is_read_on_from_where_it_was_left(
    clerk: Clerk, authority: trustme.CA, account: ImapAccount, folder: ImapFolder
) -> None:
    tls = ssl.create_default_context()
    authority.configure_trust(tls)

    def fetch(account: ImapAccount = account) -> KeptNotices:
        return fetch_notices(at(clerk.place.services, NOW), account, trusted_server=SERVER, tls=tls)

    assert fetch().new == 2
    folder.commands.clear()
    assert fetch().read == 0
    assert not any("BODY" in command for command in folder.commands)
    with pytest.raises(ImapError):
        fetch(replace(account, password="wrong"))
    assert len(notices(clerk)) == 2


def test_the_worker_reads_the_mailbox_by_itself(
    clerk: Clerk, authority: trustme.CA, account: ImapAccount
) -> None:
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    services = at(clerk.place.services, NOW)
    look_for_notices(services, tls=tls)
    assert notices(clerk) == []
    for password, kept in (("wrong", 0), (PASSWORD, 2)):
        url = f"imaps://{quote(USER)}:{password}@localhost:{account.port}"
        said = {"notices_imap_url": SecretStr(url), "trusted_mail_server": SERVER}
        settings = services.settings.model_copy(update=said)
        look_for_notices(replace(services, settings=settings), tls=tls)
        assert len(notices(clerk)) == kept


def test_an_account_is_an_address_over_tls() -> None:
    account = read_account("imaps://notices%40example.org:p%2Fw@mail.example.org/Interac")
    assert (account.user, account.password, account.port, account.folder) == (
        "notices@example.org",
        "p/w",
        993,
        "Interac",
    )
    for wrong in (
        "imap://user:pw@mail.example.org",
        "mail.example.org",
        "imaps://mail.example.org",
    ):
        with pytest.raises(ValueError, match="imaps://"):
            read_account(wrong)
