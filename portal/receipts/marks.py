"""What is written across a receipt whose gift did not stay as it was."""

from dataclasses import dataclass

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.i18n import gettext

VOID = "void"
ALL_BACK = frozenset({Status.REFUNDED, Status.CHARGED_BACK})


@dataclass(frozen=True, slots=True)
class Marking:
    """A word in capitals and the sentence that explains it, in the receipt's language."""

    title: str
    text: str


def receipt_mark(gift: Gift) -> str:
    """The mark a copy of this gift's receipt needs as the gift stands now; empty for none.

    A part that went back is marked whatever else happens to the gift, such as a dispute.
    """
    if gift.status in ALL_BACK:
        return gift.status.value
    return Status.PARTLY_REFUNDED.value if gift.refunded_minor else ""


def write_marking(mark: str, *, day: str, amount: str, reason: str = "") -> Marking:
    """The mark in words of the current language; `day` and `amount` are written out."""
    title, text = TEXTS[mark]
    values = {"day": day, "amount": amount, "reason": reason}
    return Marking(gettext(title), gettext(text, **values))


TEXTS = {
    Status.REFUNDED.value: (
        "Refunded",
        "This gift was refunded in full, %(amount)s, on %(day)s. "
        "This document no longer acknowledges a gift.",
    ),
    Status.PARTLY_REFUNDED.value: (
        "Partly refunded",
        "%(amount)s of this gift went back to its giver, most recently on %(day)s. "
        "Only the rest remains a gift.",
    ),
    Status.CHARGED_BACK.value: (
        "Payment reversed",
        "All of this gift, %(amount)s, went back to its giver; the bank reversed the payment on "
        "%(day)s. This document no longer acknowledges a gift.",
    ),
    VOID: (
        "Cancelled",
        "This receipt was cancelled on %(day)s and is no longer valid. %(reason)s",
    ),
}
