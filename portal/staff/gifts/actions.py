"""What a staff member may do with a gift: decided once, for its page and the pages behind it."""

from dataclasses import dataclass

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, Plan
from portal.payments.refunds import refundable
from portal.regions.catalogue import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftActions:
    """Each is whether it may be done now, by this person; nobody is asked to try in vain.

    `book_money` opens the page of money that staff saw, which also takes it back there;
    `is_due` says whether any is missing. `follow_transfer` shows how a transfer stands.
    """

    correct_contact: bool
    send_receipt: bool
    book_money: bool
    is_due: bool
    refund: bool
    end_monthly: bool
    count_as_whole: bool
    follow_transfer: bool
    keep_open: bool
    open_proofs: bool


def list_actions(
    gift: Gift,
    *,
    mode: Mode | None,
    takes_back: bool,
    plan: Plan | None,
    has_receipt: bool,
    is_finance: bool,
) -> GiftActions:
    """What may be done; `mode` is None where the catalogue no longer knows it.

    `takes_back` where who takes the mode's payments can refund them.
    """
    is_instructed = mode is not None and mode.is_instructed
    return GiftActions(
        correct_contact=is_finance and not gift.is_unattributed,
        send_receipt=is_finance and has_receipt and bool(gift.email),
        book_money=is_finance and (mode is None or is_instructed),
        is_due=bool(gift.due),
        refund=is_finance and takes_back and has_left(gift),
        end_monthly=is_finance and goes_on(plan),
        count_as_whole=is_finance and gift.status is Status.PARTLY_PAID,
        follow_transfer=is_instructed,
        keep_open=is_finance and is_instructed and gift.status.is_open,
        open_proofs=is_finance,
    )


def has_left(gift: Gift) -> bool:
    """Whether something came for a gift that could be given back."""
    return gift.status.is_received and bool(refundable(gift))


def goes_on(plan: Plan | None) -> bool:
    """Whether a monthly gift has begun and not ended."""
    return plan is not None and plan.running is not None
