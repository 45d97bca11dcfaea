"""The generic column mapper: look at a file, say what its columns mean, see what comes of it."""

from dataclasses import dataclass
from itertools import islice

from portal.payments.statements.formats.columns import ColumnMapping
from portal.payments.statements.formats.csv_reading import read_csv
from portal.payments.statements.formats.csv_rows import Row, find_delimiter, read_rows
from portal.payments.statements.formats.decoding import decode
from portal.payments.statements.formats.entries import StatementDocument, StatementError


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The first rows as they stand, and what the whole file becomes under a mapping."""

    delimiter: str
    rows: tuple[Row, ...]
    document: StatementDocument | None = None
    error: StatementError | None = None


def preview(
    content: bytes,
    mapping: ColumnMapping | None,
    *,
    rows: int = 10,
    account: str = "",
    currency: str | None = None,
) -> Preview:
    """Show `rows` rows of a CSV, and try `mapping` on all of it.

    Raises StatementError if the file is no CSV at all; one that the mapping does not fit
    comes back with `error`.
    """
    text = decode(content)
    delimiter = (mapping.delimiter if mapping else "") or find_delimiter(text)
    first = tuple(islice(read_rows(text, delimiter), rows))
    if mapping is None:
        return Preview(delimiter=delimiter, rows=first)
    try:
        document = read_csv(text, mapping, account=account, currency=currency)
    except StatementError as error:
        return Preview(delimiter=delimiter, rows=first, error=error)
    return Preview(delimiter=delimiter, rows=first, document=document)
