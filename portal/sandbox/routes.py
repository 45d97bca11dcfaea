"""Stripe's endpoints that the sandbox has: one row each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from portal.sandbox import (
    balance,
    billing,
    checkout,
    customers,
    events,
    invoices,
    payments,
    reversals,
    schedule,
    session_params,
    subscription_life,
    subscriptions,
)
from portal.sandbox.fields import Field, Flag, Many, Text
from portal.sandbox.store import Json
from portal.sandbox.world import LISTING, PAGING

_ONLY_EXPAND: dict[str, Field] = {"expand": Many(Text())}
_LIST_EVENTS = LISTING | {
    "delivery_success": Flag(),
    "type": Text(),
    "types": Many(Text()),
}


@dataclass(frozen=True, slots=True)
class Route:
    """`handler(world, params, **ids)` answers the object; `required` are parameters."""

    method: str
    rule: str
    handler: Callable[..., Json]
    fields: Mapping[str, Field] = field(default_factory=lambda: _ONLY_EXPAND)
    required: tuple[str, ...] = ()


ROUTES = (
    Route("GET", "account", balance.retrieve_account),
    Route("GET", "balance", balance.retrieve_balance),
    Route("GET", "balance_transactions", balance.list_transactions, balance.LIST_TRANSACTIONS),
    Route("GET", "balance_transactions/<id>", balance.retrieve_transaction),
    Route(
        "GET",
        "billing_portal/configurations",
        billing.list_configurations,
        billing.LIST_CONFIGURATIONS,
    ),
    Route("GET", "billing_portal/configurations/<id>", billing.retrieve_configuration),
    Route(
        "POST",
        "billing_portal/configurations/<id>",
        billing.update_configuration,
        billing.UPDATE_CONFIGURATION,
    ),
    Route(
        "POST",
        "billing_portal/sessions",
        billing.create_portal_session,
        billing.CREATE_PORTAL_SESSION,
        ("customer",),
    ),
    Route("GET", "charges", payments.list_charges, payments.LIST_CHARGES),
    Route("GET", "charges/<id>", payments.retrieve_charge),
    Route(
        "POST",
        "checkout/sessions",
        checkout.create_session,
        session_params.CREATE_SESSION,
        ("mode", "line_items", "success_url"),
    ),
    Route("GET", "checkout/sessions", checkout.list_sessions, session_params.LIST_SESSIONS),
    Route("GET", "checkout/sessions/<id>", checkout.retrieve_session),
    Route("POST", "checkout/sessions/<id>/expire", checkout.expire_session),
    Route("GET", "checkout/sessions/<id>/line_items", checkout.list_session_items, PAGING),
    Route("POST", "customers", customers.create_customer, customers.CREATE_CUSTOMER),
    Route("GET", "customers", customers.list_customers, customers.LIST_CUSTOMERS),
    Route("GET", "customers/<id>", customers.retrieve_customer),
    Route("GET", "disputes", reversals.list_disputes, reversals.LIST_DISPUTES),
    Route("GET", "disputes/<id>", reversals.retrieve_dispute),
    Route("POST", "disputes/<id>/close", reversals.accept_dispute),
    Route("GET", "events", events.list_events, _LIST_EVENTS),
    Route("GET", "events/<id>", events.retrieve_event),
    Route(
        "GET", "invoice_payments", invoices.list_invoice_payments, invoices.LIST_INVOICE_PAYMENTS
    ),
    Route("GET", "invoice_payments/<id>", invoices.retrieve_invoice_payment),
    Route("GET", "invoices", invoices.list_invoices, invoices.LIST_INVOICES),
    Route("GET", "invoices/<id>", invoices.retrieve_invoice),
    Route("POST", "invoices/<id>/pay", schedule.pay_open_invoice),
    Route("GET", "payment_intents", payments.list_intents, payments.LIST_INTENTS),
    Route("GET", "payment_intents/<id>", payments.retrieve_intent),
    Route("GET", "payment_methods/<id>", customers.retrieve_payment_method),
    Route("GET", "payouts", balance.list_payouts, balance.LIST_PAYOUTS),
    Route("GET", "payouts/<id>", balance.retrieve_payout),
    Route("GET", "prices/<id>", subscription_life.retrieve_price),
    Route(
        "POST",
        "products",
        subscription_life.create_product,
        subscription_life.CREATE_PRODUCT,
        ("name",),
    ),
    Route("GET", "products/<id>", subscription_life.retrieve_product),
    Route("POST", "refunds", reversals.create_refund, reversals.CREATE_REFUND),
    Route("GET", "refunds", reversals.list_refunds, reversals.LIST_REFUNDS),
    Route("GET", "refunds/<id>", reversals.retrieve_refund),
    Route(
        "GET", "subscriptions", subscriptions.list_subscriptions, subscriptions.LIST_SUBSCRIPTIONS
    ),
    Route("GET", "subscriptions/<id>", subscriptions.retrieve_subscription),
    Route(
        "POST",
        "subscriptions/<id>",
        subscriptions.update_subscription,
        subscriptions.UPDATE_SUBSCRIPTION,
    ),
    Route(
        "DELETE",
        "subscriptions/<id>",
        subscriptions.cancel_subscription,
        subscriptions.CANCEL_SUBSCRIPTION,
    ),
    Route(
        "POST",
        "webhook_endpoints",
        events.create_endpoint,
        events.CREATE_ENDPOINT,
        ("enabled_events", "url"),
    ),
    Route(
        "GET",
        "webhook_endpoints",
        events.list_endpoints,
        events.LIST_ENDPOINTS,
    ),
    Route("GET", "webhook_endpoints/<id>", events.retrieve_endpoint),
    Route(
        "POST",
        "webhook_endpoints/<id>",
        events.update_endpoint,
        events.UPDATE_ENDPOINT,
    ),
    Route("DELETE", "webhook_endpoints/<id>", events.delete_endpoint, {}),
)
