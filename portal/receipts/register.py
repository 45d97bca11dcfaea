"""The register: series, receipts and documents, and the proof that none is missing or changed."""

import hashlib
import heapq
import hmac
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.database import Base, BigId, Document, partial_index, table_of
from portal.driver import ask, hold
from portal.gifts.models import Gift
from portal.gifts.references import ALPHABET
from portal.money import Money
from portal.settings import Settings


def write_label(year: int, number: int, series: str = "") -> str:
    """A number as people quote it: 2026-000417, or OR-2026-000417 of a series with a name."""
    return f"{series}-{year}-{number:06d}" if series else f"{year}-{number:06d}"


# However it is written: 2026-000417, no. 2026/417, 2026 417, 2026000417, OR-2026-000417.
_LABEL = re.compile(
    r"(?:(?:no\.?|n[o°º]\.?|#)\s*)?(?:([a-z]{1,12})[\s-]+)?"
    r"(\d{4})(?:\s*[-–/ ]\s*(?=\d{1,9}$)|(?=\d{6}$))(\d+)",
    re.ASCII | re.IGNORECASE,
)


def read_label(text: str) -> tuple[str, int, int] | None:
    """Series, year and number of a receipt as people quote it; None for what is none."""
    match = _LABEL.fullmatch(" ".join(text.split()))
    return ((match[1] or "").upper(), int(match[2]), int(match[3])) if match else None


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
    """The last number given out for one issuer, year and series; the next is one more.

    A scheme whose numbers must stand alone has a series with a name; all others share one.
    """

    __tablename__ = "receipt_series"

    issuer: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    series: Mapped[str] = mapped_column(
        sa.String(12), primary_key=True, default="", server_default=""
    )
    last_number: Mapped[int]

    @property
    def label(self) -> str:
        """The last number as it is written on its receipt."""
        return write_label(self.year, self.last_number, self.series)


class ReceiptGap(Base):
    """Numbers of a series that no receipt has, first and last among them, and why not."""

    __tablename__ = "receipt_gaps"
    __table_args__ = (
        sa.UniqueConstraint("issuer", "year", "series", "first"),
        sa.CheckConstraint("first <= last", name="in_order"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    issuer: Mapped[str] = mapped_column(sa.String(40))
    year: Mapped[int]
    series: Mapped[str] = mapped_column(sa.String(12), default="", server_default="")
    first: Mapped[int]
    last: Mapped[int]
    why: Mapped[str] = mapped_column(sa.String(300))
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(sa.String(80))

    @property
    def labels(self) -> tuple[str, str]:
        """The first and the last of them, as receipts write theirs."""
        first, last = (write_label(self.year, one, self.series) for one in (self.first, self.last))
        return first, last


class Receipt(Base):
    """One number of a series, and the snapshot it was given out for.

    The snapshot never changes (a trigger holds that); a void receipt keeps its number. One that
    covers many gifts has no `gift_id`: `ReceiptGift` says which they are.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        sa.UniqueConstraint("issuer", "year", "number", "series"),
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
    gift_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    snapshot: Mapped[Document]
    locale: Mapped[str] = mapped_column(sa.String(12))
    reserved_at: Mapped[datetime]
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str] = mapped_column(sa.String(300), default="")
    series: Mapped[str] = mapped_column(sa.String(12), default="", server_default="")

    @property
    def label(self) -> str:
        return write_label(self.year, self.number, self.series)

    @property
    def money(self) -> Money:
        """What it acknowledges."""
        return Money(self.snapshot["amount_minor"], self.snapshot["currency"])

    @property
    def returned(self) -> Money:
        """What went back before it was issued, and is left out of it already."""
        return Money(self.snapshot.get("returned_minor", 0), self.snapshot["currency"])


class ReceiptGift(Base):
    """That a receipt covers a gift, with so much of it; a gift is on one that stands at most.

    Triggers on `receipts` (migrations) write the row of a receipt of one gift, and let rows stand
    as long as their receipt does; for a receipt of many gifts they are written with it.
    """

    __tablename__ = "receipt_gifts"
    __table_args__ = (
        sa.Index("ix_receipt_gifts_gift_id", "gift_id"),
        partial_index("uq_receipt_gifts_standing", "gift_id", where="stands", unique=True),
    )

    receipt_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("receipts.id"), primary_key=True, autoincrement=False
    )
    gift_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    stands: Mapped[bool]


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


class GiftParticulars(Base):
    """What a receipt must say of a gift that is not money alone, as staff wrote it.

    `advantage_minor` is the fair market value, in the gift's currency, of what its donor received
    in return, and `advantage` what that was; `is_intangible` where it was of the spirit alone.
    `given` describes what was given in kind, and `appraiser` names who valued it and where they
    are. Only a gift whose `has_particulars` says so has a row.
    """

    __tablename__ = "gift_particulars"
    __table_args__ = (
        sa.CheckConstraint("advantage_minor >= 0", name="advantage_not_negative"),
        {"sqlite_with_rowid": False},
    )

    gift_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("gifts.id"), primary_key=True)
    advantage_minor: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    advantage: Mapped[str] = mapped_column(sa.String(300), default="")
    is_intangible: Mapped[bool] = mapped_column(default=False)
    given: Mapped[str] = mapped_column(sa.String(300), default="")
    appraiser: Mapped[str] = mapped_column(sa.String(300), default="")
    changed_at: Mapped[datetime]


def find_particulars(session: Session, gift: Gift) -> GiftParticulars | None:
    """What staff said of a gift; nothing is asked of the database where its row says none."""
    return session.get(GiftParticulars, gift.id) if gift.has_particulars else None


BATCH = 200
# An issuer, a year and the name of a series.
Key = tuple[str, int, str]
# The first and the last of some numbers in a row.
Span = tuple[int, int]


def verify_register(session: Session) -> list[str]:
    """Every problem in a sentence; an empty list is a register an auditor can rely on."""
    return [
        *_check_series(session),
        *_check_labels(session),
        *_check_gifts(session),
        *_check_documents(session),
    ]


def _check_series(session: Session) -> Iterator[str]:
    series = {
        (row.issuer, row.year, row.series): row.last_number
        for row in session.scalars(sa.select(ReceiptSeries))
    }
    columns = (Receipt.issuer, Receipt.year, Receipt.series)
    counts = session.execute(
        sa.select(*columns, sa.func.count(), sa.func.max(Receipt.number)).group_by(*columns)
    )
    counted = {(issuer, year, name): (n, top) for issuer, year, name, n, top in counts}
    left_out: dict[Key, list[Span]] = {}
    for gap in session.scalars(sa.select(ReceiptGap).order_by(ReceiptGap.first)):
        left_out.setdefault((gap.issuer, gap.year, gap.series), []).append((gap.first, gap.last))
    for key in sorted(series.keys() | counted.keys() | left_out.keys()):
        last, (count, highest) = series.get(key, 0), counted.get(key, (0, 0))
        if highest > last:
            yield f"{_name(key)}: number {highest} is beyond the last one given out, {last}."
        if count != last or key in left_out:
            yield from _name_gaps(session, key, last, left_out.get(key, []))


def _name(key: Key) -> str:
    issuer, year, series = key
    return f"Series {issuer} {year} {series}".rstrip()


def _name_gaps(session: Session, key: Key, last: int, left_out: Sequence[Span]) -> Iterator[str]:
    """What is missing, and what was given out although it was left out."""
    numbers = session.scalars(
        sa.select(Receipt.number)
        .where(Receipt.issuer == key[0], Receipt.year == key[1], Receipt.series == key[2])
        .order_by(Receipt.number)
        .execution_options(yield_per=BATCH)
    )
    expected = 1
    for first, end in heapq.merge(((number, number) for number in numbers), left_out):
        if first < expected:
            yield f"{_name(key)}: number {first} was left out and given out."
        yield from _say_missing(key, expected, first - 1)
        expected = max(expected, end + 1)
    yield from _say_missing(key, expected, last)


def _say_missing(key: Key, first: int, last: int) -> Iterator[str]:
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


def _check_gifts(session: Session) -> Iterator[str]:
    """Each receipt acknowledges what its gifts' parts come to, and they stand as it does."""
    stands = sa.case((ReceiptGift.stands, 1), else_=0)
    covered = (
        sa.select(
            ReceiptGift.receipt_id,
            sa.func.sum(ReceiptGift.amount_minor).label("minor"),
            sa.func.min(stands).label("least"),
            sa.func.max(stands).label("most"),
        )
        .group_by(ReceiptGift.receipt_id)
        .subquery()
    )
    is_right = sa.case((Receipt.voided_at.is_(None), 1), else_=0)
    wrong = sa.or_(
        covered.c.minor.is_(None),
        covered.c.minor != Receipt.snapshot["amount_minor"].as_integer(),
        covered.c.least != is_right,
        covered.c.most != is_right,
    )
    rows = session.scalars(
        sa.select(Receipt)
        .outerjoin(covered, covered.c.receipt_id == Receipt.id)
        .where(wrong)
        .order_by(Receipt.id)
    )
    for receipt in rows:
        yield f"The gifts of receipt {receipt.label} of {receipt.issuer} are not what it says."


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
    """The receipt that stands for a gift, alone or among others; None where there is none."""
    return session.scalar(_STANDING, {"wanted": gift_id})


def lead_gift() -> sa.ColumnElement[int]:
    """The gift of a receipt, the newest where it covers many: whose donor is whom it goes to."""
    newest = sa.select(sa.func.max(ReceiptGift.gift_id)).where(ReceiptGift.receipt_id == Receipt.id)
    return sa.func.coalesce(Receipt.gift_id, newest.correlate(Receipt).scalar_subquery())


def covers(gift_id: Any) -> sa.ColumnElement[bool]:
    """Joins a gift to `ReceiptGift` where its receipt stands."""
    return sa.and_(ReceiptGift.gift_id == gift_id, ReceiptGift.stands)


_STANDING = (
    sa.select(Receipt)
    .join(ReceiptGift, ReceiptGift.receipt_id == Receipt.id)
    .where(ReceiptGift.gift_id == sa.bindparam("wanted"), ReceiptGift.stands)
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


_RECEIPTS, _COVERED = table_of(Receipt), table_of(ReceiptGift)
_ALL = (
    sa.select(_RECEIPTS)
    .join(_COVERED, _COVERED.c.receipt_id == _RECEIPTS.c.id)
    .where(_COVERED.c.gift_id == sa.bindparam("wanted"))
    .order_by(_RECEIPTS.c.id)
)


def list_receipts(session: Session, gift_id: int) -> Sequence[Receipt]:
    """Every receipt a gift ever was on, oldest first, void ones too."""
    return session.scalars(
        sa.select(Receipt)
        .join(ReceiptGift, ReceiptGift.receipt_id == Receipt.id)
        .where(ReceiptGift.gift_id == gift_id)
        .order_by(Receipt.id)
    ).all()
