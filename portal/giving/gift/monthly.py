"""What a donor is told of their monthly gift: that it goes on, ends or has ended."""

from portal.gifts.models import Plan, PlanStatus
from portal.giving.texts import StatusMessage, coded_money
from portal.i18n import gettext
from portal.web import format_date


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
            "%(amount)s is taken every month on about the same day, and each one is receipted "
            "by e-mail.",
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
