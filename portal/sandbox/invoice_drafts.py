"""A new invoice: what it asks for, from whom, and for which subscription and period."""

from portal.sandbox.events import emit
from portal.sandbox.lists import list_object
from portal.sandbox.store import Json
from portal.sandbox.world import World

_NULLS = dict.fromkeys(
    "account_tax_ids amount_paid_off_stripe application automatically_finalizes_at"
    " confirmation_secret custom_fields customer_account customer_address customer_phone"
    " customer_shipping default_payment_method default_source description due_date effective_at"
    " ending_balance footer from_invoice hosted_invoice_url invoice_pdf last_finalization_error"
    " latest_revision next_payment_attempt number on_behalf_of receipt_number rendering"
    " shipping_cost shipping_details statement_descriptor status_details test_clock"
    " threshold_reason webhooks_delivered_at".split()
)


def draft_invoice(world: World, subscription: Json, reason: str, period: tuple[int, int]) -> Json:
    """A draft for the current period; `period` is the invoice's own, which is the past one."""
    invoice_id = world.new_id("in")
    lines = [_line(world, invoice_id, subscription, item) for item in subscription["items"]["data"]]
    invoice = _NULLS | _amounts(sum(line["amount"] for line in lines)) | _empty_parts()
    invoice |= _payer(world.get("customer", subscription["customer"]))
    invoice |= {
        "id": invoice_id,
        "object": "invoice",
        "account_country": "CA",
        "account_name": "Sandbox",
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "created": world.now(),
        "currency": subscription["currency"],
        "issuer": {"type": "self"},
        "lines": list_object(f"/v1/invoices/{invoice_id}/lines", lines),
        "livemode": False,
        "parent": _parent(subscription),
        "period_end": period[1],
        "period_start": period[0],
        "status": "draft",
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
    return {
        "id": world.new_id("il"),
        "object": "line_item",
        "amount": total,
        "currency": price["currency"],
        "description": subscription["description"],
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "metadata": subscription["metadata"],
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": item["quantity"],
        "quantity_decimal": str(item["quantity"]),
        "subscription": subscription["id"],
        "subtotal": total,
        "taxes": [],
    }
