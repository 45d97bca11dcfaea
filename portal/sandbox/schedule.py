"""Time: what is due happens in its order, as the clock passes or is moved forward."""

from collections.abc import Callable

from portal.sandbox.checkout import close_session
from portal.sandbox.events import emit
from portal.sandbox.fields import StripeError
from portal.sandbox.invoices import (
    draft_invoice,
    fail_invoice,
    finalize_invoice,
    intent_invoice,
    invoice_intent,
    pay_invoice,
    set_aside,
)
from portal.sandbox.payments import add_intent, attempt, decline, finish_debit, settle_fees
from portal.sandbox.reversals import fail_refund, open_dispute, succeed_refund
from portal.sandbox.store import Json
from portal.sandbox.subscription_life import (
    change_subscription,
    end_subscription,
    next_period,
    resume_collection,
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
    if subscription["pause_collection"]:
        set_aside(world, invoice, subscription["pause_collection"]["behavior"])
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


def pay_open_invoice(world: World, params: Json, id: str) -> Json:
    """An attempt that the API asks for; one that is refused leaves everything as it was."""
    invoice = world.get("invoice", id)
    if invoice["status"] != "open":
        raise StripeError(400, f"Invoice is already {invoice['status']}", code="invoice_not_open")
    subscription = _subscription(world, invoice)
    method = world.get("payment_method", subscription["default_payment_method"])
    _collect(world, invoice, invoice_intent(world, id), method)
    found = world.get("invoice", id)
    if found["status"] != "paid" and method["type"] == "card":
        raise StripeError(402, "Your card was declined.", type="card_error", code="card_declined")
    return found


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


def settle_debit(world: World, intent_id: str) -> None:
    intent = world.get("payment_intent", intent_id)
    fails = world.private(intent["payment_method"])["debit_fails"]
    paid = not (world.take_fault("fail_next_settlement") or fails)
    finish_debit(world, intent, paid=paid)
    invoice = intent_invoice(world, intent_id)
    if invoice:
        settle_invoice(world, invoice, paid=paid)
    session = _session(world, intent_id, invoice)
    if session and session["payment_status"] == "unpaid":
        _tell_session(world, session, paid=paid)


def _session(world: World, intent_id: str, invoice: Json | None) -> Json | None:
    """The session that began it; a renewal has none of its own."""
    found = world.select("checkout.session", payment_intent=intent_id)
    if invoice and not found:
        found = world.select("checkout.session", invoice=invoice["id"])
    return found[0] if found else None


def _tell_session(world: World, session: Json, *, paid: bool) -> None:
    if paid:
        session["payment_status"] = "paid"
        world.save(session)
    ending = "succeeded" if paid else "failed"
    emit(world, f"checkout.session.async_payment_{ending}", session)


_DUE = "SELECT seq, due, kind, object_id FROM tasks WHERE due <= ? ORDER BY due, seq LIMIT 1"


def _expire(world: World, session_id: str) -> None:
    session = world.get("checkout.session", session_id)
    if session["status"] == "open":
        close_session(world, session)


_TASKS: dict[str, Callable[[World, str], object]] = {
    "charge_renewal": charge_renewal,
    "end_subscription": end_as_planned,
    "expire_session": _expire,
    "fail_refund": fail_refund,
    "open_dispute": open_dispute,
    "renew": renew,
    "resume_collection": resume_collection,
    "retry_invoice": retry_invoice,
    "settle_debit": settle_debit,
    "settle_fees": settle_fees,
    "succeed_refund": succeed_refund,
}


def run_due(world: World) -> int:
    """Do everything whose time has come; answers how many things that was."""
    done = 0
    while _run_next(world, world.now()):
        done += 1
    return done


def _run_next(world: World, until: int) -> bool:
    with world.store.transaction():
        task = world.store.row(_DUE, until)
        if task is None:
            return False
        world.store.execute("DELETE FROM tasks WHERE seq = ?", task["seq"])
        _TASKS[task["kind"]](world, task["object_id"])
    return True


def advance_by(world: World, seconds: int) -> int:
    """Move the clock, stopping at each due time on the way so that everything has its own date."""
    target = world.now() + seconds
    done = 0
    while True:
        due = next_due(world)
        if due is None or due > target:
            break
        world.advance(max(due - world.now(), 0))
        done += run_due(world)
    world.advance(max(target - world.now(), 0))
    return done + run_due(world)


def advance_to_renewal(world: World) -> int:
    """To just after the next renewal's charge; 0 when nothing renews."""
    row = world.store.row("SELECT min(due) AS due FROM tasks WHERE kind = 'renew'")
    if row is None or row["due"] is None:
        return 0
    return advance_by(world, max(row["due"] - world.now(), 0) + DRAFT_SECONDS)


def next_due(world: World) -> int | None:
    row = world.store.row("SELECT min(due) AS due FROM tasks")
    return row["due"] if row else None
