"""Time: what is due happens in its order, as the clock passes or is moved forward."""

from collections.abc import Callable

from portal.sandbox.charges import settle_fees
from portal.sandbox.checkout import close_session
from portal.sandbox.disputes import open_dispute
from portal.sandbox.events import emit
from portal.sandbox.invoices import intent_invoice
from portal.sandbox.payments import finish_debit
from portal.sandbox.refunds import fail_refund, succeed_refund
from portal.sandbox.renewals import (
    DRAFT_SECONDS,
    charge_renewal,
    end_as_planned,
    renew,
    retry_invoice,
    settle_invoice,
)
from portal.sandbox.store import Json
from portal.sandbox.world import World


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
