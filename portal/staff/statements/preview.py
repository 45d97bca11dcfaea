"""What a bank's file would become, told before it is kept: read as the import itself reads it."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from portal.i18n import gettext
from portal.money import Money
from portal.payments.statements.formats.csv_rows import Row
from portal.payments.statements.formats.entries import (
    SetAside,
    StatementDocument,
    StatementEntry,
    StatementError,
)
from portal.payments.statements.formats.mapper import preview
from portal.payments.statements.formats.presets import PRESETS

SHOWN = 10
SHOWN_ACCOUNTS = 5
COLUMNS_TOLD = "csv"
BANKS = {preset.name: preset.title for preset in PRESETS}
# What the import calls otherwise than people do; camt.053 and camt.054 go by their own names.
FORMATS = {"mt940": "MT940", "ofx": "OFX", **BANKS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The movements that would be kept: how many, of which accounts, the first of them.

    `came_in` and `went_out` are sums by currency, both above nothing.
    """

    name: str
    accounts: tuple[str, ...]
    movements: int
    came_in: tuple[Money, ...]
    went_out: tuple[Money, ...]
    first: Sequence[StatementEntry]
    set_aside: Sequence[SetAside] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A file looked at: how it is read or why it can't be, and a CSV's first rows as they stand."""

    rows: Sequence[Row] = ()
    reading: Reading | None = None
    error: StatementError | None = None


def look_at(content: bytes, read: Callable[[], StatementDocument] | None) -> Look:
    """The file, by `read` as an import would read it; None where the form can't say how yet."""
    if read is None:
        return Look(rows=_first_rows(content))
    try:
        document = read()
    except StatementError as error:
        return Look(rows=_first_rows(content), error=error)
    is_csv = document.format == COLUMNS_TOLD or document.format in BANKS
    return Look(rows=_first_rows(content) if is_csv else (), reading=_describe(document))


def _first_rows(content: bytes) -> Sequence[Row]:
    try:
        return preview(content, None, rows=SHOWN).rows
    except StatementError:
        return ()


def _describe(document: StatementDocument) -> Reading:
    """The document as it would be kept: movements of nothing are left out."""
    came_in: dict[str, int] = defaultdict(int)
    went_out: dict[str, int] = defaultdict(int)
    accounts: dict[str, None] = {}
    first: list[StatementEntry] = []
    movements = 0
    for entry in document.entries:
        if not entry.money:
            continue
        movements += 1
        accounts[entry.account or document.account] = None
        sums = came_in if entry.is_credit else went_out
        sums[entry.money.currency] += abs(entry.money.minor)
        if len(first) < SHOWN:
            first.append(entry.without_hidden())
    return Reading(
        name=name_format(document.format),
        accounts=tuple(filter(None, accounts))[:SHOWN_ACCOUNTS],
        movements=movements,
        came_in=_sums(came_in),
        went_out=_sums(went_out),
        first=first,
        set_aside=document.set_aside[:SHOWN],
    )


def _sums(minor: dict[str, int]) -> tuple[Money, ...]:
    return tuple(Money(amount, currency) for currency, amount in sorted(minor.items()))


def name_format(name: str) -> str:
    """What was recognised: a bank, or a format."""
    if name == COLUMNS_TOLD:
        return gettext("CSV with the columns you told")
    return FORMATS.get(name, name)
