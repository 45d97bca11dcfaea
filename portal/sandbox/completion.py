"""What a submitted pay page does: one attempt at a session's money."""

from portal.sandbox.customers import add_customer, attach_method
from portal.sandbox.events import emit
from portal.sandbox.invoices import draft_invoice, finalize_invoice, pay_invoice
from portal.sandbox.payments import add_intent, attempt, decline
from portal.sandbox.store import Json
from portal.sandbox.subscription_life import add_subscription
from portal.sandbox.world import World


def pay_session(world: World, session: Json, method: Json, *, authenticated: bool = False) -> Json:
    """Attempt the payment; answers the PaymentIntent, the session being complete if it went on."""
    intent = _intent(world, session)
    intent = attempt(world, intent, method, authenticated=authenticated)
    if intent["status"] == "requires_action":
        world.set_private(session["id"], challenged=method["id"])
    if intent["status"] in ("succeeded", "processing"):
        _complete(world, session, intent, method)
    return intent


def fail_authentication(world: World, session: Json) -> Json:
    """The donor's bank could not confirm who pays."""
    method = world.get("payment_method", world.private(session["id"])["challenged"])
    intent = _intent(world, session)
    world.set_private(session["id"], challenged=None)
    return decline(
        world, intent, method, "payment_intent_authentication_failure", "authentication_failed"
    )


def _intent(world: World, session: Json) -> Json:
    """The session's PaymentIntent: made at the first attempt, kept for the next ones."""
    private = world.private(session["id"])
    if "intent" in private:
        return world.get("payment_intent", private["intent"])
    customer = _customer(world, session)
    given = private["payment_intent_data"]
    intent = add_intent(
        world,
        session["amount_total"],
        session["currency"],
        session["payment_method_types"],
        customer=customer,
        **_described(session) | given,
    )
    world.set_private(session["id"], intent=intent["id"])
    return intent


def _described(session: Json) -> Json:
    if session["mode"] == "subscription":
        return {"description": "Subscription creation", "setup_future_usage": "off_session"}
    return {}


def _customer(world: World, session: Json) -> str | None:
    """An existing customer, a new one where the session wants one, or a guest."""
    if session["customer"]:
        return str(session["customer"])
    if session["mode"] == "subscription" or session["customer_creation"] == "always":
        customer = add_customer(world, email=session["customer_email"])
        return str(customer["id"])
    return None


def _complete(world: World, session: Json, intent: Json, method: Json) -> None:
    paid = intent["status"] == "succeeded"
    session |= {
        "customer": intent["customer"],
        "customer_details": _customer_details(world, session, method),
        "payment_status": "paid" if paid else "unpaid",
        "status": "complete",
        "url": None,
    }
    if intent["customer"]:
        attach_method(world, method, intent["customer"])
    if session["mode"] == "subscription":
        session |= _subscribe(world, session, intent, method, paid=paid)
    else:
        session["payment_intent"] = intent["id"]
    world.save(session)
    event = emit(world, "checkout.session.completed", session)
    world.set_private(session["id"], completed_event=event["id"])


def _customer_details(world: World, session: Json, method: Json) -> Json:
    billing = method["billing_details"]
    return {
        "address": billing["address"],
        "business_name": None,
        "email": billing["email"],
        "individual_name": None,
        "name": billing["name"],
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def _subscribe(world: World, session: Json, intent: Json, method: Json, *, paid: bool) -> Json:
    """The subscription and its first invoice, paid by the session's own payment."""
    private = world.private(session["id"])
    subscription = add_subscription(
        world,
        world.get("customer", intent["customer"]),
        private["line_items"],
        default_payment_method=method["id"],
        **private["subscription_data"],
    )
    now = world.now()
    invoice = draft_invoice(world, subscription, "subscription_create", (now, now))
    subscription["latest_invoice"] = invoice["id"]
    world.save(subscription)
    emit(world, "customer.subscription.created", subscription)
    invoice = finalize_invoice(world, invoice, intent)
    if paid:
        pay_invoice(world, invoice)
    return {"subscription": subscription["id"], "invoice": invoice["id"]}
