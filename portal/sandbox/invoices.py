"""Invoices of subscriptions, and the InvoicePayments that tie them to PaymentIntents."""

from portal.sandbox.events import emit
from portal.sandbox.fields import Choice, Field, Group, Text
from portal.sandbox.store import Json
from portal.sandbox.world import LISTING, World, list_object, list_page

_NULLS = dict.fromkeys(
    "account_tax_ids amount_paid_off_stripe application automatically_finalizes_at"
    " confirmation_secret custom_fields customer_account customer_address customer_phone"
    " customer_shipping default_payment_method default_source description due_date effective_at"
    " ending_balance footer from_invoice hosted_invoice_url invoice_pdf last_finalization_error"
    " latest_revision next_payment_attempt number on_behalf_of receipt_number rendering"
    " shipping_cost shipping_details statement_descriptor status_details test_clock"
    " threshold_reason webhooks_delivered_at".split()
)
_NEW: Json = {
    "object": "invoice",
    "account_country": "CA",
    "account_name": "Sandbox",
    "attempt_count": 0,
    "attempted": False,
    "auto_advance": True,
    "collection_method": "charge_automatically",
    "issuer": {"type": "self"},
    "livemode": False,
    "status": "draft",
}
_SAME_IN_LINES: Json = {
    "object": "line_item",
    "discount_amounts": [],
    "discountable": True,
    "discounts": [],
    "livemode": False,
    "pretax_credit_amounts": [],
    "taxes": [],
}


def draft_invoice(world: World, subscription: Json, reason: str, period: tuple[int, int]) -> Json:
    """A draft for the current period; `period` is the invoice's own, which is the past one."""
    invoice_id = world.new_id("in")
    lines = [_line(world, invoice_id, subscription, item) for item in subscription["items"]["data"]]
    invoice = _NULLS | _NEW | _amounts(sum(line["amount"] for line in lines)) | _empty_parts()
    invoice |= _payer(world.get("customer", subscription["customer"]))
    invoice |= {
        "id": invoice_id,
        "billing_reason": reason,
        "created": world.now(),
        "currency": subscription["currency"],
        "lines": list_object(f"/v1/invoices/{invoice_id}/lines", lines),
        "parent": _parent(subscription),
        "period_end": period[1],
        "period_start": period[0],
    }
    world.add(invoice)
    emit(world, "invoice.created", invoice)
    return invoice


def _payer(customer: Json) -> Json:
    return {
        "customer": customer["id"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
    }


def _empty_parts() -> Json:
    """Hashes and lists that stand on every invoice and hold nothing here."""
    tax = dict.fromkeys("disabled_reason liability provider status".split())
    transitions = ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
    settings = ("default_mandate", "payment_method_options", "payment_method_types")
    return {
        "automatic_tax": tax | {"enabled": False},
        "default_tax_rates": [],
        "discounts": [],
        "metadata": {},
        "payment_settings": dict.fromkeys(settings),
        "status_transitions": dict.fromkeys(transitions),
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    }


def _amounts(total: int) -> Json:
    zero = dict.fromkeys(
        "amount_overpaid amount_paid amount_shipping post_payment_credit_notes_amount"
        " pre_payment_credit_notes_amount starting_balance".split(),
        0,
    )
    due = dict.fromkeys(
        "amount_due amount_remaining subtotal subtotal_excluding_tax total"
        " total_excluding_tax".split(),
        total,
    )
    return zero | due


def _parent(subscription: Json) -> Json:
    return {
        "quote_details": None,
        "subscription_details": {
            "metadata": subscription["metadata"],
            "subscription": subscription["id"],
        },
        "type": "subscription_details",
    }


def _line(world: World, invoice_id: str, subscription: Json, item: Json) -> Json:
    price = item["price"]
    total = price["unit_amount"] * item["quantity"]
    return _SAME_IN_LINES | {
        "id": world.new_id("il"),
        "amount": total,
        "currency": price["currency"],
        "description": subscription["description"],
        "invoice": invoice_id,
        "metadata": subscription["metadata"],
        "parent": _line_parent(subscription, item),
        "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
        "pricing": _pricing(price),
        "quantity": item["quantity"],
        "quantity_decimal": str(item["quantity"]),
        "subscription": subscription["id"],
        "subtotal": total,
    }


def _line_parent(subscription: Json, item: Json) -> Json:
    return {
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": None,
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": subscription["id"],
            "subscription_item": item["id"],
        },
        "type": "subscription_item_details",
    }


def _pricing(price: Json) -> Json:
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


LIST_INVOICES: dict[str, Field] = LISTING | {
    "customer": Text(),
    "status": Choice(("draft", "open", "paid", "uncollectible", "void")),
    "subscription": Text(),
}
LIST_INVOICE_PAYMENTS: dict[str, Field] = LISTING | {
    "invoice": Text(),
    "payment": Group(
        {"type": Choice(("payment_intent", "payment_record")), "payment_intent": Text()},
        required=("type",),
    ),
    "status": Choice(("canceled", "open", "paid")),
}
RETRY_AFTER = 3 * 24 * 3600


def finalize_invoice(world: World, invoice: Json, intent: Json) -> Json:
    """Open it for payment by this intent."""
    now = world.now()
    invoice |= {
        "effective_at": now,
        "number": f"SANDBOX-{world.count('invoice'):04d}",
        "hosted_invoice_url": f"{world.config.base_url}/receipts/{invoice['id']}",
        "status": "open",
    }
    invoice["status_transitions"]["finalized_at"] = now
    world.save(invoice)
    emit(world, "invoice.finalized", invoice)
    _add_invoice_payment(world, invoice, intent)
    return invoice


def _add_invoice_payment(world: World, invoice: Json, intent: Json) -> None:
    world.add(
        {
            "id": world.new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": world.now(),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def pay_invoice(world: World, invoice: Json) -> Json:
    """Its payment came: the events Stripe sends, both names of "paid" included."""
    now = world.now()
    _settle_payment(world, invoice, now)
    invoice |= {
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempt_count": invoice["attempt_count"] + 1,
        "attempted": True,
        "auto_advance": False,
        "next_payment_attempt": None,
        "status": "paid",
    }
    invoice["status_transitions"]["paid_at"] = now
    world.save(invoice)
    emit(world, "invoice.paid", invoice)
    emit(world, "invoice.payment_succeeded", invoice)
    return invoice


def _settle_payment(world: World, invoice: Json, now: int) -> None:
    (payment,) = world.select("invoice_payment", invoice=invoice["id"])
    payment |= {"amount_paid": invoice["amount_due"], "status": "paid"}
    payment["status_transitions"]["paid_at"] = now
    emit(world, "invoice_payment.paid", world.save(payment))


def fail_invoice(world: World, invoice: Json, *, retry: bool) -> Json:
    """An attempt failed; Stripe tries again some days later."""
    invoice |= {
        "attempt_count": invoice["attempt_count"] + 1,
        "attempted": True,
        "next_payment_attempt": world.now() + RETRY_AFTER if retry else None,
    }
    emit(world, "invoice.payment_failed", world.save(invoice))
    return invoice


_SET_ASIDE = {"mark_uncollectible": "uncollectible", "void": "void"}


def set_aside(world: World, invoice: Json, behavior: str) -> None:
    """What becomes of a period's invoice while collection is paused: nothing is charged."""
    status = _SET_ASIDE.get(behavior)
    invoice["auto_advance"] = False
    if status is None:
        world.save(invoice)
        return
    name = "voided" if status == "void" else "marked_uncollectible"
    invoice["status"] = status
    invoice["status_transitions"][f"{name}_at"] = world.now()
    emit(world, f"invoice.{name}", world.save(invoice))


def invoice_intent(world: World, invoice_id: str) -> Json:
    """The PaymentIntent that pays an invoice."""
    (payment,) = world.select("invoice_payment", invoice=invoice_id)
    return world.get("payment_intent", payment["payment"]["payment_intent"])


def intent_invoice(world: World, intent_id: str) -> Json | None:
    """The invoice that a PaymentIntent pays, if it pays one."""
    for payment in world.select("invoice_payment", payment__payment_intent=intent_id):
        return world.get("invoice", payment["invoice"])
    return None


def retrieve_invoice(world: World, params: Json, id: str) -> Json:
    return world.get("invoice", id)


def list_invoices(world: World, params: Json) -> Json:
    paths = {"subscription": "parent.subscription_details.subscription"}
    return list_page(world, "invoice", "/v1/invoices", params, paths=paths)


def list_invoice_payments(world: World, params: Json) -> Json:
    payment = params.pop("payment", {})
    where = (
        [("json_extract(body, '$.payment.payment_intent') = ?", [payment["payment_intent"]])]
        if "payment_intent" in payment
        else []
    )
    return list_page(world, "invoice_payment", "/v1/invoice_payments", params, where=where)


def retrieve_invoice_payment(world: World, params: Json, id: str) -> Json:
    return world.get("invoice_payment", id)
