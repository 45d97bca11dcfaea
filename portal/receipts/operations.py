"""Writing receipts: a number with its snapshot, the PDF, and cancelling one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from portal.database import Document, insert_new, table_of
from portal.driver import add, ask, count_up, hold
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence, Gift
from portal.i18n import gettext, use_locale
from portal.logs import get_logger
from portal.receipts.composition import (
    VOID,
    Marking,
    address_lines,
    compose_snapshot,
    issue_day,
    write_day,
    write_marking,
    write_money,
)
from portal.receipts.pdf import render_pdf
from portal.receipts.register import (
    MARK_LENGTH,
    Receipt,
    ReceiptDocument,
    ReceiptSeries,
    find_receipt,
    find_receipts,
    say_how_to_verify,
    write_label,
)
from portal.regions.branding import find_picture
from portal.regions.catalogue import Region
from portal.services import Act, Services

log = get_logger()


def reserve_receipt(act: Act, gift: Gift, region: Region) -> Receipt | None:
    """The gift's receipt, numbered in this transaction if it has none that stands.

    None where nobody knows who gave: an unknown donor gets no receipt (Canada's Income Tax
    Regulations 3501(1) and good sense elsewhere). The number is the next of the issuer's
    series for the year of issue in the issuer's own zone; undone with the transaction, so
    that the series has no gaps. It replaces one of this gift's that was cancelled.
    """
    if not gift.name:
        return None
    standing, cancelled = find_receipts(act.session, gift.id)
    if standing is not None:
        return standing
    return _number(act, gift, region, replaces=cancelled.label if cancelled else "")


def _number(act: Act, gift: Gift, region: Region, *, replaces: str) -> Receipt:
    issuer, year = region.issuer, issue_day(region.issuer.timezone, act.now).year
    number = _next_number(act.session, issuer.key, year)
    snapshot = {
        **compose_snapshot(gift, region, act.now, replaces),
        "number": write_label(year, number),
        **say_how_to_verify(act.services.settings, issuer.key, write_label(year, number)),
    }
    return _add(
        act.session,
        {
            "issuer": issuer.key,
            "year": year,
            "number": number,
            "gift_id": gift.id,
            "snapshot": snapshot,
            "locale": gift.locale,
            "reserved_at": act.now,
            "voided_at": None,
            "void_reason": "",
        },
    )


def _add(session: Session, row: Document) -> Receipt:
    """The row as an object of this session, without the unit of work's cost."""
    ((receipt_id,),) = add(session, Receipt, row, returning="id").rows()
    return hold(session, Receipt, {"id": receipt_id, **row})


def _next_number(session: Session, issuer: str, year: int) -> int:
    """One more in a series; the row stays locked until the transaction ends."""
    first = {"issuer": issuer, "year": year, "last_number": 1}
    return count_up(session, ReceiptSeries, "last_number", first)


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeping a gift's receipts true did: a receipt to send, and one that was cancelled."""

    numbered: Receipt | None = None
    cancelled: Receipt | None = None


def keep_receipt(act: Act, gift: Gift, region: Region, *, is_first: bool = False) -> Kept:
    """Let the receipt that stands say what was received, and let none stand for nothing.

    A wrong amount spoils a receipt: it is cancelled, and another one replaces it. `is_first`
    where it was seen, since the gift was locked, that it never had one.
    """
    standing, cancelled = (None, None) if is_first else find_receipts(act.session, gift.id)
    is_due = gift.status.is_received and gift.paid_minor > 0 and bool(gift.name)
    if standing is None:
        label = cancelled.label if cancelled else ""
        return Kept(_number(act, gift, region, replaces=label) if is_due else None)
    if is_due and standing.money == gift.received:
        return Kept()
    with use_locale(standing.locale):
        reason = gettext(REPLACED if is_due else TAKEN_BACK)
    void_receipt(act, standing, reason)
    if not is_due:
        return Kept(cancelled=standing)
    return Kept(_number(act, gift, region, replaces=standing.label), standing)


REPLACED = "Another amount was received; a new document replaces it."
TAKEN_BACK = "The payment it acknowledged was not for this gift, or was returned."


def void_receipt(act: Act, receipt: Receipt, reason: str) -> None:
    """Cancel a receipt; it keeps its number, snapshot and document for ever."""
    if receipt.voided_at is None:
        void = {"voided_at": act.now, "void_reason": reason}
        ask(act.session, _VOID, {"wanted": receipt.id, **void})
        for name, value in void.items():
            set_committed_value(receipt, name, value)


_RECEIPTS = table_of(Receipt)
_VOID = (
    sa.update(_RECEIPTS)
    .where(_RECEIPTS.c.id == sa.bindparam("wanted"))
    .values(voided_at=sa.bindparam("voided_at"), void_reason=sa.bindparam("void_reason"))
)


def render_receipt(services: Services, receipt_id: int, *, mark: str = "") -> bytes:
    """The PDF of a receipt, as first rendered; a marked copy is made from the same snapshot.

    `mark` comes from `receipt_mark(gift)`; a cancelled receipt is marked so in any case.
    """
    with services.database.read() as session:
        receipt = session.get_one(Receipt, receipt_id)
        mark = VOID if receipt.voided_at else mark
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


def write_mark(session: Session, receipt: Receipt, mark: str) -> Marking:
    """The mark in words: since when, and how much, by what is booked of the gift now."""
    snapshot = receipt.snapshot
    gift = session.get(Gift, receipt.gift_id)
    given = receipt.money
    at = receipt.voided_at
    if mark in _DATED_BY:
        at = session.scalar(
            sa.select(sa.func.max(Evidence.occurred_at)).where(
                Evidence.gift_id == receipt.gift_id, Evidence.fact.in_(_DATED_BY[mark])
            )
        )
    # A bank may take more than was left: the receipt's amount is all that it can unsay.
    amount = min(gift.refunded, given) if gift is not None and mark in _DATED_BY else given
    day = issue_day(snapshot["issuer"]["timezone"], at or receipt.reserved_at)
    with use_locale(receipt.locale):
        return write_marking(
            mark,
            day=write_day(day, receipt.locale),
            amount=write_money(amount, receipt.locale),
            reason=receipt.void_reason,
        )


CORRECTED = "What it says of the donor was corrected; a new document replaces it."


def is_outdated(receipt: Receipt, gift: Gift, region: Region) -> bool:
    """Whether the face says something else of the donor, or in another language, than the gift."""
    right = {"name": gift.name, "address": address_lines(gift, region.issuer.country)}
    return receipt.locale != gift.locale or receipt.snapshot["donor"] != right


def correct_receipt(act: Act, gift: Gift, region: Region) -> Receipt | None:
    """The number a corrected donor gets: a first one, or one in place of an outdated receipt.

    The gift must be locked. None where nothing is due, or the face has no fault.
    """
    if not (gift.status.is_received and gift.paid_minor > 0 and gift.name):
        return None
    standing = find_receipt(act.session, gift.id)
    if standing is not None:
        if not is_outdated(standing, gift, region):
            return None
        with use_locale(standing.locale):
            void_receipt(act, standing, gettext(CORRECTED))
    return reserve_receipt(act, gift, region)
