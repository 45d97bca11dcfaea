"""A spreadsheet laid out as HMRC's service reads one; made here, since HMRC's own is HMRC's."""

import io
from typing import Any

from odfdo import Document, Table

SHEET = "R68GAD_V1_00_0_EN"
LABELS = (
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
EARLIEST = "Earliest donation date in the period of claim. (DD/MM/YY)"
OVERCLAIMED = "Previously over-claimed amount"


def make_template(
    *, sheet: str = SHEET, labels: tuple[str, ...] = LABELS, header: int = 22, column: int = 1
) -> bytes:
    """An empty one; `header` is the row of the labels, counted from nought."""
    document = Document("spreadsheet")
    document.body.clear()
    table = Table(sheet)
    document.body.append(table)
    table.set_value((3, 11), EARLIEST)
    table.set_value((3, 15), OVERCLAIMED)
    for at, label in enumerate(labels, column):
        table.set_value((at, header), label)
    # The first items alone, as the reader's numbers are written by the portal.
    for at in range(1, 4):
        table.set_value((column, 23 + at), at)
    return save(document)


def save(document: Document) -> bytes:
    kept = io.BytesIO()
    document.save(kept)
    return kept.getvalue()


def read_cells(data: bytes, rows: int) -> list[list[Any]]:
    """What stands in columns B to K from row 25 on, as texts."""
    table = Document(io.BytesIO(data)).body.tables[0]
    return [[_text(table.get_cell((x, 24 + y))) for x in range(1, 11)] for y in range(rows)]


def read_cell(data: bytes, column: int, row: int) -> str:
    return _text(Document(io.BytesIO(data)).body.tables[0].get_cell((column, row)))


def _text(cell: Any) -> str:
    paragraphs = cell.get_elements("text:p")
    return "\n".join(one.text_recursive for one in paragraphs)
