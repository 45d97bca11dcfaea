"""A bank debit's end, some days after the donor left: paid, or come back unpaid."""

from portal.sandbox.events import emit
from portal.sandbox.invoices import intent_invoice
from portal.sandbox.payments import finish_debit
from portal.sandbox.renewals import settle_invoice
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
