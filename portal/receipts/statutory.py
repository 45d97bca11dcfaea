"""Files that tax offices ask of an issuer once a year, each by its published columns and limits.

Each is a pure function of what its receipts say; `EXPORTS` has them all. What the portal doesn't
know, as donors' tax numbers, stays an empty column, and each export says which, and what of its
layout could not be checked.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.clock import day_in
from portal.codes.sheets import FORMULA_SIGNS
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence, Gift
from portal.money import Money
from portal.receipts.register import Receipt

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A receipt with what a tax office may ask of it; money in minor units of `currency`.

    `returned_minor` is what of its gift went back after it was issued, `returned_on` when last.
    """

    label: str
    name: str
    address: tuple[str, ...]
    donor: int | str
    minor: int
    currency: str
    received_on: date
    issued_on: date
    mode: str = ""
    is_void: bool = False
    returned_minor: int = 0
    returned_on: date | None = None

    @property
    def amount(self) -> str:
        return Money(self.minor, self.currency).plain()


@dataclass(frozen=True, slots=True)
class Filing:
    """Of whom, for which year, and when it is made; `tax_number` is the issuer's own."""

    tax_number: str
    year: int
    made_at: datetime


Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One file: whose it is, its columns, and its rows of a year's receipts.

    `empty` are the columns that the portal has no data for, `unchecked` what of the file no
    published layout was seen for. `most_bytes` is the office's limit, 0 where there is none.
    """

    key: str
    who: str
    law: str
    currency: str
    columns: tuple[str, ...]
    rows: Callable[[Sequence[Line], Filing], Rows]
    empty: tuple[str, ...] = ()
    unchecked: str = ""
    delimiter: str = ","
    name: str = "{key}-{year}.csv"
    most_bytes: int = 0


class TooLarge(ValueError):
    """The file is larger than the office takes."""


def _standing(lines: Iterable[Line], filing: Filing) -> list[Line]:
    """The receipts of a calendar year that hold."""
    return [one for one in lines if one.issued_on.year == filing.year and not one.is_void]


def total_france(lines: Sequence[Line], filing: Filing) -> Rows:
    """The sum of the gifts on the receipts of a year, and how many receipts there were."""
    mine = _standing(lines, filing)
    total = Money(sum(one.minor for one in mine), "EUR")
    return [(str(filing.year), total.plain(), str(len(mine)))]


# Beyond fifty dollars (Income Tax Act, s. 110.1(15) and 118.1(26); CRA guidance CG-016).
CANADA_MINOR, CANADA_DAYS = 50_00, timedelta(days=90)


def list_returned_canada(lines: Sequence[Line], filing: Filing) -> Rows:
    """Gifts of more than 50 dollars returned in a year after their receipt, with the due day."""
    back = [
        (one, one.returned_on)
        for one in lines
        if one.returned_minor > CANADA_MINOR
        and one.returned_on is not None
        and one.returned_on.year == filing.year
    ]
    return [
        (
            one.label,
            one.name,
            ", ".join(one.address),
            one.received_on.isoformat(),
            one.issued_on.isoformat(),
            one.amount,
            Money(one.returned_minor, one.currency).plain(),
            day.isoformat(),
            (day + CANADA_DAYS).isoformat(),
        )
        for one, day in back
    ]


# What a donor gives a body in a year before it counts (Taxes Consolidation Act 1997, s. 848A).
IRELAND_MINOR = 250_00


def sum_ireland(lines: Sequence[Line], filing: Filing) -> Rows:
    """Donors who gave at least 250 euro in a year: name, PPSN, amount, associated."""
    sums: dict[object, list[Line]] = defaultdict(list)
    for one in lines:
        if one.received_on.year == filing.year and not one.is_void:
            sums[one.donor, one.name].append(one)
    totals = ((mine[0].name, sum(one.minor for one in mine)) for mine in sums.values())
    return [
        (name, "", Money(total, "EUR").plain(), "no")
        for name, total in totals
        if total >= IRELAND_MINOR
    ]


INDIA_MODES = {"cash": "Cash", "bank_transfer": "Electronic modes including account payee cheque"}
OTHER_MODE = "Electronic modes including account payee cheque"


def list_india(lines: Sequence[Line], filing: Filing) -> Rows:
    """The gifts of the tax year that begins on 1 April, one a row."""
    begin, end = date(filing.year, 4, 1), date(filing.year + 1, 3, 31)
    mine = [one for one in lines if begin <= one.received_on <= end and not one.is_void]
    return [
        (
            *(str(number), "", "", "", "Section 80G", filing.tax_number, "", one.name),
            *(", ".join(one.address), "Others", INDIA_MODES.get(one.mode, OTHER_MODE), one.amount),
        )
        for number, one in enumerate(mine, 1)
    ]


def list_south_africa(lines: Sequence[Line], filing: Filing) -> Rows:
    """Receipts under s. 18A of the year to the end of February; none is a nil return."""
    begin, end = date(filing.year - 1, 3, 1), date(filing.year, 3, 1)
    mine = [one for one in lines if begin <= one.received_on < end and not one.is_void]
    if not mine:
        return [("NIL", filing.tax_number, str(filing.year), *("",) * 9)]
    return [
        (
            *("D", filing.tax_number, str(filing.year), one.label, one.name, "", "", ""),
            *(_clean(", ".join(one.address)), one.received_on.isoformat(), one.amount, "Cash"),
        )
        for one in mine
    ]


def _clean(text: str) -> str:
    return text.replace("|", " ")


EXPORTS = {
    one.key: one
    for one in (
        Export(
            key="fr",
            who="France: yearly total and number of receipts",
            law="Code général des impôts, art. 222 bis",
            currency="EUR",
            columns=("year", "total_eur", "receipts"),
            rows=total_france,
        ),
        Export(
            key="ca",
            who="Canada: returned gifts for the information return within 90 days",
            law="CRA guidance CG-016",
            currency="CAD",
            columns=(
                *("receipt", "name", "address", "received_on", "issued_on", "amount"),
                *("returned", "returned_on", "due_on"),
            ),
            rows=list_returned_canada,
        ),
        Export(
            key="ie",
            who="Ireland: donors of at least EUR 250 for ROS",
            law="Taxes Consolidation Act 1997, s. 848A",
            currency="EUR",
            columns=("name", "ppsn", "amount", "associated"),
            rows=sum_ireland,
            empty=("ppsn",),
            unchecked="whether a donor is associated, and that each signed CHY3 or CHY4",
        ),
        Export(
            key="in",
            who="India: register for Form 113",
            law="Income-tax Act, s. 80G",
            currency="INR",
            columns=(
                *("sl_no", "pre_acknowledgement_number", "id_code", "unique_identification_number"),
                *("section_code", "urn", "urn_issued_on", "name", "address", "donation_type"),
                *("mode_of_receipt", "amount"),
            ),
            rows=list_india,
            empty=("pre_acknowledgement_number", "id_code", "unique_identification_number"),
            unchecked="the columns are Form 10BD's: Form 113's own layout was not seen",
            most_bytes=50 * MEBIBYTE,
        ),
        Export(
            key="za",
            who="South Africa: IT3(d)",
            law="Income Tax Act, s. 18A, Notice 6762",
            currency="ZAR",
            columns=(
                *("record", "pbo", "year", "receipt", "name", "id_type", "id_number"),
                *("income_tax_reference", "address", "received_on", "amount", "nature"),
            ),
            rows=list_south_africa,
            empty=("id_type", "id_number", "income_tax_reference"),
            unchecked="the order of the fields: SARS's layout (BRS) was not seen",
            delimiter="|",
            name="IT3D_18A_{tax_number}_{made:%Y%m%dT%H%M%S}.txt",
        ),
    )
}


def name_file(export: Export, filing: Filing) -> str:
    number = "".join(sign for sign in filing.tax_number if sign.isalnum())
    return export.name.format(
        key=export.key, year=filing.year, tax_number=number, made=filing.made_at
    )


def write_file(export: Export, lines: Sequence[Line], filing: Filing) -> str:
    """The file's text, with its columns' names where it is a CSV file; or `TooLarge`."""
    out = io.StringIO()
    ends: dict[str, Any] = {"lineterminator": "\r\n", "escapechar": "\\"}
    if export.delimiter != ",":
        ends["quoting"] = csv.QUOTE_NONE
    table = csv.writer(out, delimiter=export.delimiter, **ends)
    if export.delimiter == ",":
        table.writerow(export.columns)
    mine = [one for one in lines if one.currency == export.currency]
    table.writerows([_tame(cell) for cell in row] for row in export.rows(mine, filing))
    text = out.getvalue()
    if export.most_bytes and len(text.encode()) > export.most_bytes:
        raise TooLarge(f"{export.key}: the file is larger than {export.most_bytes} bytes")
    return text


def _tame(text: str) -> str:
    """Text that a spreadsheet takes for no formula."""
    return f"'{text}" if text[:1] in tuple(FORMULA_SIGNS) else text


def read_lines(session: Session, issuer: str, timezone: str, years: Iterable[int]) -> list[Line]:
    """The receipts of an issuer numbered in some years, in the order of their numbers."""
    wanted = (
        sa.select(Receipt, Gift)
        .join(Gift, Gift.id == Receipt.gift_id)
        .where(Receipt.issuer == issuer, Receipt.year.in_([*years]))
        .order_by(Receipt.year, Receipt.number)
    )
    rows = session.execute(wanted).all()
    back = _read_returned(session, [gift.id for _, gift in rows if gift.refunded_minor])
    return [_read_line(one, gift, back.get(gift.id, ()), timezone) for one, gift in rows]


Returned = tuple[datetime, int]


def _read_returned(session: Session, gift_ids: Sequence[int]) -> dict[int, list[Returned]]:
    """When and how much of gifts went back, by gift."""
    found: dict[int, list[Returned]] = defaultdict(list)
    wanted = sa.select(Evidence.gift_id, Evidence.occurred_at, Evidence.amount_minor)
    kinds = (FactKind.REFUNDED, FactKind.DISPUTE_LOST)
    for gift_id, at, minor in session.execute(
        wanted.where(Evidence.gift_id.in_(gift_ids), Evidence.fact.in_(kinds))
    ):
        found[gift_id].append((at, minor or 0))
    return found


def _read_line(one: Receipt, gift: Gift, back: Sequence[Returned], timezone: str) -> Line:
    after = [(at, minor) for at, minor in back if at >= one.reserved_at]
    snapshot = one.snapshot
    return Line(
        label=one.label,
        name=snapshot["donor"]["name"],
        address=tuple(snapshot["donor"]["address"]),
        donor=gift.donor_id or "",
        minor=snapshot["amount_minor"],
        currency=snapshot["currency"],
        received_on=date.fromisoformat(snapshot["received_on"]),
        issued_on=date.fromisoformat(snapshot["issued_on"]),
        mode=gift.mode,
        is_void=one.voided_at is not None,
        returned_minor=sum(minor for _, minor in after),
        returned_on=max((day_in(timezone, at) for at, _ in after), default=None),
    )
