"""The CSV layouts of Canada's five large banks, as their sites export them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from portal.i18n import gettext
from portal.payments.statements.columns import ColumnMapping, plain
from portal.payments.statements.csv_rows import Row, read_rows
from portal.payments.statements.dates import DateOrder, is_date
from portal.payments.statements.entries import StatementError
from portal.payments.statements.shapes import fits

CURRENCY = "CAD"
# How many rows may stand before a header, and how many rows tell a layout without one.
PREAMBLE = 10
TELLING = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One bank's layout: known by its `header`, or where it has none by its rows' `shape`."""

    name: str
    title: str
    mapping: ColumnMapping
    header: tuple[str, ...] = ()
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
)
BY_NAME = {preset.name: preset for preset in PRESETS}


def find_preset(text: str) -> Preset | None:
    """The only bank whose layout the file has, set to where its header stands."""
    found = [preset for preset in (_fitted(each, text) for each in PRESETS) if preset]
    return found[0] if len(found) == 1 else None


def fit_preset(name: str, text: str) -> Preset:
    """A chosen bank's layout. Raises StatementError if the file has another."""
    preset = BY_NAME.get(name)
    if preset is None:
        raise StatementError(gettext("There is no bank layout “%(name)s”.", name=name))
    fitted = _fitted(preset, text)
    if fitted is None:
        raise StatementError(
            gettext("The file doesn’t look like one of %(bank)s.", bank=preset.title), 1
        )
    return fitted


def _fitted(preset: Preset, text: str) -> Preset | None:
    start = list(_start(text, preset.mapping.delimiter))
    if not preset.header:
        return _by_shape(preset, start)
    wanted = tuple(map(plain, preset.header))
    for number, row in enumerate(start, start=1):
        if tuple(map(plain, row.cells[: len(wanted)])) == wanted and row.width == len(wanted):
            return replace(preset, mapping=replace(preset.mapping, header_rows=number))
    return None


def _start(text: str, delimiter: str) -> Iterator[Row]:
    try:
        yield from islice(read_rows(text, delimiter), PREAMBLE)
    except StatementError:
        return  # the reading itself says what is wrong, and where


def _by_shape(preset: Preset, start: Sequence[Row]) -> Preset | None:
    """By the first rows that bear a date; a row of names may stand before them."""
    named = bool(start) and not is_date(start[0].cell(0)) and "date" in plain(start[0].cell(0))
    telling = [row for row in start[named:] if is_date(row.cell(0))][:TELLING]
    if not telling or not is_date(start[int(named)].cell(0)):
        return None
    if not all(fits(preset.shape, row) for row in telling):
        return None
    return replace(preset, mapping=replace(preset.mapping, header_rows=int(named)))
