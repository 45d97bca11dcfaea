"""What charges cost: asked of Stripe for many at once, and booked.

Stripe tells a charge's fee in its balance transaction only, of which it lists a hundred a call
(https://docs.stripe.com/api/balance_transactions/list); one call a gift would cost more than all
else that is done for it.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from portal.database import Document
from portal.gifts.lifecycle import FactKind
from portal.money import Money
from portal.payments.operations import accept
from portal.payments.stripe.gateway import StripeRefused, StripeUnavailable, at, gateway_of
from portal.payments.stripe.reading import stripe_claim
from portal.services import Services

# How far back a list is read: a page, and one more for each ten that are wanted.
PAGE, MOST_PAGES, WANTED_A_PAGE = 100, 5, 10


@dataclass(frozen=True, slots=True)
class FeeWanted:
    """A balance transaction, and the gift whose charge it tells of."""

    transaction_id: str
    gift_id: int


def fetch_fees(
    services: Services, wanted: Sequence[FeeWanted], *, until: datetime
) -> dict[FeeWanted, Exception]:
    """Book what these charges cost; the errors of those that could not be asked for or booked.

    `until` is when the last of them was heard of. Once Stripe is away, nothing more is asked.
    """
    failed: dict[FeeWanted, Exception] = {}
    away: StripeUnavailable | None = None
    found: dict[str, Document] = {}
    try:
        found = _list(services, {fee.transaction_id for fee in wanted}, until)
    except StripeUnavailable as error:
        away = error
    for fee in wanted:
        try:
            if fee.transaction_id not in found and away is not None:
                raise away
            _book(services, fee, found.get(fee.transaction_id) or _ask(services, fee))
        except StripeUnavailable as error:
            failed[fee] = away = error
        except Exception as error:  # noqa: BLE001 - one that can't be booked holds up no other
            failed[fee] = error
    return failed


def _list(services: Services, wanted: set[str], until: datetime) -> dict[str, Document]:
    """Those of the wanted transactions that are among the newest before a time.

    What is not among them, since the news of it came late, is asked for alone; and so is one
    that nobody else is asked for with.
    """
    found: dict[str, Document] = {}
    if len(wanted) < 2:
        return found
    most = PAGE * min(MOST_PAGES, 1 + len(wanted) // WANTED_A_PAGE)
    with suppress(StripeRefused):
        for transaction in islice(gateway_of(services).list_balance_transactions(until), most):
            if transaction["id"] in wanted:
                found[transaction["id"]] = transaction
                if len(found) == len(wanted):
                    break
    return found


def _ask(services: Services, fee: FeeWanted) -> Document:
    return gateway_of(services).retrieve_balance_transaction(fee.transaction_id)


def _book(services: Services, fee: FeeWanted, transaction: Document) -> None:
    claim = stripe_claim(
        fact=FactKind.FEE,
        subject=fee.transaction_id,
        occurred_at=at(transaction["created"]),
        money=Money.from_stripe(transaction["fee"], transaction["currency"]),
        detail={"object": fee.transaction_id, "net": transaction["net"]},
    )
    with services.write() as act:
        accept(act, fee.gift_id, [claim])
