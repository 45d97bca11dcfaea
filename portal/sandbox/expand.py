"""`expand[]`: ids become the objects they name, and lists that are left out come in."""

from collections.abc import Callable
from typing import Any

from portal.sandbox.checkout import session_items
from portal.sandbox.errors import parameter_invalid
from portal.sandbox.lists import list_object
from portal.sandbox.store import Json
from portal.sandbox.world import World

_DEEPEST = 4


def _refunds(world: World, charge_id: str) -> Json:
    return list_object(
        f"/v1/charges/{charge_id}/refunds", world.select("refund", charge=charge_id)[::-1]
    )


def _payments(world: World, invoice_id: str) -> Json:
    return list_object("/v1/invoice_payments", world.select("invoice_payment", invoice=invoice_id))


def _subscriptions(world: World, customer_id: str) -> Json:
    found = world.select("subscription", customer=customer_id)
    living = [one for one in found if one["status"] != "canceled"]
    return list_object(f"/v1/customers/{customer_id}/subscriptions", living[::-1])


# (object, field) that Stripe leaves out unless it is asked for.
_LEFT_OUT: dict[tuple[str, str], Callable[[World, str], Json]] = {
    ("charge", "refunds"): _refunds,
    ("checkout.session", "line_items"): session_items,
    ("customer", "subscriptions"): _subscriptions,
    ("invoice", "payments"): _payments,
}


def expand(world: World, body: Json, paths: list[str]) -> Json:
    """The body with every path followed; unknown ones are Stripe's error."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEEPEST + (steps[0] == "data"):
            raise parameter_invalid(
                f"You cannot expand more than {_DEEPEST} levels of a property ({path}).", "expand"
            )
        _follow(world, body, steps, path)
    return body


def _follow(world: World, node: Any, steps: list[str], path: str) -> None:
    if isinstance(node, list):
        for one in node:
            _follow(world, one, steps, path)
        return
    if not steps or node is None:
        return
    step, *rest = steps
    if not isinstance(node, dict):
        raise _not_expandable(path)
    node[step] = _opened(world, node, step, path, last=not rest)
    _follow(world, node[step], rest, path)


def _opened(world: World, node: Json, step: str, path: str, *, last: bool) -> Any:
    left_out = _LEFT_OUT.get((node.get("object", ""), step))
    if left_out and step not in node:
        return left_out(world, node["id"])
    if step not in node or step == "id":
        raise _not_expandable(path)
    value = node[step]
    if isinstance(value, str):
        found = world.find(value)
        if found is None:
            raise _not_expandable(path)
        return found
    if last and not _is_object(value):
        raise _not_expandable(path)
    return value


def _is_object(value: Any) -> bool:
    """Null, or an object that was expanded already or stands there whole."""
    return (
        value is None or isinstance(value, list) or (isinstance(value, dict) and "object" in value)
    )


def _not_expandable(path: str) -> Exception:
    return parameter_invalid(f"This property cannot be expanded ({path}).", "expand")
