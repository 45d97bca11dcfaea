"""What stands around an event of Stripe's, made fit to be kept, whatever was signed: pure.

A signed delivery is kept even where it is no event as Stripe describes them
(https://docs.stripe.com/api/events/object): without an id or a time, with characters that
PostgreSQL keeps in no text, or no JSON at all. Refused, it would be sent again for days.
"""

import hashlib
import json
import math
import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from portal.database import Document

LONGEST_ID = 80
LONGEST_TYPE = 80
LONGEST_VERSION = 40
DEEPEST = 60
# Under which name a delivery is kept that is no JSON object.
BODY = "signed_body"
# NUL and halves of characters, as JSON writes them, and numbers that it doesn't know.
_ODD = re.compile(r"\\u0000|\\ud[89a-f]|NaN|Infinity")
# The same as anybody may write them, where a text has any.
_MAYBE_ODD = re.compile(r"\\u(?:0000|d[89a-f])", re.I)
_UNKEPT = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event's own columns: texts that fit, and a time; `received` where it tells none."""

    stripe_event_id: str
    type: str
    livemode: bool
    api_version: str
    created_at: datetime
    payload: Document

    def columns(self) -> Document:
        """The same by the columns' names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def open_envelope(text: str, received: datetime) -> Envelope:
    """What to keep of the text of a signed delivery."""
    event = _open(text)
    is_odd = BODY in event or ("\\u" in text and _MAYBE_ODD.search(text))
    return _fit(_make_storable(event) if is_odd else event, received)


def _known_number(text: str) -> float | str:
    """A number as JSON has it; those without an end by their names."""
    number = float(text)
    return number if math.isfinite(number) else str(number)


_JSON = json.JSONDecoder(parse_float=_known_number, parse_constant=_known_number)


def _open(text: str) -> Document:
    """The JSON object that a text is; all else by the text, under `BODY`."""
    try:
        event = _JSON.decode(text)
    except (ValueError, RecursionError):
        return {BODY: text}
    # What opens no more brackets than that can't be deeper, and most events don't.
    is_flat = text.count("{") + text.count("[") <= DEEPEST
    is_event = isinstance(event, dict) and (is_flat or not _is_deep(event))
    return event if is_event else {BODY: text}


def read_envelope(event: Document, received: datetime) -> Envelope:
    """What to keep of an event."""
    return _fit(_make_storable(event), received)


def _fit(payload: Document, received: datetime) -> Envelope:
    """An event's columns; one without a usable id is named by what it holds."""
    return Envelope(
        stripe_event_id=_fitting(payload.get("id"), LONGEST_ID) or _name(payload),
        type=_fitting(payload.get("type"), LONGEST_TYPE),
        livemode=payload.get("livemode") is True,
        api_version=_fitting(payload.get("api_version"), LONGEST_VERSION),
        created_at=_time_or(payload.get("created"), received),
        payload=payload,
    )


def is_thin(event: Document) -> bool:
    """Whether it only names what changed (https://docs.stripe.com/event-destinations)."""
    return event.get("object") == "v2.core.event"


def _fitting(value: Any, longest: int) -> str:
    return value if isinstance(value, str) and len(value) <= longest else ""


def _name(payload: Document) -> str:
    written = json.dumps(payload, sort_keys=True)
    return f"unnamed_{hashlib.sha256(written.encode()).hexdigest()[:40]}"


def _time_or(seconds: Any, received: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return received


def _is_deep(value: Any) -> bool:
    """Whether it is nested deeper than any event, and than engines and Python like."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _make_storable(event: Document) -> Document:
    """The same in characters that both engines keep; nearly always it is so already."""
    if not _ODD.search(json.dumps(event)):
        return event
    return {_clean(key): _clean(value) for key, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _UNKEPT.sub("\ufffd", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {_clean(key): _clean(inner) for key, inner in value.items()}
    return [_clean(inner) for inner in value] if isinstance(value, list) else value
