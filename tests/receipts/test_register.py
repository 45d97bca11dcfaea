"""The register proves itself, and finds what was done behind its back."""

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.receipts.register import (
    Receipt,
    ReceiptDocument,
    ReceiptGift,
    ReceiptSeries,
    read_label,
    verify_register,
)
from portal.receipts.rendering import render_receipt
from tests.receipts.samples import NOW, book_gift, issue
from tests.workplace import at


def problems(database: Database) -> list[str]:
    with database.read() as session:
        return verify_register(session)


def tamper(database: Database, table: str, *statements: sa.Executable) -> None:
    """Do what an intruder with the database's own rights could: lift the guards first."""
    with database.writer.begin() as connection:
        if database.is_sqlite:
            for operation in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS guard_{table}_{operation}")
        else:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            connection.execute(statement)


def test_empty_register_is_in_order(database: Database):
    assert problems(database) == []


def test_whole_register_is_in_order(database: Database):
    for _ in range(3):
        render_receipt(at(database, NOW), issue(database, book_gift(database)))
    assert problems(database) == []


def test_missing_numbers_are_named(database: Database):
    for _ in range(5):
        issue(database, book_gift(database))
    tamper(database, "receipt_gifts", sa.delete(ReceiptGift))
    tamper(database, "receipts", sa.delete(Receipt).where(Receipt.number.in_((2, 3, 5))))
    assert problems(database)[:2] == [
        "Series sample-ca 2026: numbers 2 to 3 are missing.",
        "Series sample-ca 2026: number 5 is missing.",
    ]


def test_series_that_was_set_back_is_named(database: Database):
    issue(database, book_gift(database))
    issue(database, book_gift(database))
    tamper(database, "receipt_series", sa.update(ReceiptSeries).values(last_number=1))
    assert "Series sample-ca 2026: number 2 is beyond the last one given out, 1." in (
        problems(database)
    )


def test_changed_document_is_named(database: Database):
    render_receipt(at(database, NOW), issue(database, book_gift(database)))
    tamper(database, "receipt_documents", sa.update(ReceiptDocument).values(pdf=b"%PDF-1.7"))
    assert problems(database) == ["The PDF of receipt 2026-000001 of sample-ca was changed."]


def test_changed_number_in_a_snapshot_is_named(database: Database):
    issue(database, book_gift(database))
    tamper(database, "receipts", sa.update(Receipt).values(snapshot={"number": "2026-000007"}))
    assert problems(database) == [
        "Receipt 2026-000001 of sample-ca says 2026-000007 in its snapshot."
    ]


def test_gifts_that_are_not_what_a_receipt_says_are_named(database: Database):
    issue(database, book_gift(database))
    issue(database, book_gift(database))
    tamper(
        database,
        "receipt_gifts",
        sa.update(ReceiptGift).where(ReceiptGift.receipt_id == 1).values(amount_minor=1),
        sa.update(ReceiptGift).where(ReceiptGift.receipt_id == 2).values(stands=False),
    )
    assert problems(database) == [
        "The gifts of receipt 2026-000001 of sample-ca are not what it says.",
        "The gifts of receipt 2026-000002 of sample-ca are not what it says.",
    ]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-000417", ("", 2026, 417)),
        ("  2026/417 ", ("", 2026, 417)),
        ("2026 000417", ("", 2026, 417)),
        ("2026 – 417", ("", 2026, 417)),
        ("No. 2026-000417", ("", 2026, 417)),
        ("Nº 2026-000417", ("", 2026, 417)),
        ("#2026-417", ("", 2026, 417)),
        ("or-2026-000417", ("OR", 2026, 417)),
        ("2026", None),
        ("2026000417", ("", 2026, 417)),
        ("20260417", None),
        ("417", None),
        ("Mary 417", None),
        ("２０２６-417", None),
        ("", None),
    ],
)
def test_number_is_read_however_it_is_quoted(text: str, read: tuple[str, int, int] | None) -> None:
    assert read_label(text) == read
