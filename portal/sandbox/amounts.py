"""Which amounts Stripe takes (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts)."""

from portal.money import STRIPE_MINIMUM_MINOR, STRIPE_SHIFTED, THREE_DECIMAL, Money
from portal.sandbox.errors import ParameterRefused

_CARD_MAXIMUM = 999_999_999_999
_OTHER_MAXIMUM = 99_999_999
_WIDER = {"COP": 9_999_999_999, "IDR": 999_999_999_999, "INR": 999_999_999}
# Currencies whose wire amount must end in zeros: ISK and UGX two, three-decimal ones one.
_ROUND_TO = dict.fromkeys(STRIPE_SHIFTED, 100) | dict.fromkeys(THREE_DECIMAL, 10)


def check_amount(total: int, currency: str, *, cards: bool) -> None:
    """Refuse a wire amount that Stripe would; `currency` as the wire has it, in lower case."""
    code = currency.upper()
    least = STRIPE_MINIMUM_MINOR.get(code, 1) * (100 if code in STRIPE_SHIFTED else 1)
    if total < least:
        raise ParameterRefused(
            "The Checkout Session's total amount due must add up to at least"
            f" {Money.from_stripe(least, currency)}",
            code="amount_too_small",
            param="line_items",
        )
    most = _CARD_MAXIMUM if cards else _WIDER.get(code, _OTHER_MAXIMUM)
    if total > most:
        raise ParameterRefused(
            f"The Checkout Session's total amount must be no more than {most} in the smallest"
            f" unit of {code}.",
            code="amount_too_large",
            param="line_items",
        )
    step = _ROUND_TO.get(code, 1)
    if total % step:
        raise ParameterRefused(
            f"Invalid amount: {code} amounts must be divisible by {step}.",
            code="parameter_invalid_integer",
            param="line_items[0][price_data][unit_amount]",
        )
