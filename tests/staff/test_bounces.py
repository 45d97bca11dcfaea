"""Letters that come back: read as servers write them, tied to their letter, and told to staff."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
import trustme
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from portal.commands.doctor_outside import examine_bounces
from portal.database import Database
from portal.mail.bounces import Bounce, fetch_bounces, find_refusal, read_report
from portal.mail.imap import ImapAccount, ImapError
from portal.mail.outbox import Email, LetterKind
from portal.records.own_data import forget, gather
from portal.services import Services
from portal.signin.donor_accounts import find_donor, find_own, open_account
from portal.worker import look_for_bounces
from tests.account.conftest import ZOE
from tests.conftest import NOW
from tests.giving.visits import text_of
from tests.mail.reports import AWAY, EXIM, FORWARDED, OURS, report, without
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample, pay_sample
from tests.statements.imap_server import PASSWORD, USER, ImapFolder, serving


def test_reports_say_who_and_why() -> None:
    found = read_report(report())
    assert found
    assert (found.recipient, found.status, found.is_permanent) == (ZOE, "5.1.1", True)
    assert (found.why, found.named[0]) == ("550 5.1.1 No such user here", f"receipt-1@{OURS}")
    assert found.bounced_at == datetime(2026, 11, 23, 11, 58, tzinfo=UTC)
    german = read_report(
        report(
            subject="=?utf-8?q?Unzustellbar=3A_Ihre_Quittung?=",
            text="Die E-Mail konnte nicht zugestellt werden.",
            diagnosis="smtp; 550 Empfänger unbekannt (5.1.10)",
            status="",
            recipient="utf-8; <Zoë@example.org>",
            whole=False,
        )
    )
    assert german
    assert (german.recipient, german.status) == ("zoë@example.org", "5.1.10")
    assert german.why == "550 Empfänger unbekannt (5.1.10)"
    assert german.named[0] == f"receipt-1@{OURS}"
    gave_up = read_report(report(status="4.4.7", diagnosis="smtp; 421 timed out"))
    assert gave_up
    assert not gave_up.is_permanent
    exim = read_report(EXIM)
    assert exim
    assert (exim.recipient, exim.is_permanent) == (ZOE, True)
    assert f"receipt-1@{OURS}" in exim.named


def test_parts_may_be_missing() -> None:
    headless = read_report(without(report(), b"rfc822\r\n\r\nMessage-ID"))
    assert headless
    assert [one for one in headless.named if one.startswith("receipt")] == []
    textless = read_report(without(report(), b"text/plain"))
    assert textless
    assert textless.status == "5.1.1"
    alone = report().replace(b"Reporting-MTA: dns; mx.example.org\r\n\r\n", b"")
    found = read_report(alone)
    assert found
    assert found.recipient == ZOE
    nameless = read_report(report(recipient="", diagnosis=""))
    assert nameless
    assert (nameless.recipient, nameless.why) == ("", "")


@pytest.mark.parametrize(
    "mail",
    [
        AWAY,
        FORWARDED,
        report(action="delayed", status="4.4.1"),
        report(action="delivered", status="2.0.0"),
        report(action="relayed (to a server that says no more)"),
        without(report(), b"delivery-status\r\n"),
        b"",
        b"From: a@b\r\n\r\nPlease cancel my gift.",
        AWAY.replace(b"\r\n\r\n", b"\r\nContent-Type: multipart/report\r\n\r\n", 1),
    ],
)
def test_what_is_no_failure_does_not_count(mail: bytes) -> None:
    assert read_report(mail) is None


@given(st.binary(max_size=400), st.integers(0, 900))
def test_nothing_that_is_sent_stops_the_reading(noise: bytes, at: int) -> None:
    raw = report()
    read_report(raw[:at] + noise + raw[at:])
    read_report(noise)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def folder() -> ImapFolder:
    return ImapFolder({})


@pytest.fixture
def account(authority: trustme.CA, folder: ImapFolder) -> Iterator[ImapAccount]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    with serving(folder, server) as port:
        yield ImapAccount(host="localhost", user=USER, password=PASSWORD, port=port)


@pytest.fixture
def services(app: Flask) -> Services:
    found: Services = app.extensions["portal"]
    return found


@pytest.fixture
def letter(catalogued: Database) -> str:
    """A receipt that went out to Zoë; the reference of its gift."""
    with catalogued.write() as session:
        gift = add_sample(session, email=ZOE)
        pay_sample(session, gift, "pi_1")
        session.add(
            Email(
                key="receipt-1",
                gift_id=gift.id,
                message=LetterKind.RECEIPT,
                recipient=ZOE,
                subject="Receipt",
                locale="en",
                created_at=NOW,
                sent_at=NOW,
                noted_at=NOW,
            )
        )
        return gift.reference


def list_bounces(database: Database) -> list[tuple[str, int | None, bool]]:
    with database.read() as session:
        rows = session.scalars(sa.select(Bounce).order_by(Bounce.id))
        return [(one.recipient, one.email_id, one.is_permanent) for one in rows]


@pytest.mark.both_engines
@pytest.mark.usefixtures("letter")
def test_a_mailbox_is_read_once_and_left_as_it_is(
    services: Services, account: ImapAccount, folder: ImapFolder, authority: trustme.CA
) -> None:
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    folder.mails |= {
        3: report(),
        4: AWAY,
        5: report(number="5", named="someone@else.example", recipient="rfc822; x@y.example"),
        6: report(number="6", action="delayed"),
        8: report(number="8", status="4.4.7", recipient="rfc822; forwarded@elsewhere.example"),
        9: report(),
    }
    kept = fetch_bounces(services, account, tls=tls)
    assert (kept.read, kept.new, kept.tied) == (6, 3, 2), "a copy of a report is none of its own"
    found = list_bounces(services.database)
    assert found == [(ZOE, 1, True), ("x@y.example", None, True), (ZOE, 1, False)]
    assert {command.split()[0] for command in folder.commands} <= {
        *("CAPABILITY", "LOGIN", "EXAMINE", "UID", "LOGOUT")
    }, "it is opened to be looked at, and nothing is marked, moved or deleted"
    assert not any("STORE" in one or " BODY[" in one for one in folder.commands)
    folder.commands.clear()
    assert fetch_bounces(services, account, tls=tls).read == 0
    assert not any("FETCH" in command for command in folder.commands)
    folder.mails[11] = report(number="11")
    assert fetch_bounces(services, account, tls=tls).new == 1
    with services.database.read() as session:
        refusal = find_refusal(session, ZOE.upper())
        assert refusal
        assert refusal.is_permanent
    with pytest.raises(ImapError):
        fetch_bounces(services, replace(account, password="wrong"), tls=tls)


@pytest.fixture
def came_back(
    letter: str, services: Services, account: ImapAccount, folder: ImapFolder, authority: trustme.CA
) -> str:
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    folder.mails |= {1: report(), 2: report(number="2", named="x@y", recipient="rfc822; q@x.yz")}
    fetch_bounces(services, account, tls=tls)
    return letter


def test_staff_see_what_came_back_and_what_to_do(
    signed_in: Callable[[str], Browser], came_back: str, catalogued: Database
) -> None:
    clerk = signed_in("finance")
    page = "/staff/bounces"
    answer = clerk.get(page)
    told = text_of(answer)
    assert f"{ZOE} Receipt {came_back}" in told
    assert "The address refuses 5.1.1 550 5.1.1 No such user here" in told
    assert "q@x.yz None of ours is named" in told
    for way in (f"/staff/gifts/{came_back}/contact", "/staff/receipts/number/1.pdf"):
        assert f'href="{way}"' in answer.text
    gift = text_of(clerk.get(f"/staff/gifts/{came_back}"))
    assert f"A letter to {ZOE} came back: the address refuses mail." in gift
    sent = clerk.post("/staff/receipts/number/1/send", page=page, once="x")
    assert sent.status_code == 303
    for number in (1, 2):
        assert clerk.post(f"{page}/{number}", page=page).status_code == 303
    assert "Nothing here yet" in text_of(clerk.get(page))
    assert clerk.post(f"{page}/9", page=page).status_code == 404
    gift = text_of(clerk.get(f"/staff/gifts/{came_back}"))
    assert "came back" not in gift
    with catalogued.write() as session:
        session.execute(sa.update(Email).values(sent_at=None, problem="Not taken (550 No user)."))
    assert "Refused at once" in text_of(clerk.get(page))
    log = text_of(signed_in("admin").get("/staff/audit"))
    assert "Dealt with a letter that came back" in log
    viewer = signed_in("viewer")
    assert viewer.get(page).status_code == 403
    assert viewer.post(f"{page}/1", page="/staff/password").status_code == 403


@pytest.mark.usefixtures("came_back")
def test_the_first_page_counts_them_where_a_mailbox_is_read(
    signed_in: Callable[[str], Browser], app: Flask, services: Services
) -> None:
    clerk, viewer = signed_in("finance"), signed_in("viewer")
    assert "Letters that came back" not in text_of(clerk.get("/staff/"))
    url = SecretStr("imaps://a:b@localhost:9/INBOX")
    settings = services.settings.model_copy(update={"bounces_imap_url": url})
    app.extensions["portal"] = replace(app.extensions["portal"], settings=settings)
    assert "Letters that came back 2" in text_of(clerk.get("/staff/"))
    assert "Letters that came back" not in text_of(viewer.get("/staff/"))
    for number in (1, 2):
        clerk.post(f"/staff/bounces/{number}", page="/staff/bounces")
    answer = text_of(clerk.get("/staff/"))
    assert "Letters that came back 0" in answer
    assert "has been dealt with" in answer


@pytest.mark.usefixtures("came_back")
def test_it_is_in_a_persons_data_and_forgotten_with_them(services: Services) -> None:
    with services.write() as act:
        donor_id = find_donor(act.session, ZOE, NOW)
        assert donor_id is not None
        own = find_own(act.session, open_account(act, donor_id).id)
        (row,) = gather(act.session, own, act.services.settings)["returned_messages"]
        assert row["recipient"] == ZOE
        forget(act, own)
    assert [one[0] for one in list_bounces(services.database)] == ["", "q@x.yz"]


def test_the_doctor_tries_the_mailbox(services: Services) -> None:
    known = services.settings
    assert examine_bounces(known).is_well
    url = SecretStr("imaps://a:b@localhost:9/INBOX")
    away = known.model_copy(update={"bounces_imap_url": url})
    finding = examine_bounces(away)
    assert not finding.is_well
    assert "can’t be reached safely" in finding.text
    look_for_bounces(replace(services, settings=away))
    look_for_bounces(services)
    assert list_bounces(services.database) == [], "a mailbox that is away stops no worker"
