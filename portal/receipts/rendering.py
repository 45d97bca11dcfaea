"""Receipts as documents: rendered once, sealed and kept, and marked by what happened since."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Document, insert_new
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence, Gift
from portal.i18n import gettext, use_locale
from portal.logs import get_logger
from portal.receipts.composition import (
    VOID,
    Marking,
    issue_day,
    write_day,
    write_marking,
    write_money,
)
from portal.receipts.pdf import render_pdf
from portal.receipts.register import MARK_LENGTH, Receipt, ReceiptDocument
from portal.regions.branding import find_picture
from portal.services import Services

log = get_logger()


def render_receipt(services: Services, receipt_id: int, *, mark: str = "") -> bytes:
    """The PDF of a receipt, as first rendered; a marked copy is made from the same snapshot.

    `mark` comes from `receipt_mark(gift)`; a cancelled receipt is marked so in any case.
    """
    with services.database.read() as session:
        receipt = session.get_one(Receipt, receipt_id)
        # One of many gifts bears no mark of one of them: finance replaces it.
        mark = VOID if receipt.voided_at else mark if receipt.gift_id is not None else ""
        marking = write_mark(session, receipt, mark) if mark else None
    return render_receipts(services, [receipt], marking)[receipt_id]


def render_receipts(
    services: Services, receipts: Sequence[Receipt], marking: Marking | None = None
) -> dict[int, bytes]:
    """The PDFs of receipts as first rendered, unmarked or all with one mark, by their ids.

    What was never rendered is sealed and kept, unless another process was quicker.
    """
    ids, mark, now = [receipt.id for receipt in receipts], name_copy(marking), services.now()
    with services.database.read() as session:
        stored = _list_documents(session, ids, mark)
        unwritten = [one for one in receipts if one.id not in stored]
        signatures = _list_signatures(session, unwritten)
    plain = {one.id: render_pdf(one.snapshot, marking, signatures[one.id]) for one in unwritten}
    fresh = {one.id: seal_document(services, plain[one.id], one.locale, now) for one in unwritten}
    if fresh:
        with services.database.write() as session:
            rows = [_document_row(one, mark, pdf, now) for one, pdf in fresh.items()]
            kept = insert_new(session, ReceiptDocument, *rows)
            stored |= fresh
            if len(kept) < len(fresh):
                stored |= _list_documents(session, ids, mark)
    return stored


def name_copy(marking: Marking | None) -> str:
    """What a copy with these words is kept under; empty for a document without a mark."""
    if marking is None:
        return ""
    return hashlib.sha256(f"{marking.title}\n{marking.text}".encode()).hexdigest()[:MARK_LENGTH]


def seal_document(services: Services, pdf: bytes, locale: str, now: datetime) -> bytes:
    """A new document with the installation's seal; as it is where there is no key to seal with.

    `now` is when it was rendered; `locale` is what it speaks.

    A key that can't be used is no reason to leave a donor without a document: it is logged, and
    `portal doctor` says what is wrong with it.
    """
    settings = services.settings
    if not settings.seal_path.exists():
        return pdf
    # Imported here: its cryptography is 30 MiB that a web process needs only once it seals.
    from portal.receipts.seal import find_sealer  # noqa: PLC0415
    from portal.receipts.seal_key import SealUnusable  # noqa: PLC0415

    with use_locale(locale):
        title = gettext("Seal of who issued this document")
    try:
        sealer = find_sealer(settings.seal_path, settings.seal_tsa_url)
        return sealer.seal(pdf, now, title)
    except SealUnusable as error:
        log.error("seal_unusable", error=str(error))
        return pdf


def _list_signatures(session: Session, receipts: Sequence[Receipt]) -> dict[int, bytes]:
    """The pictures that stand on receipts, by their ids; empty where there is none."""
    named = {one.id: one.snapshot["issuer"].get("signature", "") for one in receipts}
    found = {name: find_picture(session, name) for name in {*named.values()}}
    pictures = {name: picture.content if picture else b"" for name, picture in found.items()}
    return {receipt_id: pictures[name] for receipt_id, name in named.items()}


def _list_documents(session: Session, ids: Sequence[int], mark: str) -> dict[int, bytes]:
    rows = session.execute(_DOCUMENTS, {"ids": ids, "copy": mark})
    return {row.receipt_id: row.pdf for row in rows}


_DOCUMENTS = sa.select(ReceiptDocument.receipt_id, ReceiptDocument.pdf).where(
    ReceiptDocument.receipt_id.in_(sa.bindparam("ids", expanding=True)),
    ReceiptDocument.mark == sa.bindparam("copy"),
)


def _document_row(receipt_id: int, mark: str, pdf: bytes, now: datetime) -> Document:
    return {
        "receipt_id": receipt_id,
        "mark": mark,
        "sha256": hashlib.sha256(pdf).hexdigest(),
        "pdf": pdf,
        "rendered_at": now,
    }


# Which evidence dates a mark.
_DATED_BY = {
    "refunded": (FactKind.REFUNDED,),
    "partly_refunded": (FactKind.REFUNDED, FactKind.DISPUTE_LOST),
    "charged_back": (FactKind.DISPUTE_LOST,),
}


def write_mark(session: Session, receipt: Receipt, mark: str) -> Marking | None:
    """The mark in words: since when, and how much, by what is booked of the gift now.

    None where all that went back was left out of the receipt when it was issued.
    """
    snapshot = receipt.snapshot
    gift = session.get(Gift, receipt.gift_id) if receipt.gift_id else None
    given = receipt.money
    at = receipt.voided_at
    if mark in _DATED_BY:
        at = session.scalar(
            sa.select(sa.func.max(Evidence.occurred_at)).where(
                Evidence.gift_id == receipt.gift_id, Evidence.fact.in_(_DATED_BY[mark])
            )
        )
    # A bank may take more than was left: the receipt's amount is all that it can unsay.
    amount = given
    if gift is not None and mark in _DATED_BY:
        amount = min(gift.refunded - receipt.returned, given)
    if amount.minor <= 0:
        return None
    day = issue_day(snapshot["issuer"]["timezone"], at or receipt.reserved_at)
    with use_locale(receipt.locale):
        return write_marking(
            mark,
            day=write_day(day, receipt.locale),
            amount=write_money(amount, receipt.locale),
            reason=receipt.void_reason,
        )
