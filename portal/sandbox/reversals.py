"""Money that goes back: refunds, and disputes by which the bank takes it.

A refund succeeds at once, is pending for a while, or fails after it had succeeded. A disputed
payment is taken back by the bank, which perhaps returns it.
"""

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
from portal.sandbox.store import Json
from portal.sandbox.world import LISTING, World, list_page

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
        "balance_transaction": _book_refund(world, charge, refund_id, -amount, "refund"),
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


def _book_refund(world: World, charge: Json, refund_id: str, amount: int, type: str) -> str:
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
    returned = _book_refund(world, charge, refund_id, refund["amount"], "refund_failure")
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


DISPUTE_FEE = 1500
_RESPOND_WITHIN = 9 * 24 * 3600
LIST_DISPUTES: dict[str, Field] = LISTING | {"charge": Text(), "payment_intent": Text()}

_NO_EVIDENCE = dict.fromkeys(
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure"
    " cancellation_rebuttal customer_communication customer_email_address customer_name"
    " customer_purchase_ip customer_signature duplicate_charge_documentation"
    " duplicate_charge_explanation duplicate_charge_id product_description receipt refund_policy"
    " refund_policy_disclosure refund_refusal_explanation service_date service_documentation"
    " shipping_address shipping_carrier shipping_date shipping_documentation"
    " shipping_tracking_number uncategorized_file uncategorized_text".split()
)
_SAME: Json = {
    "object": "dispute",
    "enhanced_eligibility_types": [],
    "evidence": _NO_EVIDENCE | {"enhanced_evidence": {}},
    "is_charge_refundable": False,
    "livemode": False,
    "metadata": {},
    "network_reason_code": "83",
    "reason": "fraudulent",
}


def open_dispute(world: World, charge_id: str, amount: int = 0) -> Json | None:
    """The donor's bank questions a charge and takes it back, with a fee; None if it can't.

    It takes `amount` of it, or all that is left.
    """
    charge = world.get("charge", charge_id)
    amount = amount or _left(charge)
    if not _can_dispute(charge, amount):
        return None
    dispute_id = world.new_id("dp")
    taken = _book_dispute(world, charge, dispute_id, -amount, DISPUTE_FEE)
    dispute = world.add(
        _dispute(world, charge, dispute_id, amount) | {"balance_transactions": [taken]}
    )
    charge["disputed"] = True
    world.save(charge)
    emit(world, "charge.dispute.created", dispute)
    emit(world, "charge.dispute.funds_withdrawn", dispute)
    emit(world, "charge.updated", charge, {"disputed": False})
    return dispute


def prevent_dispute(world: World, charge_id: str) -> Json | None:
    """A question that was settled before it became a dispute: told, and no money moves."""
    charge = world.get("charge", charge_id)
    if not _can_dispute(charge, _left(charge)):
        return None
    made = _dispute(world, charge, world.new_id("dp"), _left(charge))
    dispute = world.add(made | {"balance_transactions": [], "status": "prevented"})
    emit(world, "charge.dispute.created", dispute)
    emit(world, "charge.dispute.closed", dispute)
    return dispute


def _left(charge: Json) -> int:
    return int(charge["amount"] - charge["amount_refunded"])


def _can_dispute(charge: Json, amount: int) -> bool:
    is_whole = charge["status"] == "succeeded" and not charge["disputed"]
    return is_whole and 0 < amount <= _left(charge)


def _dispute(world: World, charge: Json, dispute_id: str, amount: int) -> Json:
    return _SAME | {
        "id": dispute_id,
        "amount": amount,
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "evidence_details": {
            "due_by": world.now() + _RESPOND_WITHIN,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"card": _questioned_card(charge), "type": "card"},
        "status": "needs_response",
    }


def _questioned_card(charge: Json) -> Json:
    card = charge["payment_method_details"].get("card", {})
    return {
        "brand": card.get("brand", "visa"),
        "case_type": "chargeback",
        "network": card.get("network", "visa"),
        "network_reason_code": "83",
    }


def _book_dispute(world: World, charge: Json, dispute_id: str, amount: int, fee: int) -> Json:
    movement = Movement(
        type="adjustment",
        amount=amount,
        currency=charge["currency"],
        source=dispute_id,
        category="dispute" if amount < 0 else "dispute_reversal",
        fee=fee,
        description=f"Chargeback {'withdrawal' if amount < 0 else 'reversal'} for {charge['id']}",
        fee_description="Dispute fee",
    )
    return book(world, movement)


def close_dispute(world: World, dispute_id: str, outcome: str) -> Json:
    """The bank's word: `lost` keeps the money away, `won` brings it back with the fee."""
    dispute = world.get("dispute", dispute_id)
    if dispute["status"] in ("won", "lost"):
        raise StripeError(400, f"This dispute is already closed as {dispute['status']}.")
    previous = {"status": dispute["status"]}
    dispute["status"] = outcome
    if outcome == "won":
        charge = world.get("charge", dispute["charge"])
        back = _book_dispute(world, charge, dispute_id, dispute["amount"], -DISPUTE_FEE)
        dispute["balance_transactions"].append(back)
    world.save(dispute)
    emit(world, "charge.dispute.closed", dispute, previous)
    if outcome == "won":
        emit(world, "charge.dispute.funds_reinstated", dispute)
    return dispute


def accept_dispute(world: World, params: Json, id: str) -> Json:
    """`POST /v1/disputes/<id>/close`: the merchant gives in."""
    return close_dispute(world, id, "lost")


def retrieve_dispute(world: World, params: Json, id: str) -> Json:
    return world.get("dispute", id)


def list_disputes(world: World, params: Json) -> Json:
    return list_page(world, "dispute", "/v1/disputes", params)
