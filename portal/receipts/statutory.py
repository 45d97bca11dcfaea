"""Files that tax offices ask of an issuer once a year, each by its published columns and limits.

Each is a pure function of what its receipts say; `EXPORTS` has them all. What the portal doesn't
know stays an empty column, as does a number that its donor didn't give; each export says which, and
what of its layout could not be checked.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from portal.codes.sheets import FORMULA_SIGNS
from portal.money import Money
from portal.regions.schemes import NumberKind, ReceiptField

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A gift on a receipt, with what a tax office may ask of it; money in minor units.

    `returned_minor` is what of its gift went back after it was issued, `returned_on` when last.
    `shown` is what an official receipt shows beside its own places, `numbers` what its donor has
    said since.
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
    is_official: bool = False
    returned_minor: int = 0
    returned_on: date | None = None
    shown: Mapping[ReceiptField, str] = field(default_factory=dict)
    numbers: Mapping[NumberKind, str] = field(default_factory=dict)

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
    published layout was seen for. `numbers` are the kinds that it wants of donors, in the column
    `wanted`. `most_bytes` is the office's limit, 0 where there is none.
    """

    key: str
    who: str
    law: str
    currency: str
    columns: tuple[str, ...]
    rows: Callable[[Sequence[Line], Filing], Rows]
    empty: tuple[str, ...] = ()
    numbers: tuple[NumberKind, ...] = ()
    wanted: str = ""
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
    return [(str(filing.year), total.plain(), str(len({one.label for one in mine})))]


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
    """Donors who gave at least 250 euro in a year: name, PPSN, amount, associated.

    Revenue takes one entry a donor and year: one PPSN is one donor, whatever they gave under.
    """
    sums: dict[object, list[Line]] = defaultdict(list)
    for one in lines:
        if one.received_on.year == filing.year and not one.is_void:
            number = one.numbers.get(NumberKind.IE_PPSN)
            sums[number or (one.donor, one.name)].append(one)
    totals = ((mine[-1], sum(one.minor for one in mine)) for mine in sums.values())
    return [
        (one.name, one.numbers.get(NumberKind.IE_PPSN, ""), Money(total, "EUR").plain(), "no")
        for one, total in totals
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
            *(str(number), "", *_identify_india(one), "Section 80G", filing.tax_number, ""),
            *(one.name, ", ".join(one.address), "Others"),
            *(INDIA_MODES.get(one.mode, OTHER_MODE), one.amount),
        )
        for number, one in enumerate(mine, 1)
    ]


def _identify_india(one: Line) -> tuple[str, str]:
    """By the code that Form 10BD's table has for it, and the number."""
    number = one.numbers.get(NumberKind.IN_PAN, "")
    return ("Permanent Account Number" if number else "", number)


SOUTH_AFRICA = (
    *("record", "pbo", "year", "receipt", "name", "nature_of_person", "id_type", "id_number"),
    *("id_country", "trading_name", "income_tax_reference", "address", "phone", "email"),
    *("received_on", "amount", "nature"),
)


def list_korea(lines: Sequence[Line], filing: Filing) -> Rows:
    """The gifts on the receipts of a calendar year, in the order of their numbers."""
    return [
        (
            *(one.label, one.issued_on.isoformat(), one.received_on.isoformat(), one.name, ""),
            *(", ".join(one.address), one.amount),
        )
        for one in _standing(lines, filing)
    ]


def list_south_africa(lines: Sequence[Line], filing: Filing) -> Rows:
    """Receipts under s. 18A of the year to the end of February; none is a nil return."""
    begin, end = date(filing.year - 1, 3, 1), date(filing.year, 3, 1)
    mine = [one for one in lines if begin <= one.received_on < end and not one.is_void]
    rows = [_tell_south_africa(one, filing) for one in mine if one.is_official]
    nil = ("NIL", filing.tax_number, str(filing.year))
    return rows or [(*nil, *("",) * (len(SOUTH_AFRICA) - len(nil)))]


def _tell_south_africa(one: Line, filing: Filing) -> tuple[str, ...]:
    """A receipt as it shows Notice 6762's particulars; a phone's + is written 00."""
    said = {name: _clean(text) for name, text in one.shown.items()}
    phone = said.get(ReceiptField.DONOR_PHONE, "")
    return (
        *("D", filing.tax_number, str(filing.year), one.label, one.name),
        *(said.get(name, "") for name in SAID_IN_ORDER),
        _clean(", ".join(one.address)),
        "".join(sign for sign in phone.replace("+", "00") if sign.isdigit()),
        said.get(ReceiptField.DONOR_EMAIL, ""),
        one.received_on.isoformat(),
        one.amount,
        "In kind" if said.get(ReceiptField.PROPERTY) else "Cash",
    )


SAID_IN_ORDER = (
    ReceiptField.PERSON_NATURE,
    ReceiptField.ID_TYPE,
    ReceiptField.ID_NUMBER,
    ReceiptField.ID_COUNTRY,
    ReceiptField.TRADING_NAME,
    ReceiptField.TAX_REFERENCE,
)


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
            numbers=(NumberKind.IE_PPSN,),
            wanted="ppsn",
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
            empty=("pre_acknowledgement_number",),
            numbers=(NumberKind.IN_PAN,),
            wanted="unique_identification_number",
            unchecked="the columns are Form 10BD's: Form 113's own layout was not seen",
            most_bytes=50 * MEBIBYTE,
        ),
        Export(
            key="kr",
            who="South Korea: register of receipts for Hometax",
            law="Forms 45-2 and 63-3",
            currency="KRW",
            columns=(
                *("number", "issued_on", "received_on", "name", "resident_number", "address"),
                "amount",
            ),
            rows=list_korea,
            empty=("resident_number",),
            unchecked="Hometax's own layout was not seen; resident numbers are not kept",
        ),
        Export(
            key="za",
            who="South Africa: IT3(d)",
            law="Income Tax Act, s. 18A, Notice 6762",
            currency="ZAR",
            columns=SOUTH_AFRICA,
            rows=list_south_africa,
            wanted="income_tax_reference",
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
    table.writerows([_tame(cell) for cell in row] for row in _list_rows(export, lines, filing))
    text = out.getvalue()
    if export.most_bytes and len(text.encode()) > export.most_bytes:
        raise TooLarge(f"{export.key}: the file is larger than {export.most_bytes} bytes")
    return text


def _list_rows(export: Export, lines: Sequence[Line], filing: Filing) -> Rows:
    return export.rows([one for one in lines if one.currency == export.currency], filing)


def count_lacking(export: Export, lines: Sequence[Line], filing: Filing) -> tuple[int, int]:
    """How many rows lack the number that the office wants, of how many; a nil return has none."""
    if not export.wanted:
        return 0, 0
    at = export.columns.index(export.wanted)
    rows = [row for row in _list_rows(export, lines, filing) if row[0] != "NIL"]
    return sum(not row[at] for row in rows), len(rows)


def _tame(text: str) -> str:
    """Text that a spreadsheet takes for no formula."""
    return f"'{text}" if text[:1] in tuple(FORMULA_SIGNS) else text
