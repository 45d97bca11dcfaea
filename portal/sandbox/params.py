"""Stripe's form encoding: `line_items[0][price_data][currency]=cad` and back to a tree."""

import re
from collections.abc import Iterable
from typing import Any

from portal.sandbox.errors import parameter_invalid
from portal.sandbox.store import Json

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def decode(pairs: Iterable[tuple[str, str]]) -> Json:
    """A tree of hashes and texts; lists are hashes of `"0"`, `"1"` until a field reads them."""
    tree: Json = {}
    for key, value in pairs:
        matched = _KEY.fullmatch(key)
        if not matched:
            raise parameter_invalid(f"Invalid parameter name: {key}", key)
        steps = [matched[1], *re.findall(r"\[([^\[\]]*)\]", matched[2])]
        _place(tree, steps, value, key)
    return tree


def _place(tree: Json, steps: list[str], value: str, key: str) -> None:
    node: Any = tree
    for step in steps[:-1]:
        node = node.setdefault(step or str(len(node)), {})
        if not isinstance(node, dict):
            raise parameter_invalid(f"Invalid parameter: {key} is both a value and a hash", key)
    last = steps[-1] or str(len(node))
    if last in node:
        raise parameter_invalid(f"Parameter {key} was sent twice", key)
    node[last] = value


def listed(tree: Any) -> Any:
    """The tree with its lists as lists, for people and for the request log."""
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.isdigit() for key in tree):
        return [listed(tree[key]) for key in sorted(tree, key=int)]
    return {key: listed(value) for key, value in tree.items()}
