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
    StripeError,
    Text,
    WebAddress,
    Whole,
    parameter_invalid,
    parameter_missing,
)
from portal.sandbox.store import Json
from portal.sandbox.world import PAGING

EXCLUDABLE = tuple(
    "acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit"
    " bancontact billie bizum blik boleto card cashapp crypto customer_balance eps fpx giropay"
    " grabpay ideal kakao_pay klarna konbini kr_card mb_way mobilepay multibanco naver_pay"
    " nz_bank_account oxxo p24 pay_by_bank payco paynow paypal paypay payto pix promptpay"
    " revolut_pay samsung_pay satispay scalapay sepa_debit sequra sofort sunbit swish twint upi"
    " us_bank_account wechat_pay zip".split()
)
ALLOWABLE = (*EXCLUDABLE, "link")


def check_mode(params: Json) -> None:
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise parameter_invalid("The sandbox has hosted pages only.", "ui_mode")
    if params["mode"] == "setup":
        raise parameter_invalid("The sandbox has the modes payment and subscription.", "mode")
    subscribes = params["mode"] == "subscription"
    misplaced = (
        ("customer_creation", "payment_intent_data") if subscribes else ("subscription_data",)
    )
    for name in misplaced:
        if name in params:
            raise parameter_invalid(f"You can not pass `{name}` in `{params['mode']}` mode.", name)
    if "customer" in params and "customer_email" in params:
        raise parameter_invalid(
            "You may only specify one of these parameters: customer, customer_email.", "customer"
        )


def check_items(params: Json) -> tuple[str, int]:
    """The one currency of all line items, and what they come to."""
    if not params["line_items"]:
        raise parameter_missing("line_items[0]")
    prices = [
        _check_item(item, f"line_items[{position}]", params["mode"])
        for position, item in enumerate(params["line_items"])
    ]
    currencies = {price["currency"] for price in prices}
    if len(currencies) > 1:
        raise parameter_invalid("All line items must have the same currency.", "line_items")
    total = sum(
        price["unit_amount"] * item["quantity"]
        for price, item in zip(prices, params["line_items"], strict=True)
    )
    return currencies.pop(), total


def _check_item(item: Json, name: str, mode: str) -> Json:
    if "price" in item:
        raise StripeError(
            400,
            f"No such price: '{item['price']}'",
            code="resource_missing",
            param=f"{name}[price]",
        )
    if "price_data" not in item:
        raise parameter_missing(f"{name}[price_data]")
    if "quantity" not in item:
        raise parameter_missing(f"{name}[quantity]")
    price: Json = item["price_data"]
    _check_price(price, f"{name}[price_data]", mode)
    return price


def _check_price(price: Json, name: str, mode: str) -> None:
    if "unit_amount" not in price:
        raise parameter_missing(f"{name}[unit_amount]")
    if "product" not in price and "product_data" not in price:
        raise parameter_missing(f"{name}[product_data]")
    if mode == "subscription" and "recurring" not in price:
        raise parameter_invalid(
            "You must provide at least one recurring price in `subscription` mode when using"
            " prices.",
            "line_items",
        )
    if mode == "payment" and "recurring" in price:
        raise parameter_invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to"
            " `subscription` mode or use only one-time prices.",
            "line_items",
        )


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
