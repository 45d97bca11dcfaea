"""Disputes: the bank takes the money back, and perhaps returns it."""

from portal.sandbox.balance import Movement, book
from portal.sandbox.events import emit
from portal.sandbox.fields import Field, StripeError, Text
from portal.sandbox.lists import LISTING, list_page
from portal.sandbox.store import Json
from portal.sandbox.world import World

FEE = 1500
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
    taken = _book(world, charge, dispute_id, -amount, FEE)
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


def _book(world: World, charge: Json, dispute_id: str, amount: int, fee: int) -> Json:
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
        back = _book(world, charge, dispute_id, dispute["amount"], -FEE)
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
