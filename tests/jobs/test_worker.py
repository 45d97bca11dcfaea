"""Workers keep promises: mail that can't go out goes out later, and the dead are relieved."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.commands.installation import free_port
from portal.database import Database, DatabaseUnavailable
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import GiftEvent
from portal.jobs.promising import HEARTBEAT, SendReceipt, Worker
from portal.mail.outbox import Email
from portal.mailbox import MailStore, StoredMessage
from portal.payments.operations import accept
from portal.payments.stripe.reading import stripe_claim
from portal.receipts.register import Receipt
from tests.conftest import SECRET, PostgresServer
from tests.sandbox_process import wait_until
from tests.warm import WarmProcess, start_portal
from tests.workplace import Workplace, act_in, make_workplace, promised_jobs


@pytest.fixture
def place(catalogued: Database, database_url: str) -> Iterator[Workplace]:
    place = make_workplace(database_url, None)
    yield place
    place.close()


@contextmanager
def running(*arguments: str, **settings: str) -> Iterator[WarmProcess]:
    """A command of the portal, killed at the end."""
    process = start_portal(*arguments, settings=settings)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def worker_settings(database_url: str, smtp_port: int) -> dict[str, str]:
    return {
        "PORTAL_SECRET_KEY": SECRET,
        "PORTAL_DATABASE_URL": database_url,
        "PORTAL_ENVIRONMENT": "demo",
        "PORTAL_MAIL_URL": f"smtp://127.0.0.1:{smtp_port}",
        "PORTAL_MAIL_FROM": "giving@portal.example",
    }


def pay(place: Workplace) -> str:
    """A gift by transfer that somebody says has come; its token."""
    token = place.start(mode="interac").token
    gift = place.gift(token)
    claim = stripe_claim(
        fact=FactKind.PAID,
        subject=f"line-{gift.id}",
        occurred_at=datetime.now(UTC),
        money=gift.money,
    )
    with place.database.write() as session:
        accept(act_in(session, datetime.now(UTC), place.services), gift.id, [claim])
    return token


def mail_waits(place: Workplace) -> bool:
    """Whether a receipt was tried and could not go out."""
    with place.database.read() as session:
        return session.scalar(sa.select(Email.id).where(Email.problem != "")) is not None


def test_a_receipt_waits_for_the_mail_server_and_goes_out_once(
    place: Workplace, database_url: str, tmp_path: Path
) -> None:
    smtp, web, folder = free_port(), free_port(), tmp_path / "mailbox"
    pay(place)
    with running("worker", **worker_settings(database_url, smtp)):
        wait_until(lambda: mail_waits(place), 40)
        box = ("mailbox", "--port", str(web), "--smtp-port", str(smtp), "--data", str(folder))
        with running(*box, **worker_settings(database_url, smtp)):
            messages = wait_until(lambda: read_mail(folder), 60)
    assert [message.deliveries for message in messages] == [1]


def test_a_receipt_is_sent_once_more_for_whoever_asked(
    place: Workplace, database_url: str, tmp_path: Path
) -> None:
    smtp, web, folder = free_port(), free_port(), tmp_path / "mailbox"
    pay(place)
    with place.database.write() as session:
        receipt_id = session.scalars(sa.select(Receipt.id)).one()
        place.services.jobs.enqueue(session, SendReceipt(receipt_id, "page-1", "staff:7"))
    box = ("mailbox", "--port", str(web), "--smtp-port", str(smtp), "--data", str(folder))
    with (
        running(*box, **worker_settings(database_url, smtp)),
        running("worker", **worker_settings(database_url, smtp)),
    ):
        wait_until(lambda: len(read_mail(folder)) == 2, 60)
        sent = sa.select(GiftEvent.actor).where(GiftEvent.kind == "receipt_sent")
        wait_until(lambda: len(_all(place, sent)) == 2, 20)
    assert sorted(_all(place, sent)) == ["staff:7", "system"]


def test_a_worker_outlives_a_break_of_the_database(
    place: Workplace, database_url: str, postgres: PostgresServer
) -> None:
    if place.database.is_sqlite:
        pytest.skip("a file is not away")
    name = place.database.url.database
    with running("worker", **worker_settings(database_url, free_port())) as worker:
        wait_until(lambda: _last_sign(place).year > 1, 40)
        postgres.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres.run(END_CONNECTIONS.format(name=name))
        time.sleep(HEARTBEAT.total_seconds() * 1.5)
        postgres.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        back = datetime.now(UTC)
        wait_until(lambda: _last_sign(place) > back, 60)
        assert worker.poll() is None


END_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"


def _last_sign(place: Workplace) -> datetime:
    with suppress(DatabaseUnavailable), place.database.read() as session:
        return session.scalar(sa.select(Worker.seen_at)) or datetime.min.replace(tzinfo=UTC)
    return datetime.min.replace(tzinfo=UTC)


def _all(place: Workplace, wanted: sa.Select[str]) -> list[str]:
    with place.database.read() as session:
        return list(session.scalars(wanted))


def test_a_living_worker_takes_the_jobs_of_a_dead_one(
    place: Workplace, database_url: str, tmp_path: Path
) -> None:
    """The first worker hangs in a mail server that never answers, and is killed there."""
    smtp, web, folder = free_port(), free_port(), tmp_path / "mailbox"
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", smtp))
        silent.listen()
        pay(place)
        with running("worker", "--name", "a", **worker_settings(database_url, smtp)) as first:
            connection, _ = silent.accept()
            first.send_signal(signal.SIGKILL)
            first.wait()
            connection.close()
    _make_silent_for_long(place)
    box = ("mailbox", "--port", str(web), "--smtp-port", str(smtp), "--data", str(folder))
    with (
        running(*box, **worker_settings(database_url, smtp)),
        running("worker", "--name", "b", **worker_settings(database_url, smtp)),
    ):
        messages = wait_until(lambda: read_mail(folder), 60)
    assert [message.deliveries for message in messages] == [1]


def _make_silent_for_long(place: Workplace) -> None:
    """Let the dead worker's last sign of life be an hour old."""
    with place.database.write() as session:
        session.execute(sa.update(Worker).values(seen_at=datetime.now(UTC) - timedelta(hours=1)))


def test_a_job_is_promised_with_its_rows_or_not_at_all(place: Workplace) -> None:
    token = place.start(mode="interac").token
    gift, before = place.gift(token), jobs(place.database)
    claim = stripe_claim(
        fact=FactKind.PAID, subject="line-1", occurred_at=datetime.now(UTC), money=gift.money
    )
    with suppress(ZeroDivisionError), place.database.write() as session:
        accept(act_in(session, datetime.now(UTC), place.services), gift.id, [claim])
        raise ZeroDivisionError
    assert jobs(place.database) == before
    assert place.gift(token).received_at is None
    with place.database.write() as session:
        accept(act_in(session, datetime.now(UTC), place.services), gift.id, [claim])
    assert jobs(place.database) == before + 1


def jobs(database: Database) -> int:
    """How many jobs were promised."""
    return len(promised_jobs(database))


def read_mail(folder: Path) -> list[StoredMessage]:
    """What came into a mailbox so far."""
    return MailStore(folder / "mail").list_messages()
