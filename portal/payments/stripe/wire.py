"""Values in Stripe's objects, read with suspicion: `ValueError` where one can't be Stripe's."""

from datetime import UTC, datetime
from typing import Any

from portal.database import Document
from portal.money import Money
from portal.payments.stripe.envelopes import LONGEST_ID

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
