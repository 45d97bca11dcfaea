"""Numbers that tax laws ask of donors: encrypted, on the documents that need them, nowhere else."""

import json
import logging
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database
from portal.donors import Donor, find_or_add_donor
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.jobs.queue import QueuedJob
from portal.payments.manual_entries import correct_donor
from portal.receipts.donor_numbers import (
    DonorNumber,
    count_unreadable,
    encrypt_anew,
    forget_numbers,
    list_numbers,
    list_of_donors,
    read_number,
)
from portal.receipts.filing import read_lines
from portal.receipts.operations import reserve_receipt, state_numbers
from portal.receipts.pdf import render_pdf
from portal.receipts.register import Receipt, verify_register
from portal.receipts.statutory import EXPORTS, Filing
from portal.receipts.yearly import issue_yearly
from portal.records.merging import merge_donors, undo_merge
from portal.regions.donor_numbers import RULES
from portal.regions.schemes import NumberKind, ReceiptField
from portal.services import AuditEntry, Services
from portal.signin.donor_accounts import add_address, find_account, open_account, prove_address
from tests.conftest import NOW
from tests.receipts.conftest import make_settings
from tests.receipts.number_samples import NATURAL, confirm_issuer, give, say, whose
from tests.receipts.test_pdf import text_of
from tests.workplace import at, promised_jobs

SECOND = "a second secret key of this installation"


@pytest.fixture
def services(catalogued: Database) -> Services:
    """An installation whose South African issuer gives out section 18A receipts."""
    with catalogued.write() as session:
        confirm_issuer(session)
    return at(catalogued, NOW)


def receipts(session: Session) -> list[Receipt]:
    return list(session.scalars(sa.select(Receipt).order_by(Receipt.id)))


def issue(services: Services, gift_id: int) -> Receipt:
    with services.write() as act:
        gift = lock_gift(act.session, gift_id)
        region = act.catalogue.home_of(gift).region
        receipt = reserve_receipt(act, gift, region)
        assert receipt is not None
        return receipt


def test_18a_issues_once_all_that_its_notice_asks_is_there(services: Services) -> None:
    with services.write() as act:
        gift = give(act.session)
    assert issue(services, gift.id).snapshot["class"] == "acknowledgement"
    needed = [*NATURAL]
    while needed:
        kind = needed.pop()
        with services.write() as act:
            say(act, gift, kind)
            stated = state_numbers(act, whose(gift))
        assert bool(stated) is not bool(needed), "one that lacks anything is not issued"
    [official] = stated
    text = " ".join(text_of(render_pdf(official.snapshot)).split())
    for shown in (
        *("Section 18A receipt", "930012345", official.label, "Alex Sample"),
        *("Thabo Mokoena", "7 Jorissen Street", "thabo@example.org", "+27 11 555 0100"),
        *("Natural person", "South African ID number", "8001015009087", "South Africa"),
        *("0001339050", "250,37", "23 November 2026"),
    ):
        assert shown in text, shown
    assert "Trading name" not in text
    with services.database.read() as session:
        before, after = receipts(session)
        paid = session.get_one(Gift, gift.id).paid_minor
        assert promised_jobs(services.database) == [f"send_receipt-{after.id}"]
        assert verify_register(session) == []
    assert before.label in after.snapshot["replaces"]
    assert after.snapshot["amount_minor"] == paid == 250_37


@pytest.mark.both_engines
def test_numbers_lie_encrypted_and_are_named_nowhere(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), services.write("donor:7") as act:
        gift = give(act.session)
        say(act, gift, *NATURAL)
        say(act, gift, NumberKind.ZA_ID)
    issue(services, gift.id)
    with services.database.read() as session:
        kept = session.execute(sa.text("SELECT * FROM donor_tax_numbers")).mappings().all()
        assert len(kept) == len(NATURAL), "the same again is one"
        entries = [one.detail for one in session.scalars(sa.select(AuditEntry))]
        jobs = [one.given for one in session.scalars(sa.select(QueuedJob))]
        told = " ".join(map(str, (*kept, *entries, *jobs, caplog.text)))
        shown = [one.masked for one in list_numbers(session, whose(gift))]
    for kind in NATURAL:
        assert RULES[kind].example not in told
    assert sorted(shown) == ["••••00", "••••50", "••••87"]


def test_a_lost_key_loses_the_numbers_alone_and_a_former_one_reads_them(
    services: Services,
) -> None:
    with services.write() as act:
        gift = give(act.session)
        say(act, gift, *NATURAL)
    lost = replace(services, settings=make_settings(secret_key=SECOND))
    assert issue(lost, gift.id).snapshot["class"] == "acknowledgement"
    former = services.settings.secret_key.get_secret_value()
    rolled = make_settings(secret_key=SECOND, former_secret_keys=former)
    with services.database.read() as session:
        assert count_unreadable(session, lost.settings) == len(NATURAL)
        assert count_unreadable(session, rolled) == 0
    assert encrypt_anew(lost) == (0, len(NATURAL))
    assert encrypt_anew(replace(services, settings=rolled)) == (len(NATURAL), 0)
    assert encrypt_anew(replace(services, settings=rolled)) == (0, 0)
    with services.database.read() as session:
        texts = {read_number(lost.settings, one) for one in list_numbers(session, whose(gift))}
    assert texts == {RULES[kind].example for kind in NATURAL}


def test_a_passport_has_its_country_and_another_number_makes_another_receipt(
    services: Services,
) -> None:
    with services.write() as act:
        gift = give(act.session, locale="fr")
        say(
            act, gift, NumberKind.ZA_INCOME_TAX, NumberKind.PHONE, NumberKind.PASSPORT, country="ZW"
        )
    first = issue(services, gift.id)
    shown = {row["name"]: row["value"] for row in first.snapshot["shown"]}
    assert shown[ReceiptField.ID_COUNTRY] == "Zimbabwe"
    assert shown[ReceiptField.ID_TYPE] == "Passeport"
    assert shown[ReceiptField.PERSON_NATURE] == "Personne physique"
    with services.write() as act:
        assert state_numbers(act, whose(gift)) == [], "it says all that there is to say"
        for number in list_numbers(act.session, whose(gift)):
            if number.kind is NumberKind.PASSPORT:
                act.session.delete(number)
        say(act, gift, NumberKind.ZA_COMPANY, NumberKind.TRADING_NAME)
        [second] = state_numbers(act, whose(gift))
    told = {row["name"]: row["value"] for row in second.snapshot["shown"]}
    assert told[ReceiptField.PERSON_NATURE] == "Société"
    assert told[ReceiptField.ID_NUMBER] == "2020/123456/07"
    assert told[ReceiptField.TRADING_NAME] == "Okafor Crafts"
    assert first.label in second.snapshot["replaces"]


def test_a_number_is_its_bearers_by_all_their_addresses_and_nobody_elses(
    services: Services,
) -> None:
    with services.write() as act:
        mine = give(act.session)
        say(act, mine, *NATURAL)
        others = give(act.session, first_name="Lerato")
        elsewhere = give(act.session, email="thabo@work.example")
        long_ago = give(act.session, at=NOW - timedelta(days=800))
        open_account(act, whose(mine).donor_id)
    assert issue(services, others.id).snapshot["class"] == "acknowledgement"
    assert issue(services, elsewhere.id).snapshot["class"] == "acknowledgement"
    with services.write() as act:
        account = find_account(act.session, "thabo@example.org")
        assert account is not None
        assert prove_address(act, account, add_address(act, account, "thabo@work.example").id)
        stated = state_numbers(act, whose(elsewhere))
    covered = [one.gift_id for one in stated]
    assert covered == [mine.id, elsewhere.id]
    assert long_ago.id not in covered


def test_numbers_of_who_was_merged_hold_for_both_and_stay_their_own(services: Services) -> None:
    with services.write() as act:
        kept, gone = give(act.session), give(act.session, email="thabo@work.example")
        say(act, gone, *NATURAL)
        ids = whose(kept).donor_id, whose(gone).donor_id
    assert issue(services, kept.id).snapshot["class"] == "acknowledgement"
    number = merge_donors(services, "staff:1", *ids, "one person")
    with services.write() as act:
        stated = state_numbers(act, whose(kept))
        assert {one.gift_id for one in stated} == {kept.id, gone.id}
        assert len(list_of_donors(act.session, ids[:1])) == len(NATURAL)
    undo_merge(services, "staff:1", number)
    with services.write() as act:
        assert not list_numbers(act.session, whose(act.session.get_one(Gift, kept.id)))
        assert len(list_numbers(act.session, whose(act.session.get_one(Gift, gone.id)))) == 3
        merged = act.session.get_one(Donor, ids[1])
        merged.merged_into_id = ids[0]
        act.session.flush()
        forget_numbers(act.session, ids[:1])
        assert not act.session.scalars(sa.select(DonorNumber)).all()


def test_numbers_follow_who_is_corrected(services: Services) -> None:
    with services.write() as act:
        gift = give(act.session)
        say(act, gift, *NATURAL)
    issue(services, gift.id)
    with services.write("staff:1") as act:
        right = {"last_name": "Mokoena-Dube", "email": "dube@example.org"}
        locked = lock_gift(act.session, gift.id)
        [receipt] = correct_donor(act, locked, right, why="", replaces=True).receipts
        assert receipt.snapshot["class"] == "official"
        assert receipt.snapshot["donor"]["name"] == "Thabo Mokoena-Dube"
        donor = act.session.get_one(Donor, find_or_add_donor(act, "dube@example.org"))
        own = act.session.scalars(sa.select(DonorNumber.donor_id)).all()
    assert {*own} == {donor.id}


def test_a_years_receipt_says_them_too(services: Services) -> None:
    with services.write() as act:
        gifts = [give(act.session, minor) for minor in (100_11, 200_22)]
        say(act, gifts[0], *NATURAL)
        receipt = issue_yearly(act, [gift.id for gift in gifts])
    assert receipt is not None
    assert receipt.snapshot["class"] == "official"
    assert receipt.snapshot["amount_minor"] == 300_33
    assert "8001015009087" in json.dumps(receipt.snapshot["shown"])


def test_tax_offices_files_have_them(services: Services) -> None:
    with services.write() as act:
        gift = give(act.session, locale="fr")
        say(
            act, gift, NumberKind.ZA_INCOME_TAX, NumberKind.PHONE, NumberKind.PASSPORT, country="ZW"
        )
        many = [give(act.session, minor, locale="fr") for minor in (100_11, 200_22)]
        issue_yearly(act, [one.id for one in many])
        irish = give(act.session, 300_07, slug="ie")
        say(act, irish, NumberKind.IE_PPSN)
    issue(services, gift.id)
    issue(services, irish.id)
    with services.database.read() as session:
        found = {
            key: read_lines(session, services.settings, EXPORTS[key], issuer, [2026])
            for key, issuer in (
                (key, services.catalogue.regions[key].issuer) for key in ("za", "ie")
            )
        }
    filing = Filing("930012345", 2027, NOW)
    rows = EXPORTS["za"].rows(found["za"], filing)
    assert [row[-2] for row in rows] == ["100.11", "200.22", "250.37"]
    assert {row[5:11] for row in rows} == {
        ("Natural person", "Passport", "A01234567", "Zimbabwe", "", "0001339050")
    }
    [row] = EXPORTS["ie"].rows(found["ie"], replace(filing, year=2026))
    assert row == ("Thabo Mokoena", "1234567T", "300.07", "no")


def test_before_the_notice_nobody_is_asked(services: Services) -> None:
    here = services.catalogue.regions["za"]
    assert here.asked_on(date(2026, 2, 28)) == ()
    assert here.asked_on(NOW.date())[0].key == "za-18a"
