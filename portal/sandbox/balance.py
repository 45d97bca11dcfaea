"""The account's balance: one transaction for every movement of money, and its fee."""

from dataclasses import dataclass

from portal.sandbox.events import emit
from portal.sandbox.fields import Choice, Field, Span, Text
from portal.sandbox.store import Json
from portal.sandbox.world import LISTING, World, list_page


def retrieve_account(world: World, params: Json) -> Json:
    return {
        "id": "acct_sandbox",
        "object": "account",
        "business_profile": {"name": "Sandbox (no real money)", "url": None},
        "business_type": "non_profit",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "CA",
        "created": world.now(),
        "default_currency": "cad",
        "details_submitted": True,
        "email": None,
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }


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


_SAME_IN_TRANSACTIONS: Json = {
    "object": "balance_transaction",
    "balance_type": "payments",
    "exchange_rate": None,
}


def book(world: World, movement: Movement) -> Json:
    """Write one balance transaction; it becomes available two days later."""
    now = world.now()
    is_payout = movement.type == "payout"
    transaction: Json = _SAME_IN_TRANSACTIONS | {
        "id": world.new_id("txn"),
        "amount": movement.amount,
        "available_on": now if is_payout else now + _AVAILABLE_AFTER,
        "created": now,
        "currency": movement.currency,
        "description": movement.description,
        "fee": movement.fee,
        "fee_details": [_fee_detail(movement)] if movement.fee else [],
        "net": movement.amount - movement.fee,
        "reporting_category": movement.category,
        "source": movement.source,
        "status": "available" if is_payout else "pending",
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


LIST_PAYOUTS: dict[str, Field] = LISTING | {
    "arrival_date": Span(),
    "destination": Text(),
    "status": Choice(("canceled", "failed", "in_transit", "paid", "pending")),
}

_NULLS = dict.fromkeys(
    "application_fee application_fee_amount failure_balance_transaction failure_code"
    " failure_message original_payout payout_method reversed_by statement_descriptor".split()
)
_SAME_IN_PAYOUTS: Json = {
    "object": "payout",
    "automatic": True,
    "description": "STRIPE PAYOUT",
    "destination": "ba_sandbox",
    "livemode": False,
    "metadata": {},
    "method": "standard",
    "source_type": "card",
    "trace_id": {"status": "pending", "value": None},
    "type": "bank_account",
}


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
    transaction = _book_payout(world, payout_id, amount, currency)
    return (
        _NULLS
        | _SAME_IN_PAYOUTS
        | {
            "id": payout_id,
            "amount": amount,
            "arrival_date": world.now(),
            "balance_transaction": transaction["id"],
            "created": world.now(),
            "currency": currency,
            "reconciliation_status": "in_progress",
            "status": "in_transit",
        }
    )


def _book_payout(world: World, payout_id: str, amount: int, currency: str) -> Json:
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
    return transaction


def retrieve_payout(world: World, params: Json, id: str) -> Json:
    return world.get("payout", id)


def list_payouts(world: World, params: Json) -> Json:
    return list_page(world, "payout", "/v1/payouts", params)
