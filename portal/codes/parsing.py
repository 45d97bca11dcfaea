"""Reading a code's terms from its document, as a data file or the database holds them.

The document has, all optional: `regions` (slugs), `fund`, `currency`, `modes` (keys in
order), `message` (texts), and by currency `presets` (lists), `amount` and `minimum`, as
texts in major units ("75.50").
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.codes.normalise import LONGEST_CODE, normalise_code
from portal.codes.terms import Code, Kind
from portal.regions.fields import FieldError, Fields
from portal.regions.mode_parsing import MODE_KEYS


class CodeError(ValueError):
    """A code's data is wrong; the text names code and field, and what it should be."""


def parse_code(
    display: str,
    document: Mapping[str, Any],
    *,
    kind: Kind,
    partner: str | None = None,
    partner_name: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    active: bool = True,
) -> Code:
    """The code its columns and its document describe."""
    code = normalise_code(display)
    if not 0 < len(code) <= LONGEST_CODE:
        raise CodeError(f"{display}: code: has 1 to {LONGEST_CODE} signs")
    if starts_at and ends_at and starts_at >= ends_at:
        raise CodeError(f"{display}: ends_at: is after starts_at")
    try:
        fields = Fields(document, display)
        terms = _terms(fields)
        fields.close()
    except FieldError as error:
        raise CodeError(str(error)) from error
    return Code(
        code=code,
        display=display,
        kind=kind,
        partner=partner,
        partner_name=partner_name,
        starts_at=starts_at,
        ends_at=ends_at,
        active=active,
        **terms,
    )


def _terms(fields: Fields) -> dict[str, Any]:
    modes = fields.strings("modes") if "modes" in fields else None
    if modes is not None and (not modes or not {*modes} <= {*MODE_KEYS}):
        raise fields.wrong("modes", f"has some of {', '.join(MODE_KEYS)}")
    return {
        "regions": frozenset(fields.strings("regions", ())),
        "fund": fields.text("fund") if "fund" in fields else None,
        "currency": _currency(fields),
        "modes": modes,
        "presets_minor": fields.minors_by_currency("presets"),
        "amount_minor": fields.minor_by_currency("amount"),
        "minimum_minor": fields.minor_by_currency("minimum"),
        "message": fields.texts("message", optional=True),
    }


def _currency(fields: Fields) -> str | None:
    if "currency" not in fields:
        return None
    currency = fields.text("currency")
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise fields.wrong("currency", "is three capital letters")
    return currency
