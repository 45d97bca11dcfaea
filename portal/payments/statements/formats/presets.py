"""The CSV layouts of Canada's large banks, as their sites export them.

No standard says how a CSV of a bank looks; these follow exports of RBC, TD, BMO (one account or
several, each with the header again), Scotiabank (without a header, and the newer two with one:
rows whose status is pending are no money yet), CIBC, Desjardins (fourteen columns without a
header) and the National Bank (in English and French). No kept library reads them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from portal.i18n import gettext
from portal.payments.statements.formats.csv_table import (
    ColumnMapping,
    Row,
    find_delimiter,
    plain,
    read_rows,
)
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.values import DateOrder, is_date

CURRENCY = "CAD"
# How many rows may stand before a header, and how many rows tell a layout without one.
PREAMBLE = 10
TELLING = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One of a bank's layouts: known by its `header`, or where it has none by its rows' `shape`.

    With `optional` columns the header's are in any order, and `status` is bound if it is there.
    """

    name: str
    title: str
    mapping: ColumnMapping
    header: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    shape: str = ""


PRESETS = (
    Preset(
        name="rbc",
        title="RBC Royal Bank",
        header=(
            "Account Type",
            "Account Number",
            "Transaction Date",
            "Cheque Number",
            "Description 1",
            "Description 2",
            "CAD$",
            "USD$",
        ),
        mapping=ColumnMapping(
            account=1,
            date=2,
            bank_reference=3,
            message=(4, 5),
            amounts_by_currency=(("CAD", 6), ("USD", 7)),
            date_order=DateOrder.MONTH_FIRST,
            decimal_mark=".",
            delimiter=",",
        ),
    ),
    Preset(
        name="td",
        title="TD Canada Trust",
        shape="date text amount? amount? amount",
        mapping=ColumnMapping(
            date=0,
            message=(1,),
            debit=2,
            credit=3,
            header_rows=0,
            width=5,
            date_order=DateOrder.MONTH_FIRST,
            decimal_mark=".",
            delimiter=",",
        ),
    ),
    Preset(
        name="bmo",
        title="BMO Bank of Montreal",
        header=(
            "First Bank Card",
            "Transaction Type",
            "Date Posted",
            "Transaction Amount",
            "Description",
        ),
        mapping=ColumnMapping(
            account=0,
            direction=1,
            date=2,
            amount=3,
            message=(4,),
            date_order=DateOrder.YEAR_FIRST,
            decimal_mark=".",
            delimiter=",",
        ),
    ),
    Preset(
        name="scotiabank",
        title="Scotiabank",
        shape="date amount text",
        mapping=ColumnMapping(
            date=0,
            amount=1,
            message=(2,),
            header_rows=0,
            width=3,
            date_order=DateOrder.MONTH_FIRST,
            decimal_mark=".",
            delimiter=",",
        ),
    ),
    Preset(
        name="cibc",
        title="CIBC",
        shape="date text amount? amount? card?",
        mapping=ColumnMapping(
            date=0,
            message=(1,),
            debit=2,
            credit=3,
            header_rows=0,
            width=5,
            date_order=DateOrder.YEAR_FIRST,
            decimal_mark=".",
            delimiter=",",
        ),
    ),
    Preset(
        name="scotiabank",
        title="Scotiabank",
        header=("Date", "Description", "Sub-description", "Type of Transaction", "Amount"),
        optional=("Filter", "Status", "Balance"),
        mapping=ColumnMapping(
            date="Date",
            message=("Description", "Sub-description"),
            direction="Type of Transaction",
            amount="Amount",
            date_order=DateOrder.MONTH_FIRST,
            decimal_mark=".",
            delimiter=",",
        ),
    ),
    Preset(
        name="desjardins",
        title="Desjardins",
        shape="text any text date any text any amount? amount? any any any any any",
        mapping=ColumnMapping(
            account=1,
            date=3,
            message=(5,),
            bank_reference=6,
            debit=7,
            credit=8,
            header_rows=0,
            width=14,
            date_order=DateOrder.YEAR_FIRST,
            decimal_mark=".",
            delimiter=",",
        ),
    ),
    Preset(
        name="national",
        title="National Bank",
        header=("Date", "Description", "Debit", "Credit"),
        optional=("Category", "Balance"),
        mapping=ColumnMapping(
            date="Date", message=("Description",), debit="Debit", credit="Credit"
        ),
    ),
    Preset(
        name="national",
        title="National Bank",
        header=("Date", "Description", "Débit", "Crédit"),
        optional=("Catégorie", "Solde"),
        mapping=ColumnMapping(
            date="Date", message=("Description",), debit="Débit", credit="Crédit"
        ),
    ),
)


def find_preset(text: str) -> Preset | None:
    """The only bank whose layout the file has, set to where its header stands."""
    found = [preset for preset in (_fitted(each, text) for each in PRESETS) if preset]
    return found[0] if len(found) == 1 else None


def fit_preset(name: str, text: str) -> Preset:
    """A chosen bank's layout. Raises StatementError if the file has another."""
    layouts = [preset for preset in PRESETS if preset.name == name]
    if not layouts:
        raise StatementError(gettext("There is no bank layout “%(name)s”.", name=name))
    fitted = next(filter(None, (_fitted(preset, text) for preset in layouts)), None)
    if fitted is None:
        raise StatementError(
            gettext("The file doesn’t look like one of %(bank)s.", bank=layouts[0].title), 1
        )
    return fitted


def _fitted(preset: Preset, text: str) -> Preset | None:
    start = list(_start(text, preset.mapping.delimiter or find_delimiter(text)))
    if not preset.header:
        return _by_shape(preset, start)
    for number, row in enumerate(start, start=1):
        names = [plain(cell) for cell in row.cells[: row.width]]
        if _is_header(preset, names):
            status = "Status" if preset.optional and "status" in names else None
            mapping = replace(preset.mapping, header_rows=number, status=status)
            return replace(preset, mapping=mapping)
    return None


def _is_header(preset: Preset, names: list[str]) -> bool:
    wanted = [plain(name) for name in preset.header]
    if not preset.optional:
        return names == wanted
    known = {*wanted, *map(plain, preset.optional)}
    return set(wanted) <= set(names) <= known and len(set(names)) == len(names)


def _start(text: str, delimiter: str) -> Iterator[Row]:
    try:
        yield from islice(read_rows(text, delimiter), PREAMBLE)
    except StatementError:
        return  # the reading itself says what is wrong, and where


def _by_shape(preset: Preset, start: Sequence[Row]) -> Preset | None:
    """By the first rows that bear a date; a row of names may stand before them."""
    at = preset.mapping.date
    if not isinstance(at, int) or not start:
        return None
    named = not is_date(start[0].cell(at)) and "date" in plain(start[0].cell(at))
    telling = [row for row in start[named:] if is_date(row.cell(at))][:TELLING]
    if not telling or not is_date(start[int(named)].cell(at)):
        return None
    if not all(fits(preset.shape, row) for row in telling):
        return None
    return replace(preset, mapping=replace(preset.mapping, header_rows=int(named)))


_AMOUNT = re.compile(r"-?\$?\d[\d,]*(?:\.\d{1,2})?")
_CARD_SIGNS = re.compile(r"[\d*Xx]{4,}")
_HIDDEN_SIGNS = re.compile(r"[*Xx]{4}")


def _is_card(cell: str) -> bool:
    """A card's number with its middle hidden, as 4510XXXXXXXX1234."""
    return _CARD_SIGNS.fullmatch(cell) is not None and _HIDDEN_SIGNS.search(cell) is not None


def _is_amount(cell: str) -> bool:
    return _AMOUNT.fullmatch(cell) is not None


def _is_text(cell: str) -> bool:
    return not _is_amount(cell) and not is_date(cell)


KINDS: dict[str, Callable[[str], bool]] = {
    "any": lambda _cell: True,
    "date": is_date,
    "text": _is_text,
    "amount": _is_amount,
    "amount?": lambda cell: not cell or _is_amount(cell),
    "card?": lambda cell: not cell or _is_card(cell),
}


def fits(shape: str, row: Row) -> bool:
    """Whether every cell is of its kind, and of two optional amounts one is there."""
    kinds = shape.split()
    cells = [row.cell(index) for index in range(len(kinds))]
    optional = [cell for kind, cell in zip(kinds, cells, strict=True) if kind == "amount?"]
    return (
        row.width <= len(kinds)
        and all(KINDS[kind](cell) for kind, cell in zip(kinds, cells, strict=True))
        and (not optional or any(optional))
    )
