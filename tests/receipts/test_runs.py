"""A year in bulk: the dry run, issuing by several processes, stop and resume, letters, papers."""

import io
import random
import zipfile
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from pypdf import PdfReader

from portal.commands.installation import free_port
from portal.database import Database
from portal.mail.bounces import KeptBounces, keep_bounces
from portal.mail.imap import KeptMail
from portal.mail.outbox import Email
from portal.mailbox import MailStore
from portal.receipts.register import Receipt, ReceiptGift, ReceiptSeries, verify_register
from portal.receipts.run_reports import (
    list_came_back,
    list_refused,
    measure_run,
    preview_run,
    stream_zip,
    write_print,
)
from portal.receipts.runs import (
    ReceiptRun,
    RunRefused,
    RunState,
    begin_run,
    hold_run,
    resume_run,
    stop_run,
)
from portal.receipts.sending import Wish, send_receipts
from portal.regions.catalogue import ReceiptRule
from portal.services import Services
from tests.mail.reports import report
from tests.mail.test_delivery import Picky
from tests.receipts.clerks import carry_out, clerk, open_services, work_once
from tests.receipts.test_yearly import give
from tests.warm import CONTEXT

YEARLY = ReceiptRule.YEARLY
CLERKS, KILLS, SEED = 8, 6, 20270110


@pytest.fixture
def picky(tmp_path: Path) -> Iterator[tuple[MailStore, int]]:
    """A mailbox that refuses whoever begins with an x for good, and its port."""
    store, port = MailStore(tmp_path / "mail"), free_port()
    controller = Controller(Picky(store), hostname="127.0.0.1", port=port)
    controller.start()
    yield store, port
    controller.stop()


def begin(services: Services) -> int:
    with services.write("staff:1") as act:
        return begin_run(act, "sample-ca", 2026, YEARLY).id


def work(services: Services) -> None:
    done: set[str] = set()
    while work_once(services, done):
        pass


def list_labels(database: Database) -> list[str]:
    with database.read() as session:
        return [one.label for one in session.scalars(sa.select(Receipt).order_by(Receipt.id))]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_year_is_looked_at_issued_stopped_resumed_and_handed_out(
    catalogued: Database, database_url: str, picky: tuple[MailStore, int]
) -> None:
    store, port = picky
    services = open_services(database_url, f"smtp://127.0.0.1:{port}")
    give(services, 500, email="xavier@example.org")
    give(services, 1000, email="a@example.org")
    give(services, 200, email="a@example.org")
    give(services, 3000, email="")
    give(services, 4000, email="", first_name="", last_name="")
    with catalogued.read() as session:
        found = preview_run(session, services.catalogue, "sample-ca", 2026, YEARLY)
    assert [(count, str(money)) for count, money in found.totals] == [(3, "CAD 47.00")]
    assert (found.gifts, found.mailed, found.printed) == (4, 2, 1)
    assert found.left_out == {"unknown_donor": 1}
    assert list_labels(catalogued) == []
    run_id = begin(services)
    with pytest.raises(RunRefused):
        begin(services)
    with services.write() as act:
        run = hold_run(act.session, run_id)
        assert run is not None
        stop_run(act, run)
    work(services)
    assert list_labels(catalogued) == []
    with services.write() as act:
        run = hold_run(act.session, run_id)
        assert run is not None
        resume_run(act, run)
    work(services)
    assert list_labels(catalogued) == ["2027-000001", "2027-000002", "2027-000003"]
    with catalogued.read() as session:
        done = measure_run(session, run_id)
        assert session.get_one(ReceiptRun, run_id).state is RunState.DONE
        [(_, refusing, problem)] = list_refused(session, run_id)
    assert (done.issued, done.mailed, done.unsent, done.printed, done.left_out) == (3, 1, 0, 1, 1)
    assert (done.refused, refusing) == (1, "xavier@example.org")
    assert "550 5.1.1" in problem
    assert len(store.list_messages()) == 1
    check_papers(services, run_id)
    check_duplicate(services, store)
    check_came_back(services, run_id)


def check_papers(services: Services, run_id: int) -> None:
    """The ZIP has every document, and the print those without an e-mail, an address before each."""
    archive = zipfile.ZipFile(io.BytesIO(b"".join(stream_zip(services, run_id))))
    assert archive.testzip() is None
    assert len(archive.namelist()) == 3
    paper = io.BytesIO()
    assert write_print(services, run_id, paper) == 1
    pages = PdfReader(paper).pages
    assert len(pages) == 2
    # In the window of a DL or C5 envelope, by points from the left and from the top.
    places: dict[str, tuple[float, float]] = {}

    def note(text: str, now: list[float], at: list[float], *_: object) -> None:
        spot = (now[0] * at[4] + now[4], now[3] * at[5] + now[5])
        places.setdefault(text.strip(), spot)

    pages[0].extract_text(visitor_text=note)
    left, up = next(place for text, place in places.items() if "Grace" in text)
    assert 20 / 25.4 * 72 <= left <= 30 / 25.4 * 72
    assert 45 / 25.4 * 72 <= float(pages[0].mediabox.height) - up <= 90 / 25.4 * 72


def check_came_back(services: Services, run_id: int) -> None:
    """A letter that came back is told of, and its document goes to the printer after all."""
    with services.write() as act:
        letter = act.session.scalars(sa.select(Email).where(Email.key.like("receipt-_"))).all()
        sent = next(one for one in letter if one.noted_at)
        domain = services.settings.mail_from.rpartition("@")[2]
        raw = report(named=f"{sent.key}@{domain}")
        keep_bounces(act, [KeptMail(key="1", raw=raw)], KeptBounces())
    with services.database.read() as session:
        ((label, bounce),) = list_came_back(session, run_id)
        done = measure_run(session, run_id)
    assert (bounce.recipient, bounce.status) == (sent.recipient, "5.1.1")
    assert label.startswith("2027-0000")
    assert (done.returned, done.mailed) == (1, 1)
    assert write_print(services, run_id, io.BytesIO()) == 2


def check_duplicate(services: Services, store: MailStore) -> None:
    """A duplicate says so, and its document is the same to the byte; the first one does not."""
    with services.database.read() as session:
        sent = session.scalars(sa.select(Email).where(Email.noted_at.is_not(None))).one()
    receipt_id = int(sent.key.removeprefix("receipt-"))
    send_receipts(services, [Wish(receipt_id, "again")])
    again, first = (message.raw for message in store.list_messages())
    assert b"copy of a document" in again
    assert b"copy of a document" not in first
    assert again.rpartition(b"base64")[2] == first.rpartition(b"base64")[2]


@pytest.mark.slow
def test_series_has_no_gap_and_no_double_however_many_are_killed(
    catalogued: Database, database_url: str
) -> None:
    services, chance = open_services(database_url), random.Random(SEED)
    for minor in range(1001, 1011):
        give(services, minor)
    living = {
        number: CONTEXT.Process(target=clerk, args=(database_url, f"{SEED} {number}"))
        for number in range(CLERKS)
    }
    for one in living.values():
        one.start()
    for _ in range(KILLS):
        wait([one.sentinel for one in living.values()], chance.uniform(0, 0.15))
        number = chance.choice(sorted(living))
        living[number].kill()
        living[number].join()
        args = (database_url, f"{SEED} {number} {chance.random()}")
        living[number] = CONTEXT.Process(target=clerk, args=args)
        living[number].start()
    for one in living.values():
        one.join(60)
        assert one.exitcode == 0
    with catalogued.read() as session:
        assert verify_register(session) == []
        numbers = session.scalars(sa.select(Receipt.number).order_by(Receipt.number)).all()
        last = session.scalars(sa.select(ReceiptSeries.last_number)).one()
        assert list(numbers) == list(range(1, last + 1))
        standing = session.scalars(sa.select(ReceiptGift.gift_id).where(ReceiptGift.stands)).all()
    assert len(standing) == len(set(standing))
    assert last > CLERKS


@pytest.mark.slow
def test_what_is_sent_is_marked_after_kills_in_the_midst_of_a_run(
    catalogued: Database, database_url: str, inbox: tuple[MailStore, int]
) -> None:
    store, port = inbox
    mail_url, chance = f"smtp://127.0.0.1:{port}", random.Random(SEED)
    services = open_services(database_url, mail_url)
    for number in range(24):
        give(services, 1000 + number, email=f"donor{number}@example.org")
    run_id = begin(services)
    for _ in range(4):
        workers = [CONTEXT.Process(target=carry_out, args=(database_url, mail_url)) for _ in "ab"]
        for one in workers:
            one.start()
        wait([one.sentinel for one in workers], chance.uniform(0.3, 0.8))
        for one in workers:
            one.kill()
            one.join()
    work(services)
    with catalogued.read() as session:
        assert verify_register(session) == []
        done = measure_run(session, run_id)
        assert list_refused(session, run_id) == []
        marked = set(session.scalars(sa.select(Email.key).where(Email.noted_at.is_not(None))))
    assert (done.issued, done.mailed, done.unsent) == (24, 24, 0)
    sent = {message.message["Message-ID"].strip("<>").split("@")[0] for message in store._all()}
    assert sent == marked
