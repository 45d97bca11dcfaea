"""The register of receipts. It stands without foreign keys to gifts: it outlives them."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import Base, BigId, Document, partial_index
from portal.money import Money


def write_label(year: int, number: int) -> str:
    """A number as people quote it: 2026-000417."""
    return f"{year}-{number:06d}"


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


class ReceiptDocument(Base):
    """The PDF as it was first rendered, with its hash. `mark` is empty, or `refunded`."""

    __tablename__ = "receipt_documents"

    receipt_id: Mapped[int] = mapped_column(
        sa.BigInteger, sa.ForeignKey("receipts.id"), primary_key=True, autoincrement=False
    )
    mark: Mapped[str] = mapped_column(sa.String(20), primary_key=True, default="")
    sha256: Mapped[str] = mapped_column(sa.String(64))
    pdf: Mapped[bytes]
    rendered_at: Mapped[datetime]
