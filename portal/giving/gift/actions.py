"""What a donor may do with their gift on its page: decided once, for the page's every part."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, Plan
from portal.giving.gift.transfer import Transfer
from portal.giving.gift.words import Arrival
from portal.giving.texts import StatusMessage
from portal.intake.change_mode import OtherWay


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftActions:
    """Each is whether it may be done now.

    `send` is to send money by instructions, which wait folded once `is_sent`; `begin_anew`
    leads to the form with this gift's choices, `give_again` to an empty one.
    """

    pay: bool
    check_again: bool
    send: bool
    is_sent: bool
    say_paid: bool
    send_proof: bool
    change_mode: bool
    begin_anew: bool
    give_again: bool
    change_monthly: bool


def list_actions(
    gift: Gift,
    message: StatusMessage,
    arrival: Arrival,
    *,
    transfer: Transfer | None,
    ways: Sequence[OtherWay],
    plan: Plan | None,
    has_region: bool,
) -> GiftActions:
    """What may be done; `transfer` is None but for an open gift that is paid by instructions."""
    is_waiting = gift.status is Status.EXPIRED or (
        gift.status is Status.PENDING and arrival is Arrival.RETURNED
    )
    has_no_way = has_region and not ways
    return GiftActions(
        pay=message.can_pay,
        check_again=message.can_pay and is_waiting,
        send=transfer is not None,
        is_sent=transfer is not None and transfer.is_awaited,
        say_paid=transfer is not None and not transfer.is_said_paid,
        send_proof=transfer is not None and transfer.takes_proofs,
        change_mode=bool(ways),
        begin_anew=has_no_way and gift.status.is_open,
        give_again=has_no_way and not gift.status.is_open,
        change_monthly=plan is not None and plan.running is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyActions:
    """What may be done with a monthly gift: change its card, stop it, begin another."""

    change_card: bool
    stop: bool
    begin_anew: bool


def list_monthly_actions(plan: Plan, *, has_region: bool) -> MonthlyActions:
    goes_on = plan.running is not None
    return MonthlyActions(
        change_card=goes_on and plan.stripe_customer_id is not None,
        stop=goes_on,
        begin_anew=not goes_on and has_region,
    )
