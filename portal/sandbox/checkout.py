"""Checkout Sessions: an invitation to pay on a hosted page, open until paid or expired."""

from portal.money import STRIPE_MINIMUM_MINOR, STRIPE_SHIFTED, THREE_DECIMAL, Money
from portal.sandbox.customers import DEBITS, add_customer, attach_method
from portal.sandbox.events import emit
from portal.sandbox.fields import ParameterRefused, StripeError, parameter_invalid
from portal.sandbox.invoices import draft_invoice, finalize_invoice, pay_invoice
from portal.sandbox.payments import add_intent, attempt, decline
from portal.sandbox.session_params import check_items, check_mode
from portal.sandbox.store import Json
from portal.sandbox.subscription_life import add_price, add_subscription
from portal.sandbox.world import World, list_object, list_page

_SHORTEST, _LONGEST = 30 * 60, 24 * 3600
_LEEWAY = 60  # clocks differ by a little

_NULLS = dict.fromkeys(
    "after_expiration allow_promotion_codes allowed_payment_method_types branding_settings"
    " billing_address_collection cancel_url client_reference_id client_secret"
    " collected_information consent consent_collection currency_conversion customer"
    " customer_account customer_creation customer_details customer_email discounts"
    " excluded_payment_method_types integration_identifier invoice invoice_creation locale"
    " managed_payments name_collection optional_items origin_context payment_intent payment_link"
    " payment_method_collection payment_method_configuration_details permissions"
    " presentment_details recovered_from redirect_on_completion return_url"
    " saved_payment_method_options setup_intent shipping_address_collection shipping_cost"
    " submit_type subscription success_url wallet_options".split()
)
_SAME: Json = {
    "object": "checkout.session",
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "custom_fields": [],
    "livemode": False,
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "phone_number_collection": {"enabled": False},
    "shipping_options": [],
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    "ui_mode": "hosted_page",
}
_NO_TEXTS = dict.fromkeys(
    "after_submit shipping_address submit terms_of_service_acceptance".split()
)
_ECHOED = (
    "allowed_payment_method_types billing_address_collection cancel_url client_reference_id"
    " customer customer_creation customer_email excluded_payment_method_types locale mode"
    " origin_context payment_method_collection phone_number_collection submit_type success_url"
).split()


def create_session(world: World, params: Json) -> Json:
    """A new open session with its pay page's address."""
    check_mode(params)
    currency, total = check_items(params)
    types = payment_types(params, currency)
    check_amount(total, currency, cards="card" in types)
    if "customer" in params:
        world.get("customer", params["customer"], "customer")
    session_id = world.new_id("cs_test")
    items = [_line_item(world, item) for item in params["line_items"]]
    session = _NULLS | _SAME | _defaults(world, session_id, params)
    session |= {"amount_subtotal": total, "amount_total": total}
    session |= {"currency": currency, "payment_method_types": types}
    session |= {name: params[name] for name in _ECHOED if name in params}
    world.schedule("expire_session", session_id, _expiry(world, params))
    data = {name: params.get(name, {}) for name in ("payment_intent_data", "subscription_data")}
    return world.add(session, line_items=items, **data)


def _defaults(world: World, session_id: str, params: Json) -> Json:
    subscribes = params["mode"] == "subscription"
    return {
        "id": session_id,
        "adaptive_pricing": params.get("adaptive_pricing") or {"enabled": False},
        "created": world.now(),
        "custom_text": _NO_TEXTS | params.get("custom_text", {}),
        "customer_creation": None if subscribes else "if_required",
        "expires_at": _expiry(world, params),
        "metadata": params.get("metadata", {}),
        "payment_method_collection": "always" if subscribes else "if_required",
        "payment_status": "unpaid",
        "status": "open",
        "url": f"{world.config.base_url}/pay/{session_id}",
    }


def payment_types(params: Json, currency: str) -> list[str]:
    """Cards, and the currency's own bank debit, narrowed by what the caller allows."""
    offered = ["card", *([DEBITS[currency]] if currency in DEBITS else [])]
    allowed = params.get("allowed_payment_method_types", offered)
    excluded = params.get("excluded_payment_method_types", [])
    left = [kind for kind in offered if kind in allowed and kind not in excluded]
    if not left:
        raise parameter_invalid(
            "No valid payment method types for this Checkout Session.",
            "allowed_payment_method_types",
        )
    return left


def _expiry(world: World, params: Json) -> int:
    expires_at = int(params.get("expires_at", world.now() + _LONGEST))
    remaining = expires_at - world.now()
    if not _SHORTEST - _LEEWAY <= remaining <= _LONGEST + _LEEWAY:
        raise ParameterRefused(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout"
            " Session creation.",
            param="expires_at",
        )
    return expires_at


def _line_item(world: World, item: Json) -> Json:
    price = add_price(world, item["price_data"])
    product = world.get("product", price["product"], "line_items[0][price_data][product]")
    total = price["unit_amount"] * item["quantity"]
    return {
        "id": world.new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": item.get("metadata", {}),
        "price": price,
        "quantity": item["quantity"],
    }


def session_items(world: World, session_id: str) -> Json:
    items = world.private(session_id)["line_items"]
    return list_object(f"/v1/checkout/sessions/{session_id}/line_items", items)


def list_session_items(world: World, params: Json, id: str) -> Json:
    world.get("checkout.session", id)
    return session_items(world, id)


def retrieve_session(world: World, params: Json, id: str) -> Json:
    return world.get("checkout.session", id)


def list_sessions(world: World, params: Json) -> Json:
    details = params.pop("customer_details", None)
    if details:
        params["email"] = details["email"]
    paths = {"email": "customer_details.email"}
    return list_page(world, "checkout.session", "/v1/checkout/sessions", params, paths=paths)


def expire_session(world: World, params: Json, id: str) -> Json:
    session = world.get("checkout.session", id)
    if session["status"] != "open":
        raise StripeError(
            400,
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout'
            f" Session has a status of {session['status']}.",
        )
    return close_session(world, session)


def close_session(world: World, session: Json) -> Json:
    """Nobody can pay it any more."""
    session |= {"status": "expired", "url": None}
    emit(world, "checkout.session.expired", world.save(session))
    return session


_CARD_MAXIMUM = 999_999_999_999
_OTHER_MAXIMUM = 99_999_999
_WIDER = {"COP": 9_999_999_999, "IDR": 999_999_999_999, "INR": 999_999_999}
# Currencies whose wire amount must end in zeros: ISK and UGX two, three-decimal ones one.
_ROUND_TO = dict.fromkeys(STRIPE_SHIFTED, 100) | dict.fromkeys(THREE_DECIMAL, 10)


def check_amount(total: int, currency: str, *, cards: bool) -> None:
    """Refuse a wire amount that Stripe would; `currency` as the wire has it, in lower case."""
    code = currency.upper()
    _check_least(total, currency, code)
    _check_most(total, code, cards=cards)
    step = _ROUND_TO.get(code, 1)
    if total % step:
        raise ParameterRefused(
            f"Invalid amount: {code} amounts must be divisible by {step}.",
            code="parameter_invalid_integer",
            param="line_items[0][price_data][unit_amount]",
        )


def _check_least(total: int, currency: str, code: str) -> None:
    least = STRIPE_MINIMUM_MINOR.get(code, 1) * (100 if code in STRIPE_SHIFTED else 1)
    if total < least:
        raise ParameterRefused(
            "The Checkout Session's total amount due must add up to at least"
            f" {Money.from_stripe(least, currency)}",
            code="amount_too_small",
            param="line_items",
        )


def _check_most(total: int, code: str, *, cards: bool) -> None:
    most = _CARD_MAXIMUM if cards else _WIDER.get(code, _OTHER_MAXIMUM)
    if total > most:
        raise ParameterRefused(
            f"The Checkout Session's total amount must be no more than {most} in the smallest"
            f" unit of {code}.",
            code="amount_too_large",
            param="line_items",
        )


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
