"""What an id of Stripe's names, by how it begins: the one place that reads beginnings.

From Stripe's own reference (https://docs.stripe.com/api): `py_` and `pyr_` are charges and
refunds of payments other than cards', `du_` disputes of newer accounts.
"""

from portal.database import Document
from portal.payments.models import LinkKind
from portal.payments.stripe.reading import STRIPE

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
