"""A claim's schedule as files: HMRC's own spreadsheet filled in, and a table to paste into it.

HMRC takes no other spreadsheet than its own, so the operator uploads that once, as it was
downloaded; it is no part of this product. Where its labels stand is found in it, and a file
that has them elsewhere, or others, is of another version and is refused: the service that reads
it looks into fixed cells (OdsReaderService of github.com/hmrc/charities-claims-validation).
"""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.codes.sheets import BROKEN
from portal.database import Base, BigId
from portal.i18n import gettext
from portal.plain import clean_line
from portal.receipts.gift_aid import MOST_ROWS, Row, write_pounds
from portal.services import Act

if TYPE_CHECKING:
    from odfdo import Cell, Document, Table

MOST_BYTES = 2_000_000
MEDIA_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
SHEET = "R68GAD_V1_00_0"
COLUMNS = (
    "Item",
    "Title",
    "First name",
    "Last name",
    "House name or number",
    "Postcode",
    "Aggregated donations",
    "Sponsored event",
    "Donation date",
    "Amount",
)
EARLIEST, OVERCLAIMED = "Earliest donation date", "Previously over"
# Where HMRC's service looks, counted from nought: columns B to K from row 25 on, and the cells
# D13 and D17, below what they are called.
FIRST_COLUMN, FIRST_ROW, CALLED_AT, EARLIEST_ROW, OVERCLAIMED_ROW = 1, 24, 3, 12, 16
# The header stands a few rows above the first of them.
HEADER_ROWS = range(17, FIRST_ROW)


class Template(Base):
    """HMRC's empty spreadsheet, as an operator uploaded it; the newest one counts."""

    __tablename__ = "gift_aid_templates"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    filename: Mapped[str] = mapped_column(sa.String(200))
    sha256: Mapped[str] = mapped_column(sa.String(64))
    data: Mapped[bytes]
    uploaded_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(sa.String(80))


class TemplateRefused(ValueError):
    """The file is not HMRC's schedule as it is known; the text says so, and what to do."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What one spreadsheet is to say; `overclaimed_minor` is tax to give back, in pence."""

    rows: Sequence[Row]
    overclaimed_minor: int = 0

    @property
    def earliest(self) -> date | None:
        return min((row.day for row in self.rows), default=None)


def keep_template(act: Act, filename: str, data: bytes) -> Template:
    """Keep an uploaded spreadsheet, or `TemplateRefused`."""
    check_template(data)
    template = Template(
        filename=clean_line(filename)[:200],
        sha256=hashlib.sha256(data).hexdigest(),
        data=data,
        uploaded_at=act.now,
        actor=act.actor,
    )
    act.session.add(template)
    act.session.flush()
    act.note("gift_aid_template", "installation", {})
    return template


def find_template(session: Session) -> Template | None:
    """The one that counts."""
    newest = sa.select(Template).order_by(Template.id.desc()).limit(1)
    return session.scalars(newest).first()


def check_template(data: bytes) -> None:
    """Refuse what is no empty schedule of the known version."""
    _find_columns(_open(data)[1])


def _open(data: bytes) -> "tuple[Document, Table]":
    """The spreadsheet and its first sheet."""
    from odfdo import Document  # noqa: PLC0415 - only who fills one in needs it

    if len(data) > MOST_BYTES:
        raise TemplateRefused(gettext("This file is too large to be HMRC’s schedule."))
    try:
        document = Document(io.BytesIO(data))
        tables = document.body.tables if document.get_type() == "spreadsheet" else []
    except (*BROKEN, AttributeError) as error:
        raise TemplateRefused(_ask_original()) from error
    if not tables:
        raise TemplateRefused(_ask_original())
    if not (tables[0].name or "").strip().startswith(SHEET):
        raise TemplateRefused(
            gettext(
                "The first sheet of this file is “%(name)s” and not “%(wanted)s”: it is another "
                "file, or HMRC’s of another version.",
                name=tables[0].name or "",
                wanted=f"{SHEET}_EN",
            )
        )
    return document, tables[0]


def _ask_original() -> str:
    return gettext(
        "This is no ODS spreadsheet. Upload the Gift Aid schedule as you downloaded it from "
        "GOV.UK, for LibreOffice or for Excel."
    )


def _find_columns(table: "Table") -> None:
    """Refuse a sheet whose labels do not stand where HMRC's service looks."""
    rows = {at: [_said(cell) for cell in table.get_row_values(at)] for at in HEADER_ROWS}
    wanted = [label.casefold() for label in COLUMNS]
    places = slice(FIRST_COLUMN, FIRST_COLUMN + len(COLUMNS))
    is_there = any(_match(row[places], wanted) for row in rows.values())
    labels = [_said(table.get_value((CALLED_AT, at - 1))) for at in (EARLIEST_ROW, OVERCLAIMED_ROW)]
    if not is_there:
        raise TemplateRefused(_say_other(", ".join(COLUMNS)))
    if not _match(labels, [EARLIEST.casefold(), OVERCLAIMED.casefold()]):
        raise TemplateRefused(_say_other(f"{EARLIEST}, {OVERCLAIMED}-claimed amount"))


def _say_other(labels: str) -> str:
    return gettext(
        "This is HMRC’s schedule of another version: these labels are not where they were "
        "known to be: %(labels)s. Nothing is filled in. Use the CSV file until the portal knows "
        "this version.",
        labels=labels,
    )


def _said(value: object) -> str:
    return re.sub(r"[\s-]+", " ", str(value or "")).strip().casefold()


def _match(said: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether each label begins as it should; hints may stand behind it."""
    plain = [text.replace("-", " ") for text in wanted]
    return len(said) == len(plain) and all(
        text.startswith(label) for text, label in zip(said, plain, strict=True)
    )


def fill_template(data: bytes, schedule: Schedule) -> bytes:
    """HMRC's spreadsheet with a schedule's rows; `TemplateRefused` as for `check_template`."""
    if len(schedule.rows) > MOST_ROWS:
        raise ValueError(f"a spreadsheet has at most {MOST_ROWS} rows")
    document, table = _open(data)
    _find_columns(table)
    if schedule.earliest is not None:
        _write(table, CALLED_AT, EARLIEST_ROW, f"{schedule.earliest:%d/%m/%y}")
    if schedule.overclaimed_minor:
        _write(table, CALLED_AT, OVERCLAIMED_ROW, Decimal(write_pounds(schedule.overclaimed_minor)))
    for at, row in enumerate(schedule.rows):
        _write_row(table, FIRST_ROW + at, at + 1, row)
    filled = io.BytesIO()
    document.save(filled)
    return filled.getvalue()


def _write(table: "Table", column: int, at: int, value: "str | Decimal") -> None:
    found: Any = table.get_cell((column, at), clone=False)
    table.set_cell((column, at), _make_cell(value, found.style), clone=False)


def _make_cell(value: str | int | Decimal, style: Any) -> "Cell":
    """A cell with the looks of the one it replaces; an amount has the decimals that are read."""
    from odfdo import Cell  # noqa: PLC0415 - as above

    if isinstance(value, Decimal):
        return Cell(value, text=f"{value:.2f}", cell_type="float", style=style)
    return Cell(value, style=style)


def _write_row(table: "Table", at: int, number: int, row: Row) -> None:
    line = table.get_row(at)
    values: list[str | int | Decimal] = [number, *row.cells[:-1], Decimal(row.amount)]
    for place, value in enumerate(values, FIRST_COLUMN):
        if value != "":
            found: Any = line.get_cell(place, clone=False)
            line.set_cell(place, _make_cell(value, found.style), clone=False)
    table.set_row(at, line, clone=False)


def write_csv(schedule: Schedule) -> str:
    """The rows to paste below the spreadsheet's labels, without them, from the title on.

    HMRC's spreadsheet takes texts as they are, so no cell is quoted against formulas: names
    have no sign that begins one.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(
        [_tame(cell) for cell in row.cells] for row in schedule.rows
    )
    return out.getvalue()


def _tame(text: str) -> str:
    """A text that no spreadsheet takes for a formula; HMRC reads what is left of it the same."""
    return text.lstrip("=+-@\t\r\n ")
