"""Whether a document is ours and still stands: by its bytes, or by its number and code.

The answer is one word and never a name or an amount, since anybody may ask. A file is ours if its
hash is that of a document that we keep. Nothing in it is read, so a file that was made to do harm
does none.
"""

import hashlib
import hmac
from enum import StrEnum
from typing import IO
from unicodedata import normalize

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.gifts.references import ALPHABET
from portal.receipts.composition import receipt_mark
from portal.receipts.planning import GONE_BACK
from portal.receipts.register import Receipt, ReceiptDocument, ReceiptGift, read_label
from portal.receipts.rendering import name_copy, write_mark


class Verdict(StrEnum):
    """All that is said of a document."""

    VALID = "valid"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    UNKNOWN = "unknown"


def judge(*, is_void: bool, is_replaced: bool, mark: str, is_current: bool) -> Verdict:
    """A document's state by the register and its gift.

    `mark` is what a copy needs as the gift stands now, and `is_current` whether this one has it.
    What was refunded or taken back whole is cancelled, also where its number still stands; what
    was refunded in part is replaced by a marked copy.
    """
    if is_void:
        return Verdict.REPLACED if is_replaced else Verdict.CANCELLED
    if mark in {status.value for status in GONE_BACK}:
        return Verdict.CANCELLED
    return Verdict.VALID if is_current else Verdict.REPLACED


def judge_file(session: Session, file: IO[bytes]) -> Verdict:
    """What a file is, by its bytes alone, read in pieces."""
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any file
    found = session.execute(_BY_HASH, {"sha256": sha256}).first()
    return _judge_copy(session, found.Receipt, found.mark) if found else Verdict.UNKNOWN


_BY_HASH = (
    sa.select(Receipt, ReceiptDocument.mark)
    .join(ReceiptDocument, ReceiptDocument.receipt_id == Receipt.id)
    .where(ReceiptDocument.sha256 == sa.bindparam("sha256"))
)


def judge_number(session: Session, number: str, code: str) -> Verdict:
    """What the document with a number is; without its right code as if there were none.

    Of one without a mark, as the number tells nothing of what is written across a copy.
    """
    label = read_label(number)
    if label is None:
        return Verdict.UNKNOWN
    series, year, place = label
    numbered = sa.select(Receipt).where(
        Receipt.series == series, Receipt.year == year, Receipt.number == place
    )
    for receipt in session.scalars(numbered).all():
        own = clean_code(receipt.snapshot.get("verify_code", ""))
        if own and hmac.compare_digest(own, clean_code(code)):
            return _judge_copy(session, receipt, "")
    return Verdict.UNKNOWN


def clean_code(text: str) -> str:
    """A typed code without case and separators, whatever keyboard it comes from."""
    return "".join(sign for sign in normalize("NFKC", text).upper() if sign in ALPHABET)


def _judge_copy(session: Session, receipt: Receipt, copy: str) -> Verdict:
    # One of many gifts bears no mark of one of them.
    gift = session.get(Gift, receipt.gift_id) if receipt.gift_id is not None else None
    mark = receipt_mark(gift, receipt.returned.minor) if gift is not None else ""
    wanted = write_mark(session, receipt, mark) if mark == Status.PARTLY_REFUNDED.value else None
    return judge(
        is_void=receipt.voided_at is not None,
        is_replaced=session.scalar(_STANDING_FOR, {"wanted": receipt.id}) is not None,
        mark=mark,
        is_current=copy == name_copy(wanted),
    )


# Another receipt that stands for one of the gifts of this one.
_own, _other = aliased(ReceiptGift), aliased(ReceiptGift)
_STANDING_FOR = (
    sa.select(_other.receipt_id)
    .join(_own, _own.gift_id == _other.gift_id)
    .where(_own.receipt_id == sa.bindparam("wanted"), _other.stands)
    .limit(1)
)
