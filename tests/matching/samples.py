"""Gifts and lines to start from: everything fits, until a test says otherwise."""

from dataclasses import replace
from datetime import date

from portal.gifts.references import ALPHABET, check_character, clean_reference, group
from portal.money import Money
from portal.payments.matching.pool import Notice, OpenGift
from portal.payments.statements.formats.entries import StatementEntry

BOOKED = date(2026, 11, 23)


def reference_of(body: str) -> str:
    """The valid reference that begins with these eight signs."""
    return group(body + check_character(body))


REFERENCE = reference_of("7K3QXDLW".replace("L", "M"))
OTHER = reference_of("B4N8PTY2")


def gift(gift_id: int = 1, **given: object) -> OpenGift:
    facts = {
        "gift_id": gift_id,
        "reference": REFERENCE if gift_id == 1 else OTHER,
        "money": Money(5037, "CAD"),
        "created_on": date(2026, 11, 20),
        "name": "Ada Lovelace",
        "email": "ada@example.org",
        "mode": "interac",
    } | given
    facts.setdefault("due_minor", facts["money"].minor)  # type: ignore[attr-defined]  # it is Money
    return OpenGift(**facts)  # type: ignore[arg-type]  # a dict of the fields above


def line(message: str = REFERENCE, **given: object) -> StatementEntry:
    facts = {
        "position": 1,
        "booked_on": BOOKED,
        "money": Money(5037, "CAD"),
        "payer_name": "ADA LOVELACE",
        "message": message,
    } | given
    return StatementEntry(**facts)  # type: ignore[arg-type]  # a dict of the fields above


def notice(**given: object) -> Notice:
    facts = {
        "interac_reference": "CAb7Kd92Qx",
        "money": Money(5037, "CAD"),
        "received_on": BOOKED,
        "name": "Ada Lovelace",
        "email": "ada@example.org",
        "message": REFERENCE,
    } | given
    return Notice(**facts)  # type: ignore[arg-type]  # a dict of the fields above


def again(entry: StatementEntry, **changed: object) -> StatementEntry:
    """The same line further down."""
    return replace(entry, **({"position": entry.position + 1} | changed))  # type: ignore[arg-type]


def misread(reference: str = REFERENCE, at: int = 5, sign: str = "8") -> str:
    """The reference with another sign at one place."""
    signs = reference.replace("-", "")
    assert signs[at] != sign
    return group(signs[:at] + sign + signs[at + 1 :])


def neighbour(wrong: str, beside: str) -> str:
    """Another valid reference one sign away from `wrong`, at a place where `beside` agrees."""
    signs, kept = wrong.replace("-", ""), beside.replace("-", "")
    places = [at for at in range(8) if signs[at] == kept[at]]
    tries = (signs[:at] + sign + signs[at + 1 :] for at in places for sign in ALPHABET)
    return next(found for one in tries if (found := clean_reference(one)) and found != beside)
