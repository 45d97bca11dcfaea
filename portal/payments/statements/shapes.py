"""Whether a row's cells are of the kinds a layout without a header has."""

import re
from collections.abc import Callable

from portal.payments.statements.csv_rows import Row
from portal.payments.statements.dates import is_date

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
