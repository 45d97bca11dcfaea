"""PaymentIntents: an amount to be taken, and every attempt at it."""

from typing import Any

from portal.sandbox.balance import Movement, book, card_fee, debit_fee
from portal.sandbox.customers import DELAY, MESSAGES, card_checks, charge_details
from portal.sandbox.events import emit
from portal.sandbox.fields import Field, Text
from portal.sandbox.store import Json
from portal.sandbox.world import LISTING, World, list_page

LIST_CHARGES: dict[str, Field] = LISTING | {"customer": Text(), "payment_intent": Text()}

_CHARGE_NULLS = dict.fromkeys(
    "application application_fee application_fee_amount authorization_code balance_transaction"
    " failure_balance_transaction failure_code failure_message level3 on_behalf_of"
    " presentment_details receipt_email receipt_number review shipping source source_transfer"
    " statement_descriptor statement_descriptor_suffix transfer transfer_data"
    " transfer_group".split()
)
_NEW_CHARGE: Json = {
    "object": "charge",
    "amount_refunded": 0,
    "calculated_statement_descriptor": "SANDBOX NO REAL MONEY",
    "disputed": False,
    "fraud_details": {},
    "livemode": False,
    "radar_options": {},
    "refunded": False,
}
_COPIED = "amount currency customer description metadata receipt_email".split()
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
    charge = _CHARGE_NULLS | _NEW_CHARGE | {name: intent[name] for name in _COPIED}
    charge |= {
        "id": charge_id,
        "amount_captured": 0 if status == "failed" else intent["amount"],
        "billing_details": method["billing_details"],
        "captured": status != "failed",
        "created": world.now(),
        "outcome": dict(_APPROVED),
        "paid": status == "succeeded",
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(method, intent["amount"]),
        "receipt_url": f"{world.config.base_url}/receipts/{charge_id}",
        "status": status,
    }
    return world.add(charge)


def _details(method: Json, amount: int) -> Json:
    kind = method["type"]
    if kind != "card":
        return {"type": kind, kind: charge_details(kind)}
    return {"type": "card", "card": _card_charge(method["card"], amount)}


_KEPT_OF_CARD = (
    "brand country exp_month exp_year fingerprint funding last4 regulated_status".split()
)


def _card_charge(card: Json, amount: int) -> Json:
    nulls = dict.fromkeys("installments mandate three_d_secure wallet".split())
    kept = {name: card[name] for name in _KEPT_OF_CARD}
    return (
        nulls
        | kept
        | {
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
        }
    )


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


LIST_INTENTS: dict[str, Field] = LISTING | {"customer": Text()}
DISPUTED_AFTER = 60

_NULLS = dict.fromkeys(
    "allowed_payment_method_types application application_fee_amount"
    " automatic_payment_methods canceled_at cancellation_reason customer_account description"
    " excluded_payment_method_types last_payment_error latest_charge next_action on_behalf_of"
    " payment_method payment_record presentment_details processing receipt_email review"
    " setup_future_usage shipping source statement_descriptor statement_descriptor_suffix"
    " transfer_data transfer_group".split()
)
_NEW_INTENT: Json = {
    "object": "payment_intent",
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 0,
    "capture_method": "automatic_async",
    "confirmation_method": "automatic",
    "customer": None,
    "livemode": False,
    "metadata": {},
    "payment_method_configuration_details": None,
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "status": "requires_payment_method",
}


def add_intent(world: World, amount: int, currency: str, types: list[str], **fields: Any) -> Json:
    """A PaymentIntent that waits for a way to pay; `fields` override its own."""
    intent_id = world.new_id("pi")
    own = {
        "id": intent_id,
        "amount": amount,
        "client_secret": world.new_id(f"{intent_id}_secret"),
        "created": world.now(),
        "currency": currency,
        "payment_method_types": types,
    }
    intent = world.add(_NULLS | _NEW_INTENT | own | fields)
    return emit_change(world, "payment_intent.created", intent)


def emit_change(world: World, type: str, intent: Json) -> Json:
    emit(world, type, intent)
    return intent


def attempt(world: World, intent: Json, method: Json, *, authenticated: bool = False) -> Json:
    """Try to take the money by this method; the answered intent's `status` says what came of it.

    `succeeded`, `processing` (a bank debit under way), `requires_action` (3-D Secure) or
    `requires_payment_method` (refused, see `last_payment_error`).
    """
    behaviour = world.private(method["id"])
    intent = intent | {"payment_method": method["id"]}
    if method["type"] != "card":
        return _start_debit(world, intent, method)
    if behaviour["challenge"] and not authenticated:
        return _ask_authentication(world, intent)
    if behaviour["decline"]:
        return decline(world, intent, method, *behaviour["decline"])
    return _take(world, intent, method, disputed=behaviour["disputed"])


def _take(world: World, intent: Json, method: Json, *, disputed: bool) -> Json:
    charge = add_charge(world, intent, method, "succeeded")
    emit(world, "charge.succeeded", charge)
    if disputed:
        world.schedule("open_dispute", charge["id"], world.now() + DISPUTED_AFTER)
    return succeed(world, intent, charge)


def succeed(world: World, intent: Json, charge: Json) -> Json:
    """The money is there; its balance transaction follows a moment later."""
    intent = intent | {
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "status": "succeeded",
    }
    world.save(intent)
    world.schedule("settle_fees", charge["id"], world.now() + world.config.settle_after)
    return emit_change(world, "payment_intent.succeeded", intent)


def _ask_authentication(world: World, intent: Json) -> Json:
    intent = intent | {"next_action": {"type": "use_stripe_sdk"}, "status": "requires_action"}
    return emit_change(world, "payment_intent.requires_action", world.save(intent))


def _start_debit(world: World, intent: Json, method: Json) -> Json:
    charge = add_charge(world, intent, method, "pending")
    emit(world, "charge.pending", charge)
    intent = intent | {"latest_charge": charge["id"], "status": "processing"}
    world.save(intent)
    world.schedule("settle_debit", intent["id"], world.now() + DELAY)
    return emit_change(world, "payment_intent.processing", intent)


def decline(world: World, intent: Json, method: Json, code: str, decline_code: str) -> Json:
    """A refused attempt: a failed charge, and an intent that waits for another way to pay."""
    message = MESSAGES[decline_code]
    charge = add_charge(world, intent, method, "failed")
    charge |= {"failure_code": code, "failure_message": message}
    charge["outcome"] |= {
        "network_status": "declined_by_network",
        "reason": decline_code,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }
    emit(world, "charge.failed", world.save(charge))
    return fail_intent(world, intent, method, charge, _error(charge, method, decline_code))


def fail_intent(world: World, intent: Json, method: Json, charge: Json, error: Json) -> Json:
    """Back to waiting for a way to pay, with the error that Stripe would show."""
    intent = intent | {
        "last_payment_error": error,
        "latest_charge": charge["id"],
        "next_action": None,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    return emit_change(world, "payment_intent.payment_failed", world.save(intent))


def _error(charge: Json, method: Json, decline_code: str | None) -> Json:
    return {
        "charge": charge["id"],
        "code": charge["failure_code"],
        "decline_code": decline_code,
        "message": charge["failure_message"],
        "payment_method": method,
        "type": "card_error",
    }


def finish_debit(world: World, intent: Json, *, paid: bool) -> Json:
    """What the bank answered after some days."""
    charge = world.get("charge", intent["latest_charge"])
    if paid:
        charge |= {"paid": True, "status": "succeeded"}
        emit(world, "charge.succeeded", world.save(charge))
        return succeed(world, intent, charge)
    method = world.get("payment_method", intent["payment_method"])
    charge |= {
        "failure_code": "insufficient_funds",
        "failure_message": "The bank account has insufficient funds.",
        "status": "failed",
    }
    emit(world, "charge.failed", world.save(charge))
    return fail_intent(world, intent, method, charge, _error(charge, method, None))


def retrieve_intent(world: World, params: Json, id: str) -> Json:
    return world.get("payment_intent", id)


def list_intents(world: World, params: Json) -> Json:
    return list_page(world, "payment_intent", "/v1/payment_intents", params)
