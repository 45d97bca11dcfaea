"""What one event of Stripe's means for us, before anything is looked up: pure records.

What stands around it is made fit to be kept, whatever was signed. A signed delivery is kept even
where it is no event as Stripe describes them (https://docs.stripe.com/api/events/object): without
an id or a time, with characters that PostgreSQL keeps in no text, or no JSON at all. Refused, it
would be sent again for days.
"""

import hashlib
import json
import math
import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial
from typing import Any

from portal.database import Document
from portal.gifts.evidence import Claim, Provider
from portal.gifts.models import PlanStatus
from portal.money import Money
from portal.payments.models import CheckoutState, LinkKind

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


# Stripe's amounts have twelve figures at most (https://docs.stripe.com/currencies).
MOST_MINOR = 10**14
LONGEST_WORD = 200
LONGEST_REFERENCE = 40


def shown(thing: Document, name: str) -> Document:
    """What an object names, where Stripe sent it whole; nothing where it sent an id."""
    value = thing.get(name)
    return value if isinstance(value, dict) else {}


def subscription_details(invoice: Document) -> Document:
    details: Document = (invoice.get("parent") or {}).get("subscription_details") or {}
    return details


def read_reference(thing: Document) -> str | None:
    """The gift that an object's metadata name; those may be null, empty or another program's."""
    return read_word((thing.get("metadata") or {}).get("portal_gift"))[:LONGEST_REFERENCE] or None


def read_installation(thing: Document) -> str | None:
    """The installation that an object's metadata name; the first ones named none."""
    return read_word((thing.get("metadata") or {}).get("portal_installation")) or None


def read_money(amount: Any, currency: Any) -> Money:
    """Money as Stripe writes it: a whole number within its limits, more than nothing."""
    money = Money.from_stripe(amount, currency)
    if not 0 < money.minor < MOST_MINOR:
        raise ValueError("no amount of Stripe's")
    return money


def read_word(value: Any) -> str:
    return value[:LONGEST_WORD] if isinstance(value, str) else ""


def read_id(value: Any) -> str | None:
    """An id, whether Stripe sent it or, expanded, its object."""
    found = value["id"] if isinstance(value, dict) else value
    if not found:
        return None
    if not isinstance(found, str) or len(found) > LONGEST_ID or not _is_plain(found):
        raise ValueError("no id of Stripe's")
    return found


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def own_id(thing: Document) -> str:
    """An object's own id, which every one has."""
    found = read_id(thing["id"])
    if found is None:
        raise ValueError("an object without an id")
    return found


def read_ids(*values: Any) -> tuple[str, ...]:
    return tuple(found for value in values if (found := read_id(value)) is not None)


def read_time(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


BEGINNINGS = {
    "cs": LinkKind.CHECKOUT_SESSION,
    "pi": LinkKind.PAYMENT_INTENT,
    "ch": LinkKind.CHARGE,
    "py": LinkKind.CHARGE,
    "in": LinkKind.INVOICE,
    "sub": LinkKind.SUBSCRIPTION,
    "re": LinkKind.REFUND,
    "pyr": LinkKind.REFUND,
    "dp": LinkKind.DISPUTE,
    "du": LinkKind.DISPUTE,
}


def kind_of(stripe_id: str) -> LinkKind:
    """What an id names; OTHER for what we link nothing by."""
    begin, joint, _ = stripe_id.partition("_")
    return BEGINNINGS.get(begin, LinkKind.OTHER) if joint else LinkKind.OTHER


def link_row(stripe_id: str, gift_id: int) -> Document:
    """The row of `StripeLink` that says whose an object of Stripe's is."""
    return {
        "provider": STRIPE,
        "stripe_id": stripe_id,
        "kind": kind_of(stripe_id),
        "gift_id": gift_id,
    }


STRIPE = Provider("stripe")
stripe_claim = partial(Claim, source=STRIPE, actor=STRIPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """What an event says of a subscription as of `at`.

    `is_whole` where it showed the subscription itself: what it lacks is then not there.
    """

    subscription_id: str
    at: datetime
    status: PlanStatus | None = None
    customer_id: str | None = None
    money: Money | None = None
    cancel_at: datetime | None = None
    paused_until: datetime | None = None
    is_whole: bool = False
    is_ended: bool = False
    never_began: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A paid month of a subscription that is a gift of its own."""

    invoice_id: str
    money: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one event means for us.

    `installation` is whose metadata these are, where they say it.

    One of `known_by` leads to the gift, else `reference`, else `mention`, which other programs
    write, too; `links` are Stripe's ids that are the gift's from now on. `may_wait` where another
    event may tell later whose it is, `is_once` where it pays no month of a monthly gift. `fee_of`
    is a balance transaction to look the fee up at.
    """

    reference: str | None = None
    mention: str | None = None
    installation: str | None = None
    known_by: tuple[str, ...] = ()
    may_wait: bool = True
    is_once: bool = False
    links: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    plan: PlanChange | None = None
    renewal: Renewal | None = None
    renewal_failed: bool = False
    checkout_state: CheckoutState | None = None
    fee_of: str | None = None


class UnreadableEvent(Exception):
    """What came under an event's type is not what Stripe describes; no other try reads it."""
