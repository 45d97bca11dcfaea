"""The register for people: found by number, donor, state, year and issuer, and exported."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database
from portal.donors import fold_address
from portal.gifts.models import Gift, GiftWord
from portal.gifts.references import list_words
from portal.i18n import Labelled
from portal.mail.outbox import Email
from portal.receipts.register import Receipt, ReceiptDocument, ReceiptGift, read_label
from portal.records.export import (
    Cell,
    decimal,
    moment,
    stream_cells,
    typed,
    write_cells,
)

PAGE = 50


class ReceiptState(Labelled):
    """How a receipt stands."""

    VALID = "valid", "Valid"
    VOID = "void", "Void"


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    """What the register is narrowed to; empty where it is not."""

    text: str = ""
    state: str = ""
    year: int | None = None
    issuer: str = ""


def read_filter(args: Mapping[str, str]) -> ReceiptFilter:
    """The filter of an address; what can't be is left out."""
    state, year = args.get("state", ""), args.get("year", "")
    return ReceiptFilter(
        text=args.get("q", "").strip()[:200],
        state=state if state in {*ReceiptState} else "",
        year=int(year) if re.fullmatch(r"\d{4}", year, re.ASCII) else None,
        issuer=args.get("issuer", "")[:40],
    )


def select_receipts(wanted: ReceiptFilter, *values: Any) -> sa.Select[Any]:
    """The receipts that a filter leaves, as statements of what they are asked for."""
    found = sa.select(*values).select_from(Receipt)
    if wanted.issuer:
        found = found.where(Receipt.issuer == wanted.issuer)
    if wanted.year is not None:
        found = found.where(Receipt.year == wanted.year)
    if wanted.state:
        is_valid = Receipt.voided_at.is_(None)
        found = found.where(is_valid if wanted.state == ReceiptState.VALID else ~is_valid)
    return found.where(*_search(wanted.text))


def _search(text: str) -> Iterator[sa.ColumnElement[bool]]:
    """A number, or words of the donor's name or address as their gifts have them."""
    if number := read_label(text):
        series, year, which = number
        yield sa.and_(Receipt.series == series, Receipt.year == year, Receipt.number == which)
    elif "@" in text:
        own = sa.select(Gift.id).where(Gift.email == fold_address(text))
        covering = sa.select(ReceiptGift.receipt_id).where(ReceiptGift.gift_id.in_(own))
        yield Receipt.id.in_(covering)
    elif text:
        gifts = sa.select(ReceiptGift.receipt_id)
        for word in list_words("", text, ""):
            has_word = sa.select(GiftWord.gift_id).where(GiftWord.word.startswith(word))
            gifts = gifts.where(ReceiptGift.gift_id.in_(has_word))
        yield Receipt.id.in_(gifts)


def list_register(
    session: Session, wanted: ReceiptFilter, before: int | None = None
) -> list[Receipt]:
    """A page of receipts, newest first, and one more where there is another page."""
    found = select_receipts(wanted, Receipt).order_by(Receipt.id.desc()).limit(PAGE + 1)
    if before is not None:
        found = found.where(Receipt.id < before)
    return list(session.scalars(found))


def list_series(session: Session) -> tuple[list[str], list[int]]:
    """The issuers and the years that the register has."""
    issuers = session.scalars(sa.select(Receipt.issuer).distinct().order_by(Receipt.issuer))
    years = session.scalars(sa.select(Receipt.year).distinct().order_by(Receipt.year.desc()))
    return list(issuers), list(years)


def receipt_cells(dialect: str) -> list[Cell]:
    """What is told of a receipt, in order."""
    said = Receipt.snapshot
    currency = said["currency"].as_string()
    first = sa.select(Email.sent_at).where(
        Email.key == sa.literal("receipt-").concat(sa.cast(Receipt.id, sa.String))
    )
    hashes = sa.select(ReceiptDocument.sha256).where(
        ReceiptDocument.receipt_id == Receipt.id, ReceiptDocument.mark == ""
    )
    return [
        Cell("number", said["number"].as_string(), True),
        Cell("issuer", Receipt.issuer, True),
        Cell("year", Receipt.year),
        Cell("state", sa.case((Receipt.voided_at.is_(None), "valid"), else_="void")),
        Cell("issued_at_utc", moment(Receipt.reserved_at, dialect)),
        Cell("amount", decimal(said["amount_minor"].as_integer(), currency)),
        Cell("currency", currency),
        typed("donor", said["donor"]["name"].as_string(), dialect),
        Cell("gifts", _references(dialect), True),
        Cell("sent_at_utc", moment(first.scalar_subquery(), dialect)),
        Cell("sha256", hashes.scalar_subquery()),
        Cell("voided_at_utc", moment(Receipt.voided_at, dialect)),
        typed("void_reason", Receipt.void_reason, dialect),
    ]


def _references(dialect: str) -> sa.ScalarSelect[str]:
    join = sa.func.group_concat if dialect == "sqlite" else sa.func.string_agg
    return (
        sa.select(join(Gift.reference, " "))
        .join(ReceiptGift, ReceiptGift.gift_id == Gift.id)
        .where(ReceiptGift.receipt_id == Receipt.id)
        .correlate(Receipt)
        .scalar_subquery()
    )


def stream_receipts(database: Database, wanted: ReceiptFilter) -> Iterator[str]:
    """The register as CSV, piece by piece, from one look at the database."""
    return stream_cells(database, _cells(database), _selecting(wanted))


def write_receipts(database: Database, wanted: ReceiptFilter, file: IO[bytes]) -> None:
    """The same as XLSX."""
    write_cells(database, _cells(database), _selecting(wanted), file)


def _cells(database: Database) -> list[Cell]:
    return receipt_cells(database.reader.dialect.name)


def _selecting(wanted: ReceiptFilter) -> Any:
    def select(*values: Any) -> sa.Select[Any]:
        order = (Receipt.issuer, Receipt.year, Receipt.series, Receipt.number)
        return select_receipts(wanted, *values).order_by(*order)

    return select
