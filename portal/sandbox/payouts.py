"""Automatic payouts: the balance goes to the bank, and Stripe says which movements are in it."""

from portal.sandbox.balance import Movement, book, unpaid_transactions
from portal.sandbox.events import emit
from portal.sandbox.fields import Choice, Field, Span, Text
from portal.sandbox.lists import LISTING, list_page
from portal.sandbox.store import Json
from portal.sandbox.world import World

LIST_PAYOUTS: dict[str, Field] = LISTING | {
    "arrival_date": Span(),
    "destination": Text(),
    "status": Choice(("canceled", "failed", "in_transit", "paid", "pending")),
}

_NULLS = dict.fromkeys(
    "application_fee application_fee_amount failure_balance_transaction failure_code"
    " failure_message original_payout payout_method reversed_by statement_descriptor".split()
)


def pay_out(world: World) -> list[Json]:
    """Pay out everything not paid out yet, one payout a currency, and reconcile it.

    What was still pending becomes available first, so that nobody needs to wait two days.
    """
    by_currency: dict[str, list[Json]] = {}
    for transaction in unpaid_transactions(world):
        by_currency.setdefault(transaction["currency"], []).append(transaction)
    return [
        _pay_out_one(world, currency, transactions)
        for currency, transactions in sorted(by_currency.items())
        if sum(transaction["net"] for transaction in transactions) > 0
    ]


def _pay_out_one(world: World, currency: str, transactions: list[Json]) -> Json:
    payout_id = world.new_id("po")
    amount = sum(transaction["net"] for transaction in transactions)
    for transaction in transactions:
        available_on = min(transaction["available_on"], world.now())
        world.save(transaction | {"available_on": available_on, "status": "available"})
        world.set_private(transaction["id"], payout=payout_id)
    payout = world.add(_payout(world, payout_id, amount, currency))
    emit(world, "payout.created", payout)
    payout["status"] = "paid"
    emit(world, "payout.paid", world.save(payout))
    payout["reconciliation_status"] = "completed"
    emit(world, "payout.reconciliation_completed", world.save(payout))
    return payout


def _payout(world: World, payout_id: str, amount: int, currency: str) -> Json:
    movement = Movement(
        type="payout",
        amount=-amount,
        currency=currency,
        source=payout_id,
        category="payout",
        description="STRIPE PAYOUT",
    )
    transaction = book(world, movement)
    world.set_private(transaction["id"], payout=payout_id)
    return _NULLS | {
        "id": payout_id,
        "object": "payout",
        "amount": amount,
        "arrival_date": world.now(),
        "automatic": True,
        "balance_transaction": transaction["id"],
        "created": world.now(),
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "destination": "ba_sandbox",
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "in_progress",
        "source_type": "card",
        "status": "in_transit",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }


def retrieve_payout(world: World, params: Json, id: str) -> Json:
    return world.get("payout", id)


def list_payouts(world: World, params: Json) -> Json:
    return list_page(world, "payout", "/v1/payouts", params)
