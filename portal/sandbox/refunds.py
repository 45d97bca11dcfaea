"""Refunds: at once, pending for a while, or failing after they had succeeded."""

from portal.sandbox.balance import Movement, book
from portal.sandbox.events import emit
from portal.sandbox.fields import (
    Choice,
    Field,
    Many,
    Metadata,
    ParameterRefused,
    StripeError,
    Text,
    Whole,
)
from portal.sandbox.lists import LISTING, list_page
from portal.sandbox.store import Json
from portal.sandbox.world import World

REFUND_DELAY = 60
CREATE_REFUND: dict[str, Field] = {
    "amount": Whole(1),
    "charge": Text(),
    "expand": Many(Text()),
    "metadata": Metadata(),
    "payment_intent": Text(),
    "reason": Choice(("duplicate", "fraudulent", "requested_by_customer")),
}
LIST_REFUNDS: dict[str, Field] = LISTING | {"charge": Text(), "payment_intent": Text()}

_NULLS = dict.fromkeys(
    "balance_transaction customer_account description failure_balance_transaction failure_reason"
    " instructions_email next_action pending_reason presentment_details receipt_number"
    " source_transfer_reversal transfer_reversal".split()
)
_COPIED = "currency customer payment_intent payment_method".split()


def create_refund(world: World, params: Json) -> Json:
    """Give back a charge, whole or in part; how it goes depends on the test card."""
    charge = _charge(world, params)
    amount = _amount(charge, params)
    style = world.private(charge["payment_method"]).get("refund", "at_once")
    fails = world.take_fault("fail_next_refund")
    pending = fails or style == "pending"
    refund = _add(world, charge, amount, params, "pending" if pending else "succeeded")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.save(charge)
    emit(world, "refund.created", refund)
    emit(world, "charge.refunded", charge)
    if fails or style == "fails_later":
        world.schedule("fail_refund", refund["id"], world.now() + REFUND_DELAY)
    elif pending:
        world.schedule("succeed_refund", refund["id"], world.now() + REFUND_DELAY)
    return refund


def _charge(world: World, params: Json) -> Json:
    if "charge" in params:
        return world.get("charge", params["charge"], "charge")
    if "payment_intent" not in params:
        raise ParameterRefused(
            "One of the following params should be provided for this request: payment_intent or"
            " charge.",
            code="parameter_missing",
        )
    intent = world.get("payment_intent", params["payment_intent"], "payment_intent")
    if intent["latest_charge"] is None or intent["status"] != "succeeded":
        raise StripeError(
            400,
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    return world.get("charge", intent["latest_charge"])


def _amount(charge: Json, params: Json) -> int:
    _check_refundable(charge)
    left = charge["amount"] - charge["amount_refunded"]
    amount = int(params.get("amount", left))
    if amount > left:
        raise StripeError(
            400,
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            param="amount",
        )
    return amount


def _check_refundable(charge: Json) -> None:
    if charge["status"] != "succeeded":
        raise StripeError(
            400, f"Charge {charge['id']} has not succeeded.", code="charge_not_refundable"
        )
    if charge["disputed"]:
        raise StripeError(
            400,
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    if charge["amount_refunded"] == charge["amount"]:
        raise StripeError(
            400,
            f"Charge {charge['id']} has already been refunded.",
            code="charge_already_refunded",
        )


def _add(world: World, charge: Json, amount: int, params: Json, status: str) -> Json:
    refund_id = world.new_id("re")
    kind = charge["payment_method_details"]["type"]
    refund = _NULLS | {name: charge[name] for name in _COPIED}
    refund |= {
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": _book(world, charge, refund_id, -amount, "refund"),
        "charge": charge["id"],
        "created": world.now(),
        "destination_details": _destination(kind),
        "metadata": params.get("metadata", {}),
        "pending_reason": "processing" if status == "pending" else None,
        "reason": params.get("reason"),
        "status": status,
    }
    return world.add(refund)


def _destination(kind: str) -> Json:
    if kind != "card":
        return {"type": kind}
    card = {
        "reference": None,
        "reference_status": "pending",
        "reference_type": "acquirer_reference_number",
        "type": "refund",
    }
    return {"card": card, "type": "card"}


def _book(world: World, charge: Json, refund_id: str, amount: int, type: str) -> str:
    movement = Movement(
        type=type,
        amount=amount,
        currency=charge["currency"],
        source=refund_id,
        category=type,
        description="REFUND FOR CHARGE" if type == "refund" else "REFUND FAILURE",
    )
    return str(book(world, movement)["id"])


def succeed_refund(world: World, refund_id: str) -> None:
    """A pending refund has reached the donor."""
    refund = world.get("refund", refund_id)
    if refund["status"] != "pending":
        return
    refund |= {"status": "succeeded", "pending_reason": None}
    world.save(refund)
    _tell_update(world, refund, {"status": "pending", "pending_reason": "processing"})


def fail_refund(world: World, refund_id: str) -> Json:
    """The bank sent it back: the money is ours again, even after `succeeded`."""
    refund = world.get("refund", refund_id)
    if refund["status"] == "failed":
        return refund
    charge = world.get("charge", refund["charge"])
    previous = {"status": refund["status"], "failure_reason": None}
    returned = _book(world, charge, refund_id, refund["amount"], "refund_failure")
    refund |= {
        "failure_balance_transaction": returned,
        "failure_reason": "expired_or_canceled_card",
        "pending_reason": None,
        "status": "failed",
    }
    world.save(refund)
    before = _restore_charge(world, charge, refund["amount"])
    _tell_update(world, refund, previous)
    emit(world, "refund.failed", refund)
    emit(world, "charge.updated", charge, before)
    return refund


def _restore_charge(world: World, charge: Json, amount: int) -> Json:
    """Take a refund out of its charge again; what the charge said before."""
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge |= {"amount_refunded": charge["amount_refunded"] - amount, "refunded": False}
    world.save(charge)
    return before


def _tell_update(world: World, refund: Json, previous: Json) -> None:
    emit(world, "refund.updated", refund, previous)
    emit(world, "charge.refund.updated", refund, previous)


def retrieve_refund(world: World, params: Json, id: str) -> Json:
    return world.get("refund", id)


def list_refunds(world: World, params: Json) -> Json:
    return list_page(world, "refund", "/v1/refunds", params)
