"""Gapless numbers: whatever fails or runs at once, every number is a receipt."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.driver import count_up
from portal.gifts.operations import lock_gift
from portal.receipts.explaining import find_numbered
from portal.receipts.operations import reserve_receipt, void_receipt
from portal.receipts.register import (
    Receipt,
    ReceiptGift,
    ReceiptSeries,
    find_receipt,
    list_receipts,
    read_label,
    verify_register,
)
from portal.regions.files import RegionError, parse_region, read_region_documents
from tests.receipts.samples import NOW, book_gift, issue, official_region, region
from tests.workplace import act_in

THREADS = 8


class Unlucky(Exception):
    """Something after the reservation went wrong."""


def labels(database: Database) -> list[str]:
    with database.read() as session:
        return [receipt.label for receipt in session.scalars(sa.select(Receipt).order_by("number"))]


def test_numbers_follow_one_another(database: Database):
    for _ in range(3):
        issue(database, book_gift(database))
    assert labels(database) == ["2026-000001", "2026-000002", "2026-000003"]


def test_snapshot_bears_the_number(database: Database):
    receipt_id = issue(database, book_gift(database))
    with database.read() as session:
        assert session.get_one(Receipt, receipt_id).snapshot["number"] == "2026-000001"


def test_gift_has_one_standing_receipt(database: Database):
    gift_id = book_gift(database)
    assert issue(database, gift_id) == issue(database, gift_id)
    assert labels(database) == ["2026-000001"]


def test_unknown_donor_gets_no_receipt_and_takes_no_number(database: Database):
    nobody = book_gift(database, first_name="", last_name="", email="")
    with database.write() as session:
        assert reserve_receipt(act_in(session, NOW), lock_gift(session, nobody), region()) is None
    issue(database, book_gift(database))
    assert labels(database) == ["2026-000001"]


def test_a_scheme_may_have_a_series_of_its_own(database: Database):
    here = official_region("ca")
    apart = replace(here, official=(replace(here.official[0], series="OR"),))
    for address in ("12 rue Saint-Paul Ouest", "", "12 rue Saint-Paul Ouest"):
        gift_id = book_gift(database, address_line1=address)
        with database.write() as session:
            reserve_receipt(act_in(session, NOW), lock_gift(session, gift_id), apart)
    with database.read() as session:
        receipts = session.scalars(sa.select(Receipt).order_by(Receipt.id)).all()
        assert [one.label for one in receipts] == [
            "OR-2026-000001",
            "2026-000001",
            "OR-2026-000002",
        ]
        assert [one.snapshot["number"] for one in receipts] == [one.label for one in receipts]
        assert verify_register(session) == []
        found = find_numbered(session, *numbered("or 2026 2"))
    assert [one.id for one in found] == [receipts[-1].id]
    with pytest.raises(RegionError, match="capital letters"):
        parse_official(series="18a")


def numbered(text: str) -> tuple[int, int, str]:
    found = read_label(text)
    assert found is not None
    return found[1], found[2], found[0]


def parse_official(**said: str) -> None:
    document = read_region_documents()["ca.toml"]
    parse_region({**document, "official": [{**document["official"][0], **said}]}, "ca")


def reserve_and_fail(database: Database, gift_id: int) -> None:
    with database.write() as session:
        assert (
            reserve_receipt(act_in(session, NOW), lock_gift(session, gift_id), region()) is not None
        )
        raise Unlucky


def test_reservation_that_is_undone_leaves_no_gap(database: Database):
    issue(database, book_gift(database))
    unlucky = book_gift(database)
    with pytest.raises(Unlucky):
        reserve_and_fail(database, unlucky)
    issue(database, book_gift(database))
    assert labels(database) == ["2026-000001", "2026-000002"]


def test_issuers_and_years_count_apart(database: Database):
    issue(database, book_gift(database))
    issue(database, book_gift(database, slug="gb"))
    issue(database, book_gift(database), datetime(2027, 1, 2, 12, tzinfo=UTC))
    with database.read() as session:
        found = session.execute(sa.select(Receipt.issuer, Receipt.year, Receipt.number)).all()
    ca, gb = region("ca").issuer.key, region("gb").issuer.key
    assert sorted(map(tuple, found)) == sorted([(ca, 2026, 1), (ca, 2027, 1), (gb, 2026, 1)])


def test_year_turns_at_midnight_of_the_issuer(database: Database):
    before = datetime(2027, 1, 1, 4, 59, tzinfo=UTC)
    after = datetime(2027, 1, 1, 5, 0, tzinfo=UTC)
    issue(database, book_gift(database), before)
    issue(database, book_gift(database), after)
    assert labels(database) == ["2026-000001", "2027-000001"]


def test_many_at_once_leave_no_gap_and_no_double(database: Database):
    gift_ids = [book_gift(database) for _ in range(24)]

    def reserve(gift_id: int) -> int | None:
        try:
            with database.write() as session:
                gift = lock_gift(session, gift_id)
                receipt = reserve_receipt(act_in(session, NOW), gift, region())
                if gift_id % 5 == 0:
                    raise Unlucky
                assert receipt is not None
                return receipt.id
        except Unlucky:
            return None

    with ThreadPoolExecutor(THREADS) as pool:
        booked = [one for one in pool.map(reserve, gift_ids + gift_ids) if one is not None]
    lucky = sum(gift_id % 5 != 0 for gift_id in gift_ids)
    assert len(set(booked)) == lucky
    assert labels(database) == [f"2026-{number:06d}" for number in range(1, lucky + 1)]


def test_cancelled_receipt_keeps_its_number_and_makes_room_for_another(database: Database):
    gift_id = book_gift(database)
    first = issue(database, gift_id)
    with database.write() as session:
        void_receipt(act_in(session, NOW), session.get_one(Receipt, first), "Wrong name")
    second = issue(database, gift_id)
    with database.read() as session:
        assert [(one.label, one.void_reason) for one in list_receipts(session, gift_id)] == [
            ("2026-000001", "Wrong name"),
            ("2026-000002", ""),
        ]
        standing = find_receipt(session, gift_id)
    assert standing is not None
    assert standing.id == second


@pytest.mark.parametrize(
    "change",
    [{"snapshot": {}}, {"number": 9}, {"gift_id": 9}],
    ids=["snapshot", "number", "gift"],
)
def test_database_itself_refuses_to_change_a_receipt(database: Database, change: dict[str, Any]):
    issue(database, book_gift(database))
    with pytest.raises(sa.exc.DBAPIError), database.writer.begin() as connection:
        connection.execute(sa.update(Receipt).values(**change))


def add_collective(database: Database, gift_ids: list[int]) -> int:
    """A receipt that covers gifts of 75.50 each, by rows alone."""
    with database.write() as session:
        first = {"issuer": "sample-ca", "year": 2026, "series": "", "last_number": 1}
        number = count_up(session, ReceiptSeries, "last_number", first)
        receipt = Receipt(
            issuer="sample-ca",
            year=2026,
            number=number,
            gift_id=None,
            snapshot={"amount_minor": 7550 * len(gift_ids), "currency": "CAD"},
            locale="en_CA",
            reserved_at=NOW,
        )
        session.add(receipt)
        session.flush()
        for gift_id in gift_ids:
            session.add(
                ReceiptGift(receipt_id=receipt.id, gift_id=gift_id, amount_minor=7550, stands=True)
            )
        return receipt.id


def test_receipt_of_one_gift_says_which_and_how_much(database: Database):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    with database.read() as session:
        covered = session.get_one(ReceiptGift, (receipt_id, gift_id))
    assert (covered.amount_minor, covered.stands) == (7550, True)


def test_gift_is_never_on_two_receipts_that_stand(database: Database):
    first, second = book_gift(database), book_gift(database)
    both = add_collective(database, [first, second])
    for again in ([first], [second, book_gift(database)]):
        with pytest.raises(sa.exc.IntegrityError):
            add_collective(database, again)
    # Neither on one of its own: the one that stands is found instead.
    assert issue(database, first) == both
    with database.write() as session:
        void_receipt(act_in(session, NOW), session.get_one(Receipt, both), "Wrong name")
    assert issue(database, first) != both
    assert issue(database, second) != both
    with database.read() as session:
        stands = session.execute(
            sa.select(ReceiptGift.receipt_id).where(ReceiptGift.stands)
        ).scalars()
        assert both not in set(stands)
