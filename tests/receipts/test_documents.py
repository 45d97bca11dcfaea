"""The stored document, and what is written across it when a gift did not stay."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import sqlalchemy as sa
from pypdf import PdfReader

from portal.database import Database
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.money import Money
from portal.receipts.composition import receipt_mark
from portal.receipts.operations import void_receipt
from portal.receipts.register import Receipt, ReceiptDocument
from portal.receipts.rendering import render_receipt
from tests.receipts.samples import NOW, book_gift, claim, issue
from tests.workplace import act_in, at


def text_of(pdf: bytes) -> str:
    pages = PdfReader(io.BytesIO(pdf)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def download(database: Database, gift_id: int, receipt_id: int) -> str:
    """What the donor gets from the gift's page now."""
    with database.read() as session:
        mark = receipt_mark(session.get_one(Gift, gift_id))
    return text_of(render_receipt(at(database, NOW), receipt_id, mark=mark))


def test_document_is_rendered_once_and_kept(database: Database):
    receipt_id = issue(database, book_gift(database))
    first = render_receipt(at(database, NOW), receipt_id)
    assert render_receipt(at(database, NOW + timedelta(days=400)), receipt_id) == first
    with database.read() as session:
        stored = session.scalars(sa.select(ReceiptDocument)).one()
    assert stored.pdf == first
    assert stored.rendered_at == NOW


def test_first_download_by_many_keeps_one_document(database: Database):
    receipt_id = issue(database, book_gift(database))
    with ThreadPoolExecutor(6) as pool:
        copies = set(pool.map(lambda _: render_receipt(at(database, NOW), receipt_id), range(12)))
    assert len(copies) == 1


def test_refunded_gift_downloads_a_marked_copy(database: Database):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    clean = download(database, gift_id, receipt_id)
    claim(database, gift_id, FactKind.REFUNDED, "re_1", Money(7550, "CAD"))
    marked = download(database, gift_id, receipt_id)
    assert "REFUNDED" not in clean
    assert "REFUNDED" in marked
    assert "refunded in full, $75.50 CAD, on November 19, 2026" in marked


def test_partial_refunds_are_added_up(database: Database):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    claim(database, gift_id, FactKind.REFUNDED, "re_1", Money(1000, "CAD"))
    assert "PARTLY REFUNDED $10.00 CAD of this gift" in download(database, gift_id, receipt_id)
    claim(database, gift_id, FactKind.REFUNDED, "re_2", Money(500, "CAD"))
    assert "PARTLY REFUNDED $15.00 CAD of this gift" in download(database, gift_id, receipt_id)


def test_refund_that_failed_leaves_a_clean_receipt(database: Database):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    claim(database, gift_id, FactKind.REFUNDED, "re_1", Money(7550, "CAD"))
    claim(database, gift_id, FactKind.REFUND_FAILED, "re_1", Money(7550, "CAD"))
    assert "REFUNDED" not in download(database, gift_id, receipt_id)


def test_payment_taken_back_by_the_bank_is_marked(database: Database):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    claim(database, gift_id, FactKind.DISPUTE_LOST, "dp_1", Money(7550, "CAD"))
    assert "PAYMENT REVERSED" in download(database, gift_id, receipt_id)


def test_part_taken_by_the_bank_is_marked_with_what_went_back(database: Database):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    claim(database, gift_id, FactKind.DISPUTE_LOST, "dp_1", Money(1000, "CAD"))
    text = download(database, gift_id, receipt_id)
    assert "$10.00 CAD of this gift went back to its donor, most recently on November 19" in text
    assert "PAYMENT REVERSED" not in text
    claim(database, gift_id, FactKind.REFUNDED, "re_1", Money(500, "CAD"))
    assert "$15.00 CAD of this gift went back" in download(database, gift_id, receipt_id)


def test_part_refunded_is_marked_while_the_rest_is_disputed(database: Database):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    claim(database, gift_id, FactKind.REFUNDED, "re_1", Money(6795, "CAD"))
    claim(database, gift_id, FactKind.DISPUTE_OPENED, "dp_1", Money(755, "CAD"))
    assert "$67.95 CAD of this gift went back" in download(database, gift_id, receipt_id)


def test_mark_of_a_gift_taken_back_names_no_more_than_the_receipt(database: Database):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    claim(database, gift_id, FactKind.REFUNDED, "re_1", Money(1000, "CAD"))
    claim(database, gift_id, FactKind.DISPUTE_LOST, "dp_1", Money(7550, "CAD"))
    text = download(database, gift_id, receipt_id)
    assert "PAYMENT REVERSED All of this gift, $75.50 CAD, went back" in text


def test_cancelled_receipt_never_downloads_clean(database: Database):
    receipt_id = issue(database, book_gift(database))
    render_receipt(at(database, NOW), receipt_id)
    with database.write() as session:
        void_receipt(act_in(session, NOW), session.get_one(Receipt, receipt_id), "Wrong name.")
    text = text_of(render_receipt(at(database, NOW), receipt_id))
    assert "CANCELLED" in text
    assert "Wrong name." in text


def test_mark_leaves_the_stored_document_as_it_was(database: Database):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    clean = render_receipt(at(database, NOW), receipt_id)
    claim(database, gift_id, FactKind.REFUNDED, "re_1", Money(7550, "CAD"))
    download(database, gift_id, receipt_id)
    with database.read() as session:
        kept = {one.mark: one.pdf for one in session.scalars(sa.select(ReceiptDocument))}
    assert kept.pop("") == clean
    [marked] = kept.values()
    assert "REFUNDED" in text_of(marked)
