"""What goes together in a new session, as Stripe judges it after each field is well-formed."""

from portal.sandbox.errors import StripeError, parameter_invalid, parameter_missing
from portal.sandbox.store import Json


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
