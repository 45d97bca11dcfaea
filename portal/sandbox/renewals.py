"""A subscription's next periods: draft, an hour later the charge, retries when it fails."""

from portal.sandbox.invoices import (
    draft_invoice,
    fail_invoice,
    finalize_invoice,
    invoice_intent,
    pay_invoice,
)
from portal.sandbox.payments import add_intent, attempt, decline
from portal.sandbox.store import Json
from portal.sandbox.subscription_life import (
    change_subscription,
    end_subscription,
    next_period,
)
from portal.sandbox.world import World

DRAFT_SECONDS = 3600  # Stripe leaves a renewal's invoice a draft for about an hour
RETRIES = 3


def renew(world: World, subscription_id: str) -> None:
    """The period is over: a draft invoice for the next one."""
    before = world.get("subscription", subscription_id)
    if before["status"] == "canceled":
        return
    if before["cancel_at"] is not None and before["cancel_at"] <= world.now():
        end_subscription(world, before, "cancellation_requested")
        return
    subscription = world.get("subscription", subscription_id)
    item = subscription["items"]["data"][0]
    past = (item["current_period_start"], item["current_period_end"])
    next_period(subscription)
    invoice = draft_invoice(world, subscription, "subscription_cycle", past)
    changes = {"items": subscription["items"], "latest_invoice": invoice["id"]}
    change_subscription(world, before, changes)
    world.schedule("renew", subscription_id, item["current_period_end"])
    world.schedule("charge_renewal", invoice["id"], world.now() + DRAFT_SECONDS)


def charge_renewal(world: World, invoice_id: str) -> None:
    """The draft's hour is over: charge the method that was kept."""
    invoice = world.get("invoice", invoice_id)
    subscription = _subscription(world, invoice)
    if subscription["status"] == "canceled":
        return
    method = world.get("payment_method", subscription["default_payment_method"])
    intent = add_intent(
        world,
        invoice["amount_due"],
        invoice["currency"],
        [method["type"]],
        customer=invoice["customer"],
        description="Subscription update",
    )
    finalize_invoice(world, invoice, intent)
    _collect(world, invoice, intent, method)


def retry_invoice(world: World, invoice_id: str) -> None:
    """Stripe's next attempt at an unpaid invoice."""
    invoice = world.get("invoice", invoice_id)
    subscription = _subscription(world, invoice)
    if invoice["status"] != "open" or subscription["status"] == "canceled":
        return
    method = world.get("payment_method", subscription["default_payment_method"])
    _collect(world, invoice, invoice_intent(world, invoice_id), method)


def _collect(world: World, invoice: Json, intent: Json, method: Json) -> None:
    if world.take_fault("fail_next_renewal"):
        intent = decline(world, intent, method, "card_declined", "insufficient_funds")
    else:
        # A card that was authenticated once is charged off-session from then on.
        intent = attempt(world, intent, method, authenticated=True)
    if intent["status"] != "processing":
        settle_invoice(world, invoice, paid=intent["status"] == "succeeded")


def settle_invoice(world: World, invoice: Json, *, paid: bool) -> None:
    """An invoice's payment came or failed: the invoice and its subscription follow."""
    subscription = _subscription(world, invoice)
    if paid:
        pay_invoice(world, invoice)
        if subscription["status"] == "past_due":
            change_subscription(world, subscription, {"status": "active"})
        return
    retry = invoice["attempt_count"] < RETRIES
    fail_invoice(world, invoice, retry=retry)
    if not retry:
        end_subscription(world, subscription, "payment_failed")
        return
    world.schedule("retry_invoice", invoice["id"], invoice["next_payment_attempt"])
    change_subscription(world, subscription, {"status": "past_due"})


def _subscription(world: World, invoice: Json) -> Json:
    return world.get("subscription", invoice["parent"]["subscription_details"]["subscription"])


def end_as_planned(world: World, subscription_id: str) -> None:
    """The time of a planned cancellation has come."""
    subscription = world.get("subscription", subscription_id)
    if subscription["status"] != "canceled" and subscription["cancel_at"] is not None:
        end_subscription(world, subscription, "cancellation_requested")
