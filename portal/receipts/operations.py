"""Writing receipts: a number with its snapshot, the PDF, the letter, and cancelling one."""

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, make_transient_to_detached

from portal.database import Document, count_on, insert_new, table_of
from portal.gifts.lifecycle import EventKind, FactKind
from portal.gifts.models import Evidence, Gift
from portal.gifts.operations import record_event
from portal.i18n import gettext, use_locale
from portal.mail import LetterKind, deliver, mark_noted, register_email
from portal.receipts.composition import (
    VOID,
    Marking,
    address_lines,
    compose_snapshot,
    issue_day,
    receipt_mark,
    write_day,
    write_marking,
    write_money,
)
from portal.receipts.letters import write_receipt_letter
from portal.receipts.models import Receipt, ReceiptDocument, ReceiptSeries, write_label
from portal.receipts.pdf import render_pdf
from portal.receipts.register import find_receipt, find_receipts
from portal.regions.catalogue import Region
from portal.services import Act, Services


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


_ADD = sa.insert(table_of(Receipt)).returning(Receipt.id)


def _add(session: Session, row: Document) -> Receipt:
    """The row as an object of this session, without the unit of work's cost."""
    receipt = Receipt(id=session.execute(_ADD, row).scalar_one(), **row)
    make_transient_to_detached(receipt)
    session.add(receipt)
    return receipt


def _next_number(session: Session, issuer: str, year: int) -> int:
    """One more in a series; the row stays locked until the transaction ends."""
    first = {"issuer": issuer, "year": year, "last_number": 1}
    return count_on(session, ReceiptSeries, "last_number", first)


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeping a gift's receipts true did: a receipt to send, and one that was cancelled."""

    numbered: Receipt | None = None
    cancelled: Receipt | None = None


def keep_receipt(act: Act, gift: Gift, region: Region) -> Kept:
    """Let the receipt that stands say what was received, and let none stand for nothing.

    A wrong amount spoils a receipt: it is cancelled, and another one replaces it.
    """
    standing, cancelled = find_receipts(act.session, gift.id)
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


REPLACED = "Another amount was received; a new receipt replaces it."
TAKEN_BACK = "The payment it acknowledged was not for this gift, or was returned."


def void_receipt(act: Act, receipt: Receipt, reason: str) -> None:
    """Cancel a receipt; it keeps its number, snapshot and document for ever."""
    if receipt.voided_at is None:
        receipt.voided_at, receipt.void_reason = act.now, reason
        act.session.flush()


def render_receipt(services: Services, receipt_id: int, *, mark: str = "") -> bytes:
    """The PDF of a receipt, as first rendered; a marked copy is made from the same snapshot.

    `mark` comes from `receipt_mark(gift)`; a cancelled receipt is marked so in any case.
    """
    with services.database.read() as session:
        receipt = session.get_one(Receipt, receipt_id)
        stored = session.get(ReceiptDocument, (receipt_id, ""))
        mark = VOID if receipt.voided_at else mark
        marking = _write_marking(session, receipt, mark) if mark else None
    if marking is not None:
        return render_pdf(receipt.snapshot, marking)
    if stored is not None:
        return stored.pdf
    return _keep_document(services, receipt)


def _keep_document(services: Services, receipt: Receipt) -> bytes:
    """Render the receipt and store it, unless another process was quicker."""
    pdf = render_pdf(receipt.snapshot)
    row = {
        "receipt_id": receipt.id,
        "mark": "",
        "sha256": hashlib.sha256(pdf).hexdigest(),
        "pdf": pdf,
        "rendered_at": services.now(),
    }
    with services.database.write() as session:
        insert_new(session, ReceiptDocument, row)
        return session.get_one(ReceiptDocument, (receipt.id, "")).pdf


# Which evidence dates a mark.
_DATED_BY = {
    "refunded": (FactKind.REFUNDED,),
    "partly_refunded": (FactKind.REFUNDED, FactKind.DISPUTE_LOST),
    "charged_back": (FactKind.DISPUTE_LOST,),
}


def _write_marking(session: Session, receipt: Receipt, mark: str) -> Marking:
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


def send_receipt(
    services: Services, receipt_id: int, *, again: str = "", actor: str = "system"
) -> None:
    """Send a receipt to its giver with the PDF: once, and once more for each name in `again`.

    It goes to the gift's address as it is now. Safe to repeat after a crash; does nothing for a
    cancelled receipt or a gift without an address. Raises `portal.mail.MailNotSent`.
    """
    with services.database.read() as session:
        receipt = session.get_one(Receipt, receipt_id)
        gift = session.get(Gift, receipt.gift_id)
    if receipt.voided_at is not None or gift is None or not gift.email:
        return
    mark = receipt_mark(gift)
    pdf = render_receipt(services, receipt_id, mark=mark)
    letter = write_receipt_letter(services.settings, receipt, gift, pdf, is_marked=bool(mark))
    key = f"receipt-{receipt_id}-{again}" if again else f"receipt-{receipt_id}"
    with services.database.write() as session:
        email = register_email(
            session,
            key,
            letter,
            message=LetterKind.RECEIPT,
            locale=receipt.locale,
            now=services.now(),
            gift_id=gift.id,
        )
    deliver(services.database, services.settings, email.id, letter, services.now())
    with services.write(actor) as act:
        if mark_noted(act.session, email.id, act.now):
            data = {"receipt": receipt.label, "email": key}
            record_event(act, gift, EventKind.RECEIPT_SENT, actor=act.actor, data=data)


CORRECTED = "What it says of the giver was corrected; a new document replaces it."


def is_outdated(receipt: Receipt, gift: Gift, region: Region) -> bool:
    """Whether the face says something else of the giver, or in another language, than the gift."""
    right = {"name": gift.name, "address": address_lines(gift, region.issuer.country)}
    return receipt.locale != gift.locale or receipt.snapshot["donor"] != right


def correct_receipt(act: Act, gift: Gift, region: Region) -> Receipt | None:
    """The number a corrected giver gets: a first one, or one in place of an outdated receipt.

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
