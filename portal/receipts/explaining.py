"""One number of the register explained: for what, by whom, where it went, and what became of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence, Gift
from portal.mail.outbox import Email
from portal.money import Money
from portal.receipts.actions import ReceiptAction
from portal.receipts.register import Receipt, ReceiptDocument, ReceiptGift
from portal.receipts.runs import ReceiptRun, ReceiptRunItem
from portal.services import AuditEntry

WENT_BACK = (FactKind.REFUNDED, FactKind.DISPUTE_LOST)


@dataclass(frozen=True, slots=True)
class Covered:
    """A gift on a receipt, with so much of it, and what went back since it was issued."""

    gift: Gift
    money: Money
    back: Sequence[tuple[datetime, Money]]


@dataclass(frozen=True, slots=True)
class Explained:
    """All that is known of one number.

    `run` is where it was issued in bulk; else it was with its gift's booking. `letters` are the
    first one and each duplicate, `documents` hashes without bytes, `acts` what staff did to it.
    """

    receipt: Receipt
    gifts: Sequence[Covered]
    run: ReceiptRun | None
    letters: Sequence[Email]
    documents: Sequence[ReceiptDocument]
    replaces: Sequence[Receipt]
    replaced_by: Sequence[Receipt]
    actions: Sequence[ReceiptAction]
    acts: Sequence[AuditEntry]


def find_numbered(
    session: Session, year: int, number: int, series: str = "", issuer: str = ""
) -> Sequence[Receipt]:
    """The receipts of a number: one an issuer, or the one of `issuer`."""
    wanted = sa.select(Receipt).where(
        Receipt.year == year, Receipt.number == number, Receipt.series == series
    )
    if issuer:
        wanted = wanted.where(Receipt.issuer == issuer)
    return session.scalars(wanted.order_by(Receipt.issuer)).all()


def explain(session: Session, receipt: Receipt) -> Explained:
    """Gather what is known of a receipt."""
    gifts = list(_list_covered(session, receipt))
    key = f"receipt-{receipt.id}"
    run = sa.select(ReceiptRun).join(ReceiptRunItem, ReceiptRunItem.run_id == ReceiptRun.id)
    letters = sa.select(Email).where(sa.or_(Email.key == key, Email.key.startswith(f"{key}-")))
    documents = sa.select(ReceiptDocument).where(ReceiptDocument.receipt_id == receipt.id)
    return Explained(
        receipt=receipt,
        gifts=gifts,
        run=session.scalar(run.where(ReceiptRunItem.receipt_id == receipt.id)),
        letters=session.scalars(letters.order_by(Email.id)).all(),
        documents=session.scalars(
            documents.options(sa.orm.defer(ReceiptDocument.pdf)).order_by(ReceiptDocument.mark)
        ).all(),
        replaces=_list_before(session, receipt) if receipt.snapshot.get("replaces") else (),
        replaced_by=_list_after(session, receipt) if receipt.voided_at else (),
        actions=session.scalars(
            sa.select(ReceiptAction)
            .where(ReceiptAction.receipt_id == receipt.id)
            .order_by(ReceiptAction.id)
        ).all(),
        acts=session.scalars(
            sa.select(AuditEntry)
            .where(AuditEntry.subject == f"receipt:{receipt.id}")
            .order_by(AuditEntry.id)
        ).all(),
    )


def _list_covered(session: Session, receipt: Receipt) -> Iterator[Covered]:
    rows = session.execute(
        sa.select(Gift, ReceiptGift.amount_minor)
        .join(ReceiptGift, ReceiptGift.gift_id == Gift.id)
        .where(ReceiptGift.receipt_id == receipt.id)
        .order_by(Gift.received_on, Gift.id)
    ).all()
    back = session.scalars(
        sa.select(Evidence)
        .where(
            Evidence.gift_id.in_([gift.id for gift, _ in rows]),
            Evidence.fact.in_(WENT_BACK),
            Evidence.recorded_at > receipt.reserved_at,
        )
        .order_by(Evidence.id)
    ).all()
    for gift, minor in rows:
        own = [
            (one.occurred_at, Money(one.amount_minor or 0, gift.currency))
            for one in back
            if one.gift_id == gift.id
        ]
        yield Covered(gift, Money(minor, gift.currency), own)


def _sharing(receipt: Receipt) -> sa.Select[Receipt]:
    """Other receipts over any of the same gifts."""
    own = sa.select(ReceiptGift.gift_id).where(ReceiptGift.receipt_id == receipt.id)
    others = sa.select(ReceiptGift.receipt_id).where(ReceiptGift.gift_id.in_(own))
    return sa.select(Receipt).where(Receipt.id.in_(others), Receipt.id != receipt.id)


def _list_before(session: Session, receipt: Receipt) -> Sequence[Receipt]:
    """The one that it names as cancelled: the last before it."""
    before = _sharing(receipt).where(Receipt.id < receipt.id, Receipt.voided_at.is_not(None))
    return session.scalars(before.order_by(Receipt.id.desc()).limit(1)).all()


def _list_after(session: Session, receipt: Receipt) -> Sequence[Receipt]:
    """Those that took its place and name it: one, or one for each of its gifts."""
    later = session.scalars(_sharing(receipt).where(Receipt.id > receipt.id).order_by(Receipt.id))
    return [one for one in later if receipt.label in one.snapshot.get("replaces", "")]
