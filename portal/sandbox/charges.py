"""Charges: one attempt to take money, and the fee that is known a moment later."""

from portal.sandbox.balance import Movement, book, card_fee, debit_fee
from portal.sandbox.customers import card_checks
from portal.sandbox.debits import charge_details
from portal.sandbox.events import emit
from portal.sandbox.fields import Field, Text
from portal.sandbox.lists import LISTING, list_page
from portal.sandbox.store import Json
from portal.sandbox.world import World

LIST_CHARGES: dict[str, Field] = LISTING | {"customer": Text(), "payment_intent": Text()}

_NULLS = dict.fromkeys(
    "application application_fee application_fee_amount authorization_code balance_transaction"
    " failure_balance_transaction failure_code failure_message level3 on_behalf_of"
    " presentment_details receipt_email receipt_number review shipping source source_transfer"
    " statement_descriptor statement_descriptor_suffix transfer transfer_data"
    " transfer_group".split()
)
_APPROVED = {
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "risk_score": 20,
    "seller_message": "Payment complete.",
    "type": "authorized",
}


def add_charge(world: World, intent: Json, method: Json, status: str) -> Json:
    """A charge for a PaymentIntent, with the intent's metadata copied once as Stripe does."""
    is_card = method["type"] == "card"
    charge_id = world.new_id("ch" if is_card else "py")
    succeeded = status == "succeeded"
    charge = _NULLS | {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0 if status == "failed" else intent["amount"],
        "amount_refunded": 0,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX NO REAL MONEY",
        "captured": status != "failed",
        "created": world.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "outcome": dict(_APPROVED),
        "paid": succeeded,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(method, intent["amount"]),
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_url": f"{world.config.base_url}/receipts/{charge_id}",
        "refunded": False,
        "status": status,
    }
    return world.add(charge)


def _details(method: Json, amount: int) -> Json:
    kind = method["type"]
    if kind != "card":
        return {"type": kind, kind: charge_details(kind)}
    card = method["card"]
    kept = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    nulls = dict.fromkeys("installments mandate three_d_secure wallet".split())
    details = nulls | {name: card[name] for name in kept}
    details |= {
        "amount_authorized": amount,
        "authorization_code": "123456",
        "checks": card_checks(),
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": "sandbox",
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": card["regulated_status"],
    }
    return {"type": "card", "card": details}


def settle_fees(world: World, charge_id: str) -> None:
    """The fee becomes known: Stripe tells by `charge.updated`, after `charge.succeeded`."""
    charge = world.get("charge", charge_id)
    if charge["balance_transaction"] or charge["status"] != "succeeded":
        return
    is_card = charge["payment_method_details"]["type"] == "card"
    movement = Movement(
        type="charge" if is_card else "payment",
        amount=charge["amount"],
        currency=charge["currency"],
        source=charge_id,
        category="charge",
        fee=card_fee(charge["amount"]) if is_card else debit_fee(charge["amount"]),
        description=charge["description"],
    )
    charge["balance_transaction"] = book(world, movement)["id"]
    world.save(charge)
    emit(world, "charge.updated", charge, {"balance_transaction": None})


def retrieve_charge(world: World, params: Json, id: str) -> Json:
    return world.get("charge", id)


def list_charges(world: World, params: Json) -> Json:
    return list_page(world, "charge", "/v1/charges", params)
