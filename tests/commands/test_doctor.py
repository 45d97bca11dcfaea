"""What the doctor finds of clock, backups, workers, administrators and mail."""

from datetime import timedelta

import pytest

from portal.clock import SystemClock
from portal.commands.backup import BACKUP
from portal.commands.doctor import (
    Finding,
    _examine_mail,
    _examine_workers,
    examine_backups,
    examine_clock,
    examine_languages,
    examine_receipts,
    examine_staff,
)
from portal.database import Database
from portal.jobs.promising import Worker
from portal.mailbox import MailStore
from portal.payments.models import EventState, StripeEvent
from portal.regions.queries import RegionRecord
from portal.services import add_entry
from portal.settings import load_settings
from portal.signin.accounts import Role, StaffUser
from tests.conftest import NOW, SECRET


def test_a_backup_is_young_enough_or_missed(database: Database) -> None:
    first = examine_backups(database)
    assert (first.is_well, "none was made" in first.text) == (not database.is_sqlite, True)
    for days, is_well in ((9, False), (1, True)):
        with database.write() as session:
            at = SystemClock().now() - timedelta(days=days)
            add_entry(session, "system", BACKUP, "installation", {}, now=at)
        found = examine_backups(database)
        assert found.is_well is is_well
        assert "the last was made" in found.text


@pytest.mark.parametrize(("seconds", "is_well"), [(0, True), (30, True), (400, False)])
def test_an_event_from_the_future_tells_of_a_slow_clock(
    database: Database, seconds: int, is_well: bool
) -> None:
    with database.write() as session:
        session.add(
            StripeEvent(
                provider="stripe",
                stripe_event_id="evt_1",
                type="odd.type",
                livemode=False,
                api_version="2026-10-28.endive",
                created_at=NOW + timedelta(seconds=seconds),
                received_at=NOW,
                payload={"id": "evt_1"},
                state=EventState.PROCESSED,
                problem="",
            )
        )
    assert examine_clock(database).is_well is is_well


def test_a_clock_that_nobody_speaks_of_is_well(database: Database) -> None:
    assert examine_clock(database).is_well


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_silent_worker_was_last_seen(database: Database) -> None:
    assert _examine_workers(database).text == "none runs: start portal worker"
    at = SystemClock().now() - timedelta(hours=3, minutes=5)
    with database.write() as session:
        session.add(Worker(executor_id="w", host="h", pid=1, started_at=at, seen_at=at))
    assert _examine_workers(database).text == (
        "none runs, the last was seen 3 hours ago: start portal worker"
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_somebody_can_administer(database: Database) -> None:
    assert not examine_staff(database).is_well
    with database.write() as session:
        session.add(
            StaffUser(
                email="a@b.example",
                name="A",
                role=Role.ADMIN,
                password_hash="x",
                session_key="k",
                created_at=NOW,
            )
        )
    assert examine_staff(database).is_well


def ask_mail(port: int, **more: str) -> Finding:
    settings = load_settings(
        secret_key=SECRET, mail_url=f"smtp://127.0.0.1:{port}", mail_from="a@b.example", **more
    )
    return _examine_mail(settings)


def test_a_mail_server_takes_our_sender(inbox: tuple[MailStore, int]) -> None:
    _store, port = inbox
    assert ask_mail(port) == Finding("mail", True, "127.0.0.1: takes a@b.example")


def test_a_mail_server_that_is_away_is_told() -> None:
    found = ask_mail(9)
    assert not found.is_well
    assert "The mail server did not take it" in found.text


def test_languages_that_nobody_reviewed_are_told_and_no_fault(catalogued: Database) -> None:
    found = examine_languages(catalogued)
    assert found.is_well
    assert found.text == "no native reader has reviewed ar, de, es, fr, ja, ko"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_an_official_receipt_waits_for_is_told(catalogued: Database) -> None:
    assert list(examine_receipts(catalogued)) == []
    for said, is_well, text in (
        ({}, True, "the issuer sets official_receipts_from"),
        ({"official_receipts_from": "2026-01-01", "place": ""}, False, "waits for: place"),
        ({"official_receipts_from": "2026-01-01"}, True, "ca-official is given out"),
    ):
        with catalogued.write() as session:
            record = session.get_one(RegionRecord, "ca")
            issuer = {**record.document["issuer"], "place": "Toronto", **said}
            record.document = {**record.document, "sample": False, "issuer": issuer}
        (found,) = examine_receipts(catalogued)
        assert found.is_well is is_well
        assert text in found.text
