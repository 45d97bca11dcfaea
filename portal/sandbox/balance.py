"""The account's balance: one transaction for every movement of money, and its fee."""

from dataclasses import dataclass

from portal.sandbox.fields import Field, Text
from portal.sandbox.lists import LISTING, list_page
from portal.sandbox.store import Json
from portal.sandbox.world import World

_AVAILABLE_AFTER = 2 * 24 * 3600
LIST_TRANSACTIONS: dict[str, Field] = LISTING | {
    "currency": Text(),
    "payout": Text(),
    "source": Text(),
    "type": Text(),
}


@dataclass(frozen=True, slots=True)
class Movement:
    """What a balance transaction says; `category` is its `reporting_category`."""

    type: str
    amount: int
    currency: str
    source: str
    category: str
    fee: int = 0
    description: str | None = None
    fee_description: str = "Stripe processing fees"


def card_fee(amount: int) -> int:
    """2.9 % and 30 minor units, rounded half up: a plausible price, not Stripe's list."""
    return (amount * 29 + 500) // 1000 + 30


def debit_fee(amount: int) -> int:
    """0.8 %, at most 5.00, as bank debits cost in several countries."""
    return min((amount * 8 + 500) // 1000, 500)


def book(world: World, movement: Movement) -> Json:
    """Write one balance transaction; it becomes available two days later."""
    fee_details = [_fee_detail(movement)] if movement.fee else []
    now = world.now()
    transaction: Json = {
        "id": world.new_id("txn"),
        "object": "balance_transaction",
        "amount": movement.amount,
        "available_on": now if movement.type == "payout" else now + _AVAILABLE_AFTER,
        "balance_type": "payments",
        "created": now,
        "currency": movement.currency,
        "description": movement.description,
        "exchange_rate": None,
        "fee": movement.fee,
        "fee_details": fee_details,
        "net": movement.amount - movement.fee,
        "reporting_category": movement.category,
        "source": movement.source,
        "status": "available" if movement.type == "payout" else "pending",
        "type": movement.type,
    }
    return world.add(transaction, payout=None)


def _fee_detail(movement: Movement) -> Json:
    return {
        "amount": movement.fee,
        "application": None,
        "currency": movement.currency,
        "description": movement.fee_description,
        "type": "stripe_fee",
    }


def retrieve_transaction(world: World, params: Json, id: str) -> Json:
    return world.get("balance_transaction", id)


def list_transactions(world: World, params: Json) -> Json:
    where = []
    payout = params.pop("payout", None)
    if payout is not None:
        world.get("payout", payout, "payout")
        where.append(("json_extract(private, '$.payout') = ?", [payout]))
    return list_page(world, "balance_transaction", "/v1/balance_transactions", params, where=where)


def unpaid_transactions(world: World) -> list[Json]:
    """What no payout has taken yet."""
    return [
        transaction
        for transaction in world.select("balance_transaction")
        if transaction["type"] != "payout" and not world.private(transaction["id"])["payout"]
    ]


def retrieve_balance(world: World, params: Json) -> Json:
    totals: dict[tuple[str, str], int] = {}
    for transaction in unpaid_transactions(world):
        available = transaction["available_on"] <= world.now()
        key = ("available" if available else "pending", transaction["currency"])
        totals[key] = totals.get(key, 0) + transaction["net"]
    sides: dict[str, list[Json]] = {"available": [], "pending": []}
    for (side, currency), amount in sorted(totals.items()):
        sides[side].append(
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        )
    return {"object": "balance", "livemode": False} | sides
