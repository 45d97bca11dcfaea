"""Any bank's statement, whichever of the known formats it is in."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from portal.i18n import gettext
from portal.payments.statements.formats.camt import read_camt
from portal.payments.statements.formats.csv_reading import read_csv
from portal.payments.statements.formats.csv_table import (
    ColumnMapping,
    Row,
    find_delimiter,
    read_rows,
)
from portal.payments.statements.formats.entries import StatementDocument, StatementError
from portal.payments.statements.formats.mt940 import is_mt940, read_mt940
from portal.payments.statements.formats.ofx import read_ofx
from portal.payments.statements.formats.presets import CURRENCY, find_preset, fit_preset
from portal.payments.statements.formats.texts import check_size, decode, read_file


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


_XML = re.compile(r"\s*<(?:\?xml|!|[A-Za-z])", re.IGNORECASE)
_OFX = re.compile(r"\s*(?:OFXHEADER\s*:|<\?xml[^>]*>\s*<\?OFX|<\?OFX|<OFX\s*>)", re.IGNORECASE)


def read_statement(
    content: bytes,
    *,
    filename: str,
    preset: str | None = None,
    mapping: ColumnMapping | None = None,
    account: str = "",
    currency: str | None = None,
) -> StatementDocument:
    """Read a statement whole, or raise StatementError with the line and the reason.

    The format is told by the content. For a CSV, `mapping` says what its columns mean, else
    `preset` names a bank, else the bank is told by its layout. `account` and `currency` stand
    in where the file names none; the presets' currency is CAD.
    """
    check_size(len(content))
    text = decode(content)
    reader = _standard_reader(text, content)
    if reader is not None:
        return reader(account)
    if mapping is not None:
        return read_csv(text, mapping, account=account, currency=currency)
    found = fit_preset(preset, text) if preset else find_preset(text)
    if found is None:
        raise _unknown_layout(filename)
    return read_csv(
        text,
        found.mapping,
        format_name=found.name,
        account=account,
        currency=currency or CURRENCY,
    )


def read_statement_file(
    path: Path,
    *,
    preset: str | None = None,
    mapping: ColumnMapping | None = None,
    account: str = "",
    currency: str | None = None,
) -> StatementDocument:
    """Like `read_statement`; a file that is too large is refused unread."""
    return read_statement(
        read_file(path),
        filename=path.name,
        preset=preset,
        mapping=mapping,
        account=account,
        currency=currency,
    )


def _standard_reader(text: str, content: bytes) -> Callable[[str], StatementDocument] | None:
    """The reader of a format that names itself, if the content is in one."""
    if _OFX.match(text):
        return lambda account: read_ofx(text, account=account)
    if _XML.match(text):
        return lambda account: read_camt(content, account=account)
    if is_mt940(text):
        return lambda account: read_mt940(text, account=account)
    return None


def _unknown_layout(filename: str) -> StatementError:
    return StatementError(
        gettext(
            "The layout of %(name)s is not known. Choose the bank, or say what its columns mean.",
            name=filename,
        )
    )
