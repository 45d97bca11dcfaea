"""Rows of a CSV text: cells, the line they begin at, and the line as it stood."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from portal.i18n import gettext
from portal.payments.statements.entries import StatementError

# In order of preference where two would cut a file into equally many cells.
DELIMITERS = (";", "\t", "|", ",")
LOOKED_AT = 30

# Any of the three line endings; a StringIO would hold the text again at four bytes a sign.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
# Spreadsheets keep leading zeros by ="00123" or '00123.
_KEPT = re.compile(r'="(.*)"|\'([\d*]+)\'?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """One row; cells without surrounding space, `raw` without its line ending."""

    line: int
    cells: tuple[str, ...]
    raw: str

    def cell(self, index: int | None) -> str:
        """The cell of a column; empty where the row ends before it."""
        return "" if index is None or index >= len(self.cells) else self.cells[index]

    @property
    def width(self) -> int:
        """How many cells it has, empty ones at its end not counted."""
        return max(index for index, cell in enumerate(self.cells, start=1) if cell)


def read_rows(text: str, delimiter: str) -> Iterator[Row]:
    """All rows that hold anything. Raises StatementError at a broken quote."""
    consumed: list[str] = []

    def lines() -> Iterator[str]:
        for found in _LINE.finditer(text):
            consumed.append(found[0])
            yield found[0]

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = tuple(map(_clean, next(reader)))
        except StopIteration:
            return
        except csv.Error as error:
            raise StatementError(
                gettext("A quotation mark is missing or out of place."), line
            ) from error
        if any(cells):
            yield Row(line, cells, "".join(consumed).rstrip("\r\n"))
        line += len(consumed)
        consumed.clear()


def _clean(cell: str) -> str:
    cell = cell.strip()
    kept = _KEPT.fullmatch(cell) if cell[:1] in {"=", "'"} else None
    return (kept[1] or kept[2] or "").strip() if kept else cell


def find_delimiter(text: str) -> str:
    """What cuts most of the first rows into equally many cells."""
    start = "".join(found[0] for found in islice(_LINE.finditer(text), LOOKED_AT))
    return max(DELIMITERS, key=lambda delimiter: _regularity(start, delimiter))


def _regularity(start: str, delimiter: str) -> tuple[int, int]:
    """How many rows agree on a number of cells above one, and that number."""
    widths: Counter[int] = Counter()
    # The cut may go through a quoted cell: what was read before it counts.
    with suppress(StatementError):
        widths.update(len(row.cells) for row in read_rows(start, delimiter))
    del widths[1]
    return max(((count, width) for width, count in widths.items()), default=(0, 0))
