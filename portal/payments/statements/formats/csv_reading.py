"""A CSV statement by its column mapping: every row becomes an entry, or the file is refused."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from portal.i18n import gettext
from portal.payments.statements.formats.csv_table import (
    ColumnMapping,
    Columns,
    Row,
    bind,
    find_delimiter,
    read_rows,
    row_money,
)
from portal.payments.statements.formats.entries import (
    SetAside,
    Spilled,
    StatementDocument,
    StatementEntry,
    StatementError,
)
from portal.payments.statements.formats.texts import (
    e_transfer_name,
    email_in,
    interac_reference_in,
    joined,
)
from portal.payments.statements.formats.values import (
    DateOrder,
    find_order,
    is_date,
    read_currency,
    read_date,
    unreadable_date,
)

# More rows than this without a date are no footer.
LONGEST_FOOTER = 20

# What banks say of a row's status; another word is asked about, not guessed.
BOOKED = frozenset(("", "posted", "booked", "completed", "settled", "comptabilisé", "effectué"))
PENDING = frozenset(("pending", "authorized", "authorised", "processing", "en attente", "en cours"))

_SUMMARY = re.compile(
    r"\W*(?:(?:sub|grand )?totals?|sous-total|(?:opening|closing|ending|available) balance"
    r"|balance(?: brought)? forward|balance|solde|nombre|number of|count|end of|fin d|page \d"
    r"|generated|exported|généré|exporté|transactions?:)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is the same for all rows of one file."""

    columns: Columns
    currency: str | None
    account: str
    days: dict[str, date]


def read_csv(
    text: str,
    mapping: ColumnMapping,
    *,
    format_name: str = "csv",
    account: str = "",
    currency: str | None = None,
) -> StatementDocument:
    """Read a whole CSV. Raises StatementError with the line at the first thing unclear."""
    currency = read_currency(currency, line=None) if currency else None
    delimiter = mapping.delimiter or find_delimiter(text)
    columns, header = _bind_to_file(text, mapping, delimiter)
    set_aside = Spilled[SetAside]()
    body = _booked(_body(text, mapping, delimiter, header), columns, set_aside)
    dates, last_line = _survey(body, columns)
    reading = _Reading(columns, currency, account, _days(dates, mapping.date_order))
    entries = Spilled[StatementEntry]()
    accounts, currencies = set(), set()
    body = _booked(_body(text, mapping, delimiter, header), columns)
    for entry in _entries(body, last_line, reading):
        entries.append(entry)
        accounts.add(entry.account)
        currencies.add(entry.money.currency)
    return StatementDocument(
        format=format_name,
        account=accounts.pop() if len(accounts) == 1 else "" if accounts else account,
        currency=currencies.pop() if len(currencies) == 1 else "" if currencies else currency or "",
        entries=entries,
        set_aside=set_aside,
    )


def _booked(
    rows: Iterator[Row], columns: Columns, set_aside: Spilled[SetAside] | None = None
) -> Iterator[Row]:
    """The rows whose status says that they are money; `set_aside` is told of the others."""
    for row in rows:
        status = row.cell(columns.status)
        word = status.casefold()
        if word in PENDING:
            if set_aside is not None:
                set_aside.append(SetAside(row.line, status, row.raw))
        elif columns.status is None or word in BOOKED:
            yield row
        else:
            raise StatementError(
                gettext("“%(word)s” says neither booked nor pending.", word=status[:20]), row.line
            )


def _bind_to_file(
    text: str, mapping: ColumnMapping, delimiter: str
) -> tuple[Columns, tuple[str, ...]]:
    """The columns, and the cells that name them."""
    header = list(islice(read_rows(text, delimiter), mapping.header_rows))
    if len(header) < mapping.header_rows:
        raise StatementError(gettext("The file ends within its header."))
    if not header:
        return bind(mapping, (), None), ()
    return bind(mapping, header[-1].cells, header[-1].line), header[-1].cells


def _body(
    text: str, mapping: ColumnMapping, delimiter: str, header: tuple[str, ...]
) -> Iterator[Row]:
    """The rows between header and footer."""
    held: deque[Row] = deque()
    rows = islice(read_rows(text, delimiter), mapping.header_rows, None)
    for row in _without_headers(rows, header) if header else rows:
        held.append(row)
        if len(held) > mapping.footer_rows:
            yield held.popleft()


def _without_headers(rows: Iterator[Row], header: tuple[str, ...]) -> Iterator[Row]:
    """Rows without the header that stands again before each account's rows, nor what stands
    above it in one cell.
    """
    above: list[Row] = []
    for row in rows:
        if row.cells == header:
            above.clear()
        elif row.width == 1 and len(above) < LONGEST_FOOTER:
            above.append(row)
        else:
            yield from above
            above.clear()
            yield row
    yield from above


def _survey(rows: Iterator[Row], columns: Columns) -> tuple[dict[str, int], int]:
    """Every date with the line it first stands in, and the line of the last movement.

    Rows without a date are a footer if nothing follows them and they say so; else an error.
    """
    dates: dict[str, int] = {}
    undated: list[Row] = []
    last_line = 0
    for row in rows:
        text = row.cell(columns.date)
        if text in dates or is_date(text):
            _refuse(undated, columns)
            dates.setdefault(text, row.line)
            last_line = row.line
        else:
            undated.append(row)
            if len(undated) > LONGEST_FOOTER:
                _refuse(undated, columns)
    _refuse([row for row in undated if not _is_summary(row)], columns)
    return dates, last_line


def _refuse(undated: list[Row], columns: Columns) -> None:
    if undated:
        raise unreadable_date(undated[0].cell(columns.date), undated[0].line)


def _is_summary(row: Row) -> bool:
    return any(_SUMMARY.match(cell) for cell in row.cells)


def _days(dates: dict[str, int], order: DateOrder) -> dict[str, date]:
    """What each date of the file means."""
    if order is DateOrder.AUTO and dates:
        order = find_order(dates)
    days: dict[str, date] = {}
    for text, line in dates.items():
        day = read_date(text, order)
        if day is None:
            raise unreadable_date(text, line)
        days[text] = day
    return days


def _entries(rows: Iterator[Row], last_line: int, reading: _Reading) -> Iterator[StatementEntry]:
    for row in rows:
        if row.line > last_line:
            return
        _check_width(row, reading.columns)
        if _is_balance(row, reading.columns):
            continue
        yield _entry(row, reading)


def _check_width(row: Row, columns: Columns) -> None:
    """A row that is too short was cut off; one too long has a comma where none belongs."""
    widest = columns.mapping.width
    if len(row.cells) < columns.narrowest or (widest and row.width > widest):
        raise StatementError(
            gettext(
                "The line has %(found)s columns instead of %(wanted)s.",
                found=row.width,
                wanted=widest or columns.narrowest,
            ),
            row.line,
        )


def _is_balance(row: Row, columns: Columns) -> bool:
    """A dated line that says a balance and moves nothing."""
    return not any(row.cell(column) for column in columns.amounts) and _is_summary(row)


def _entry(row: Row, reading: _Reading) -> StatementEntry:
    columns = reading.columns
    words = [row.cell(column) for column in columns.message]
    message = joined(words)
    return StatementEntry(
        position=row.line,
        booked_on=reading.days[row.cell(columns.date)],
        money=row_money(row, columns, reading.currency),
        account=row.cell(columns.account) or reading.account,
        payer_name=row.cell(columns.payer_name) or _name_among([*words, message]),
        payer_account=row.cell(columns.payer_account),
        payer_email=row.cell(columns.payer_email) or email_in(message),
        message=message,
        bank_reference=row.cell(columns.bank_reference),
        interac_reference=interac_reference_in(message),
        raw=row.raw,
    )


def _name_among(texts: Sequence[str]) -> str:
    """The sender as one column names them, for the next is their message; else as all do."""
    return next(filter(None, map(e_transfer_name, texts)), "")
