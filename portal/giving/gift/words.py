"""What one gift's page says, from where the gift stands: a sign, a heading, what is next."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from portal.codes.matches import ToldMatch
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, Plan, PlanStatus
from portal.giving.gift.transfer import Transfer, tell_part, tell_transfer
from portal.giving.texts import StatusMessage, coded_money
from portal.i18n import gettext, pick
from portal.money import Money
from portal.plain import is_family_first
from portal.receipts.register import Receipt
from portal.regions.catalogue import Mode, Region
from portal.web import format_date


class Arrival(StrEnum):
    """How the donor came to the page; in the address, so that nothing private is kept."""

    NONE = ""
    TROUBLE = "trouble"
    BUSY = "busy"
    CANCELLED = "cancelled"
    RETURNED = "returned"


def tell_status(
    gift: Gift, arrival: Arrival, transfer: Transfer | None, received: Money
) -> StatusMessage:
    """What to tell the donor, in the current language; `received` is what has come so far."""
    if transfer is not None and gift.status.is_open:
        return tell_transfer(gift, transfer)
    if gift.status is Status.PARTLY_PAID:
        return tell_part(received, gift.money, gift.money - received)
    if transfer is not None:
        return replace(STORIES[gift.status](gift), can_pay=False)
    is_trouble = arrival in {Arrival.TROUBLE, Arrival.BUSY} and gift.status.is_open
    is_arrival = gift.status is Status.PENDING or is_trouble
    return (ARRIVALS[arrival] if is_arrival else STORIES[gift.status])(gift)


def _offer_payment(gift: Gift) -> StatusMessage:
    return StatusMessage(
        "card",
        "",
        gettext("Your gift is ready to be paid"),
        gettext("Nothing has been charged yet. Continue to our payment page to complete it."),
        can_pay=True,
    )


def _explain_trouble(gift: Gift) -> StatusMessage:
    return StatusMessage(
        "alert",
        "wait",
        gettext("We can’t reach the payment page just now"),
        gettext(
            "Nothing was charged, and your gift is kept. Wait a minute, then try again from "
            "this page."
        ),
        can_pay=True,
    )


def _explain_crowd(gift: Gift) -> StatusMessage:
    return StatusMessage(
        "clock",
        "wait",
        gettext("Many people are giving at this moment"),
        gettext(
            "Nothing was charged, and your gift is kept. Wait a minute, then try again from "
            "this page."
        ),
        can_pay=True,
    )


def _explain_cancelled(gift: Gift) -> StatusMessage:
    return StatusMessage(
        "back",
        "wait",
        gettext("You have not paid yet"),
        gettext(
            "You came back before paying, and nothing was charged. Your gift is kept: you can "
            "go on from here."
        ),
        can_pay=True,
    )


def _wait_for_word(gift: Gift) -> StatusMessage:
    return StatusMessage(
        "clock",
        "wait",
        gettext("We are waiting for word of your payment"),
        gettext(
            "If you have paid, don’t pay again: the confirmation is on its way and this page "
            "will show it, usually within a minute."
        ),
        can_pay=True,
    )


def _thank(gift: Gift) -> StatusMessage:
    # Who is called by the family's name first isn't called by the given one alone.
    name = gift.name if is_family_first(gift.name) else gift.first_name
    heading = gettext("Thank you, %(name)s", name=name) if name else gettext("Thank you")
    return StatusMessage("check", "good", heading, gettext("Your gift has arrived."))


def _explain_processing(gift: Gift) -> StatusMessage:
    return StatusMessage(
        "clock",
        "wait",
        gettext("Your gift is on its way"),
        gettext(
            "Your bank is moving the money, which takes some working days. There is nothing "
            "more to do: we write to you as soon as it has arrived, or if it could not be taken."
        ),
    )


def _explain_failure(gift: Gift) -> StatusMessage:
    return StatusMessage(
        "alert",
        "bad",
        gettext("The payment did not go through"),
        gettext(
            "Your bank or card refused it, so we have received nothing. You can try again, "
            "with the same or another card or account."
        ),
        can_pay=True,
    )


def _explain_expiry(gift: Gift) -> StatusMessage:
    return StatusMessage(
        "clock",
        "wait",
        gettext("This gift was not completed in time"),
        gettext(
            "We have received nothing for it. You can still give; if you have already sent "
            "money, it will be matched when it arrives."
        ),
        can_pay=True,
    )


def _explain_part_refund(gift: Gift) -> StatusMessage:
    return StatusMessage(
        "back",
        "wait",
        gettext("Part of your gift was refunded"),
        gettext(
            "%(refunded)s went back to you; %(left)s remains given. Thank you.",
            refunded=coded_money(gift.refunded),
            left=coded_money(gift.money - gift.refunded),
        ),
    )


def _explain_refund(gift: Gift) -> StatusMessage:
    return StatusMessage(
        "back",
        "wait",
        gettext("Your gift was refunded"),
        gettext(
            "%(refunded)s went back the way it came. Banks take up to ten working days to show it.",
            refunded=coded_money(gift.refunded),
        ),
    )


def _explain_dispute(gift: Gift) -> StatusMessage:
    return StatusMessage(
        "alert",
        "wait",
        gettext("Your bank is asking about this gift"),
        gettext(
            "It was reported to your bank as a payment in question. If that was a mistake, tell "
            "your bank, or write to us and we will help."
        ),
    )


def _explain_chargeback(gift: Gift) -> StatusMessage:
    return StatusMessage(
        "back",
        "wait",
        gettext("Your bank took this gift back"),
        gettext("The money was returned to you through your bank. Write to us with any question."),
    )


Teller = Callable[[Gift], StatusMessage]

ARRIVALS: dict[Arrival, Teller] = {
    Arrival.NONE: _offer_payment,
    Arrival.TROUBLE: _explain_trouble,
    Arrival.BUSY: _explain_crowd,
    Arrival.CANCELLED: _explain_cancelled,
    Arrival.RETURNED: _wait_for_word,
}

STORIES: dict[Status, Teller] = {
    Status.PROCESSING: _explain_processing,
    Status.FAILED: _explain_failure,
    Status.EXPIRED: _explain_expiry,
    Status.PAID: _thank,
    Status.PARTLY_REFUNDED: _explain_part_refund,
    Status.REFUNDED: _explain_refund,
    Status.DISPUTED: _explain_dispute,
    Status.CHARGED_BACK: _explain_chargeback,
}


def tell_receipt(gift: Gift, receipt: Receipt | None, *, is_mail_failing: bool) -> str:
    """What stands beside the receipt, or in its place; empty while there is nothing to say."""
    if receipt is not None:
        number, email = receipt.label, gift.email
        if is_mail_failing:
            return gettext(
                "Number %(number)s. Our e-mail to %(email)s did not get through so far: please "
                "keep the file, and write to us if the address is wrong.",
                number=number,
                email=email,
            )
        return gettext(
            "Number %(number)s. It also comes by e-mail to %(email)s, usually within a few "
            "minutes.",
            number=number,
            email=email,
        )
    if gift.status.is_received:
        return gettext("No document was made for this gift. Write to us if you need one.")
    if gift.status is Status.PROCESSING:
        return gettext(
            "A document follows by e-mail to %(email)s once the money has arrived.",
            email=gift.email,
        )
    return ""


@dataclass(frozen=True, slots=True)
class MatchWords:
    """What a sponsor adds to a gift; `note` says why that is less than was offered."""

    label: str
    amount: str
    note: str = ""


def tell_match(gift: Gift, match: ToldMatch) -> MatchWords | None:
    """A gift's match, promised or done; None where the gift went back, and its match with it."""
    label = gettext("Matched by %(sponsor)s", sponsor=match.sponsor)
    if match.wanted and not match.held:
        nothing = gettext("Nothing: none of it was left when your money came.")
        return MatchWords(label, nothing)
    if not match.held:
        open_still = gettext("Nothing now. If you still give, what is left by then is added.")
        return MatchWords(label, open_still) if gift.status.is_open else None
    amount = coded_money(match.held)
    is_part = match.held < match.wanted or match.wanted == match.most < match.full
    note = gettext("That was all that was left.") if is_part else ""
    if match.is_paid:
        return MatchWords(label, amount, note)
    promised = gettext("%(amount)s, once your gift has arrived", amount=amount)
    return MatchWords(label, promised, note)


def name_fund(gift: Gift, region: Region | None) -> str:
    fund = region.fund(gift.fund) if region else None
    return pick(fund.names) if fund else gift.fund


def name_mode(gift: Gift, mode: Mode | None) -> str:
    return pick(mode.label) if mode else gift.mode


def tell_plan(plan: Plan, timezone: str) -> StatusMessage | None:
    """The state of a plan that began, in the current language; None before that."""
    if plan.stripe_subscription_id is None:
        return None
    if plan.running is None:
        return _tell_end(plan, timezone)
    if plan.cancel_at is not None:
        return StatusMessage(
            "clock",
            "wait",
            gettext("Your monthly gift comes to its end"),
            gettext(
                "It ends on %(day)s, and nothing is taken after that.",
                day=format_date(plan.cancel_at, timezone),
            ),
        )
    if plan.status == PlanStatus.PAST_DUE:
        return StatusMessage(
            "alert",
            "wait",
            gettext("The last monthly payment did not go through"),
            gettext(
                "No money was taken, and you owe nothing. Often a card has expired: change it, "
                "and your gift goes on."
            ),
        )
    return StatusMessage(
        "check",
        "good",
        gettext("Your monthly gift"),
        gettext(
            "%(amount)s is taken every month on about the same day, and a document for each one "
            "comes by e-mail.",
            amount=coded_money(plan.money),
        ),
    )


def _tell_end(plan: Plan, timezone: str) -> StatusMessage:
    ended = plan.cancelled_at or plan.created_at
    return StatusMessage(
        "check",
        "good",
        gettext("Your monthly gift has ended"),
        gettext(
            "It ended on %(day)s. Nothing more is taken, and what you gave stays given.",
            day=format_date(ended, timezone),
        ),
    )
