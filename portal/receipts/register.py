"""The register: series, receipts and documents, and the proof that none is missing or changed."""

import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, BigId, Document, partial_index, table_of
from portal.driver import ask, hold
from portal.gifts.references import ALPHABET
from portal.money import Money
from portal.settings import Settings


def write_label(year: int, number: int) -> str:
    """A number as people quote it: 2026-000417."""
    return f"{year}-{number:06d}"


_LABEL = re.compile(r"(\d{4})\s*[-–/ ]\s*(\d{1,9})")


def read_label(text: str) -> tuple[int, int] | None:
    """Year and number of a receipt as people quote it: 2026-000417."""
    match = _LABEL.fullmatch(text.strip())
    return (int(match[1]), int(match[2])) if match else None


CODE_LENGTH = 8


def say_how_to_verify(settings: Settings, issuer: str, label: str) -> Document:
    """Where a document is proven by its number, and the code that shows that one has read it.

    The code is derived from the installation's secret; since the snapshot keeps it, it outlives
    that secret. Of 31^8 codes, with so few tries (`portal.giving.verify`), nobody finds one.
    """
    key = settings.secret_key.get_secret_value().encode()
    derived = hmac.digest(key, f"verify {issuer} {label}".encode(), "sha256")
    number, letters = int.from_bytes(derived), ""
    for _ in range(CODE_LENGTH):
        number, place = divmod(number, len(ALPHABET))
        letters += ALPHABET[place]
    at = settings.base_url.partition("://")[2]
    return {"verify_at": f"{at}/verify", "verify_code": f"{letters[:4]}-{letters[4:]}"}


class ReceiptSeries(Base):
    """The last number given out for one issuer and year; the next is one more."""

    __tablename__ = "receipt_series"

    issuer: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_number: Mapped[int]


class Receipt(Base):
    """One number of a series, and the snapshot it was given out for.

    The snapshot never changes (a trigger holds that); a void receipt keeps its number.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        sa.UniqueConstraint("issuer", "year", "number"),
        sa.Index("ix_receipts_gift_id", "gift_id"),
        partial_index(
            "uq_receipts_live_gift",
            "gift_id",
            where="voided_at IS NULL",
            unique=True,
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    issuer: Mapped[str] = mapped_column(sa.String(40))
    year: Mapped[int]
    number: Mapped[int]
    gift_id: Mapped[int] = mapped_column(sa.BigInteger)
    snapshot: Mapped[Document]
    locale: Mapped[str] = mapped_column(sa.String(12))
    reserved_at: Mapped[datetime]
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str] = mapped_column(sa.String(300), default="")

    @property
    def label(self) -> str:
        return write_label(self.year, self.number)

    @property
    def money(self) -> Money:
        """What it acknowledges."""
        return Money(self.snapshot["amount_minor"], self.snapshot["currency"])


MARK_LENGTH = 20


class ReceiptDocument(Base):
    """The PDF as it was first rendered, with its hash.

    `mark` is empty, or the hash of what a marked copy says beyond the receipt.
    """

    __tablename__ = "receipt_documents"
    __table_args__ = (sa.Index("ix_receipt_documents_sha256", "sha256"),)

    receipt_id: Mapped[int] = mapped_column(
        sa.BigInteger, sa.ForeignKey("receipts.id"), primary_key=True, autoincrement=False
    )
    mark: Mapped[str] = mapped_column(sa.String(MARK_LENGTH), primary_key=True, default="")
    sha256: Mapped[str] = mapped_column(sa.String(64))
    pdf: Mapped[bytes]
    rendered_at: Mapped[datetime]


BATCH = 200


def verify_register(session: Session) -> list[str]:
    """Every problem in a sentence; an empty list is a register an auditor can rely on."""
    return [
        *_check_series(session),
        *_check_labels(session),
        *_check_documents(session),
    ]


def _check_series(session: Session) -> Iterator[str]:
    series = {
        (row.issuer, row.year): row.last_number for row in session.scalars(sa.select(ReceiptSeries))
    }
    counts = session.execute(
        sa.select(
            Receipt.issuer, Receipt.year, sa.func.count(), sa.func.max(Receipt.number)
        ).group_by(Receipt.issuer, Receipt.year)
    )
    counted = {(issuer, year): (count, highest) for issuer, year, count, highest in counts}
    for key in sorted(series.keys() | counted.keys()):
        last, (count, highest) = series.get(key, 0), counted.get(key, (0, 0))
        if highest > last:
            yield f"{_name(key)}: number {highest} is beyond the last one given out, {last}."
        if count != last:
            yield from _name_gaps(session, key, last)


def _name(key: tuple[str, int]) -> str:
    return f"Series {key[0]} {key[1]}"


def _name_gaps(session: Session, key: tuple[str, int], last: int) -> Iterator[str]:
    numbers = session.scalars(
        sa.select(Receipt.number)
        .where(Receipt.issuer == key[0], Receipt.year == key[1])
        .order_by(Receipt.number)
        .execution_options(yield_per=BATCH)
    )
    expected = 1
    for number in numbers:
        yield from _say_missing(key, expected, number - 1)
        expected = number + 1
    yield from _say_missing(key, expected, last)


def _say_missing(key: tuple[str, int], first: int, last: int) -> Iterator[str]:
    if first == last:
        yield f"{_name(key)}: number {first} is missing."
    elif first < last:
        yield f"{_name(key)}: numbers {first} to {last} are missing."


def _check_labels(session: Session) -> Iterator[str]:
    receipts = session.scalars(
        sa.select(Receipt).order_by(Receipt.id).execution_options(yield_per=BATCH)
    )
    for receipt in receipts:
        printed = receipt.snapshot.get("number")
        if printed != receipt.label:
            yield f"Receipt {receipt.label} of {receipt.issuer} says {printed} in its snapshot."
        session.expunge(receipt)


def _check_documents(session: Session) -> Iterator[str]:
    documents = session.execute(
        sa.select(Receipt, ReceiptDocument.sha256, ReceiptDocument.pdf)
        .join(ReceiptDocument, ReceiptDocument.receipt_id == Receipt.id)
        .order_by(Receipt.id)
        .execution_options(yield_per=BATCH)
    )
    for receipt, sha256, pdf in documents:
        if hashlib.sha256(pdf).hexdigest() != sha256:
            yield f"The PDF of receipt {receipt.label} of {receipt.issuer} was changed."


def find_receipt(session: Session, gift_id: int) -> Receipt | None:
    """The receipt that stands for a gift; None where there is none, or only void ones."""
    return session.scalar(_STANDING, {"wanted": gift_id})


_STANDING = sa.select(Receipt).where(
    Receipt.gift_id == sa.bindparam("wanted"), Receipt.voided_at.is_(None)
)


def find_receipts(session: Session, gift_id: int) -> tuple[Receipt | None, Receipt | None]:
    """The receipt that stands for a gift, and the last one that was cancelled before it."""
    standing = cancelled = None
    for row in ask(session, _ALL, {"wanted": gift_id}).rows():
        receipt = hold(session, Receipt, row)
        if receipt.voided_at is None:
            standing = receipt
        else:
            cancelled = receipt
    return standing, cancelled


_RECEIPTS = table_of(Receipt)
_ALL = (
    sa.select(_RECEIPTS)
    .where(_RECEIPTS.c.gift_id == sa.bindparam("wanted"))
    .order_by(_RECEIPTS.c.id)
)


def list_receipts(session: Session, gift_id: int) -> Sequence[Receipt]:
    """Every receipt a gift ever had, oldest first, void ones too."""
    return session.scalars(
        sa.select(Receipt).where(Receipt.gift_id == gift_id).order_by(Receipt.id)
    ).all()
