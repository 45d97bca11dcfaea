"""Finding receipts."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.receipts.models import Receipt


def find_receipt(session: Session, gift_id: int) -> Receipt | None:
    """The receipt that stands for a gift; None where there is none, or only void ones."""
    return session.scalar(_STANDING, {"wanted": gift_id})


_STANDING = sa.select(Receipt).where(
    Receipt.gift_id == sa.bindparam("wanted"), Receipt.voided_at.is_(None)
)


def find_receipts(session: Session, gift_id: int) -> tuple[Receipt | None, Receipt | None]:
    """The receipt that stands for a gift, and the last one that was cancelled before it."""
    standing = cancelled = None
    for receipt in session.scalars(_ALL, {"wanted": gift_id}):
        if receipt.voided_at is None:
            standing = receipt
        else:
            cancelled = receipt
    return standing, cancelled


_ALL = sa.select(Receipt).where(Receipt.gift_id == sa.bindparam("wanted")).order_by(Receipt.id)


def list_receipts(session: Session, gift_id: int) -> Sequence[Receipt]:
    """Every receipt a gift ever had, oldest first, void ones too."""
    return session.scalars(
        sa.select(Receipt).where(Receipt.gift_id == gift_id).order_by(Receipt.id)
    ).all()
