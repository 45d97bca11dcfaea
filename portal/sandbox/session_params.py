"""What `POST /v1/checkout/sessions` takes (the parameters the portal may use)."""

from portal.sandbox.fields import (
    Choice,
    Currency,
    Email,
    Field,
    Flag,
    Group,
    Many,
    Metadata,
    Span,
    Text,
    WebAddress,
    Whole,
)
from portal.sandbox.lists import PAGING
from portal.sandbox.method_types import ALLOWABLE, EXCLUDABLE

LOCALES = tuple(
    "auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hi-IN hr hu id it ja ko lt lv ms"
    " mt nb nl pl pt pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW".split()
)
_MESSAGE = Group({"message": Text(1200)}, required=("message",))
_RECURRING = Group(
    {"interval": Choice(("day", "month", "week", "year")), "interval_count": Whole(1, 36)},
    required=("interval",),
)
_PRODUCT = Group(
    {
        "description": Text(),
        "images": Many(WebAddress(), 8),
        "metadata": Metadata(),
        "name": Text(250),
        "unit_label": Text(12),
    },
    required=("name",),
)
_PRICE_DATA = Group(
    {
        "currency": Currency(),
        "product": Text(),
        "product_data": _PRODUCT,
        "recurring": _RECURRING,
        "tax_behavior": Choice(("exclusive", "inclusive", "unspecified")),
        "unit_amount": Whole(0, 10**14),
    },
    required=("currency",),
)
_LINE_ITEM = Group(
    {
        "metadata": Metadata(),
        "price": Text(),
        "price_data": _PRICE_DATA,
        "quantity": Whole(1, 999_999),
    }
)
_PAYMENT_INTENT = Group(
    {
        "description": Text(1000),
        "metadata": Metadata(),
        "receipt_email": Email(),
        "setup_future_usage": Choice(("off_session", "on_session")),
        "statement_descriptor": Text(22),
        "statement_descriptor_suffix": Text(22),
    }
)
_UPDATE = Choice(("auto", "never"))
CREATE_SESSION: dict[str, Field] = {
    "adaptive_pricing": Group({"enabled": Flag()}),
    "allowed_payment_method_types": Many(Choice(ALLOWABLE)),
    "billing_address_collection": Choice(("auto", "required")),
    "cancel_url": WebAddress(),
    "client_reference_id": Text(200),
    "custom_text": Group({"after_submit": _MESSAGE, "submit": _MESSAGE}),
    "customer": Text(),
    "customer_creation": Choice(("always", "if_required")),
    "customer_email": Email(),
    "customer_update": Group({"address": _UPDATE, "name": _UPDATE, "shipping": _UPDATE}),
    "excluded_payment_method_types": Many(Choice(EXCLUDABLE)),
    "expand": Many(Text()),
    "expires_at": Whole(0),
    "line_items": Many(_LINE_ITEM),
    "locale": Choice(LOCALES),
    "metadata": Metadata(),
    "mode": Choice(("payment", "setup", "subscription")),
    "origin_context": Choice(("mobile_app", "web")),
    "payment_intent_data": _PAYMENT_INTENT,
    "payment_method_collection": Choice(("always", "if_required")),
    "phone_number_collection": Group({"enabled": Flag()}, required=("enabled",)),
    "submit_type": Choice(("auto", "book", "donate", "pay", "subscribe")),
    "subscription_data": Group({"description": Text(500), "metadata": Metadata()}),
    "success_url": WebAddress(),
    "ui_mode": Choice(("elements", "embedded_page", "form", "hosted_page")),
}
LIST_SESSIONS: dict[str, Field] = PAGING | {
    "created": Span(),
    "customer": Text(),
    "customer_details": Group({"email": Text()}, required=("email",)),
    "payment_intent": Text(),
    "status": Choice(("complete", "expired", "open")),
    "subscription": Text(),
}
