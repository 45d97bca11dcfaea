"""Invoices of subscriptions, and the InvoicePayments that tie them to PaymentIntents."""

from portal.sandbox.events import emit
from portal.sandbox.fields import Choice, Field, Group, Text
from portal.sandbox.lists import LISTING, list_page
from portal.sandbox.store import Json
from portal.sandbox.world import World

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
    (payment,) = world.select("invoice_payment", invoice=invoice["id"])
    payment |= {"amount_paid": invoice["amount_due"], "status": "paid"}
    payment["status_transitions"]["paid_at"] = now
    emit(world, "invoice_payment.paid", world.save(payment))
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


def fail_invoice(world: World, invoice: Json, *, retry: bool) -> Json:
    """An attempt failed; Stripe tries again some days later."""
    invoice |= {
        "attempt_count": invoice["attempt_count"] + 1,
        "attempted": True,
        "next_payment_attempt": world.now() + RETRY_AFTER if retry else None,
    }
    emit(world, "invoice.payment_failed", world.save(invoice))
    return invoice


def void_invoice(world: World, invoice: Json) -> Json:
    """Nothing will be asked for it any more."""
    invoice |= {"auto_advance": False, "next_payment_attempt": None, "status": "void"}
    invoice["status_transitions"]["voided_at"] = world.now()
    emit(world, "invoice.voided", world.save(invoice))
    return invoice


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
