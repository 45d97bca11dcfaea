"""Stripe's own types as a contract: walk any request or object and name every difference.

`object_differences(body)` walks what a server sent; `request_differences(method, path,
params)` walks what a client sent, from Python values or, with `wire=True`, from the texts
of the wire; `log_differences(rows)` walks a sandbox's whole request log. All answer
sentences such as `charge.paid: missing`; none means agreement.
"""

import importlib
import re
import typing
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union

import typing_extensions
from stripe._object_classes import OBJECT_CLASSES
from stripe._request_options import RequestOptions
from stripe._stripe_object import StripeObject, UntypedStripeObject

from tests.contract.annotations import annotations, resolve
from tests.contract.endpoints import params_type

_NOT_REQUIRED = {typing.NotRequired, typing_extensions.NotRequired}


def object_differences(body: Any, path: str = "") -> list[str]:
    """Differences between a Stripe object, found by its `object` field, and its type."""
    kind = body.get("object") if isinstance(body, dict) else None
    if not isinstance(kind, str) or kind not in OBJECT_CLASSES:
        return [f"{path or 'body'}: not an object of Stripe's: {kind!r}"]
    module, name = OBJECT_CLASSES[kind]
    if body.get("deleted"):
        return []
    cls = getattr(importlib.import_module(module), name)
    found = _fields(cls, body, path or kind, wire=False)
    return found + (_event_subject(body) if kind == "event" else [])


def _event_subject(event: dict[str, Any]) -> list[str]:
    """The SDK leaves an event's subject untyped; it must still be one of Stripe's objects."""
    subject = event.get("data", {}).get("object") if isinstance(event.get("data"), dict) else None
    return [] if _is_object(subject) else ["event.data.object: not an object of Stripe's"]


def request_differences(
    method: str, path: str, params: dict[str, Any], *, wire: bool = False
) -> list[str]:
    """Differences between a request's parameters and those the SDK types for that endpoint."""
    expected = params_type(method, path)
    if expected is None:
        return [f"{method} {path}: no such endpoint in the SDK"]
    return params_differences(expected, params, wire=wire)


def log_differences(requests: list[dict[str, Any]]) -> list[str]:
    """Differences in the sandbox's request log (`/_control/requests`), refused ones left out."""
    return [
        difference
        for sent in requests
        if sent["status"] == 200
        for difference in request_differences(
            sent["method"], sent["path"], sent["params"], wire=True
        )
    ]


def params_differences(expected: type, params: dict[str, Any], *, wire: bool = False) -> list[str]:
    """Differences between parameters and one `…Params` TypedDict."""
    return _typed_dict(expected, params, expected.__name__, wire=wire)


def _fields(cls: type, body: dict[str, Any], path: str, *, wire: bool) -> list[str]:
    """Every field of a StripeObject: unknown, missing, or of the wrong type."""
    known = annotations(cls)
    found = [f"{path}.{name}: unknown" for name in body if name not in known and name != "object"]
    for name, kind in known.items():
        if name in body:
            found += _check(kind, body[name], f"{path}.{name}", cls.__module__, wire=wire)
        elif not _optional(kind):
            found.append(f"{path}.{name}: missing")
    return found


def _typed_dict(cls: type, params: Any, path: str, *, wire: bool) -> list[str]:
    if not isinstance(params, dict):
        return [f"{path}: not a hash: {params!r}"]
    options = RequestOptions.__annotations__
    known = {name: kind for name, kind in annotations_of_params(cls).items() if name not in options}
    found = [f"{path}.{name}: unknown" for name in params if name not in known]
    for name, kind in known.items():
        required = typing.get_origin(kind) not in _NOT_REQUIRED
        inner = kind if required else typing.get_args(kind)[0]
        if name in params:
            found += _check(inner, params[name], f"{path}.{name}", cls.__module__, wire=wire)
        elif required:
            found.append(f"{path}.{name}: missing")
    return found


@cache
def annotations_of_params(cls: type) -> dict[str, Any]:
    """A TypedDict's fields; it has no bases at run time, its annotations are all there."""
    return {name: resolve(kind, cls.__module__) for name, kind in cls.__annotations__.items()}


def _optional(kind: Any) -> bool:
    return typing.get_origin(kind) in (Union, UnionType) and NoneType in typing.get_args(kind)


def _check(kind: Any, value: Any, path: str, module: str, *, wire: bool) -> list[str]:
    """Differences between one value and one annotation."""
    kind = resolve(kind, module)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or isinstance(kind, TypeVar):
        return object_differences(value, path) if _is_object(value) else []
    if origin is Literal:
        return [] if value in inner else [f"{path}: {value!r} is none of Stripe's values"]
    walk = _WALKS.get(origin or kind)
    if walk:
        return walk(origin, inner, value, path, module, wire=wire)
    return _check_class(origin or kind, inner, value, path, module, wire=wire)


def _check_class(
    base: type, inner: Any, value: Any, path: str, module: str, *, wire: bool
) -> list[str]:
    if issubclass(base, StripeObject):
        return _nested(base, inner, value, path, module, wire=wire)
    if typing_extensions.is_typeddict(base):
        return _typed_dict(base, value, path, wire=wire)
    return [] if _is_scalar(base, value, wire=wire) else [f"{path}: {value!r} is no {base}"]


def _is_object(value: Any) -> bool:
    kind = value.get("object") if isinstance(value, dict) else None
    return isinstance(kind, str) and kind in OBJECT_CLASSES


def _union(origin: Any, inner: Any, value: Any, path: str, module: str, *, wire: bool) -> list[str]:
    """One of several; a word list beside `str` is taken as the whole list."""
    options = [resolve(option, module) for option in inner]
    words = [
        word
        for option in options
        if typing.get_origin(option) is Literal
        for word in typing.get_args(option)
    ]
    closed = any(isinstance(word, str) and word for word in words)
    if closed and isinstance(value, str):
        options = [option for option in options if option is not str]
    tries = [_check(option, value, path, module, wire=wire) for option in options]
    return min(tries, key=len)


def _container(
    origin: Any, inner: Any, value: Any, path: str, module: str, *, wire: bool
) -> list[str]:
    if not isinstance(value, origin):
        return [f"{path}: not a {origin.__name__}: {value!r}"]
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value)
    return [
        difference
        for key, one in pairs
        for difference in _check(inner[-1], one, f"{path}[{key}]", module, wire=wire)
    ]


def _untyped(
    origin: Any, inner: Any, value: Any, path: str, module: str, *, wire: bool
) -> list[str]:
    if _is_object(value):
        return object_differences(value, path)
    return _container(dict, inner, value, path, module, wire=wire)


_WALKS: dict[Any, Callable[..., list[str]]] = {
    Union: _union,
    UnionType: _union,
    list: _container,
    dict: _container,
    UntypedStripeObject: _untyped,
}


def _nested(base: type, inner: Any, value: Any, path: str, module: str, *, wire: bool) -> list[str]:
    """An object inside another: by its own `object` where it says one, by its place else."""
    if not isinstance(value, dict):
        return [f"{path}: not an object: {value!r}"]
    expected, said = getattr(base, "OBJECT_NAME", None), value.get("object")
    if expected and said != expected:
        return [f"{path}.object: {said!r} is not a {base.__name__}"]
    found = _fields(base, value, path, wire=wire)
    if inner and said == "list":
        found += _container(list, inner, value.get("data"), f"{path}.data", module, wire=wire)
    return found


def _is_scalar(base: Any, value: Any, *, wire: bool) -> bool:
    if base is NoneType:
        return value is None or (wire and value == "")
    if wire and isinstance(value, str):
        return _reads_as(base, value)
    if base is Decimal:
        return isinstance(value, (str, Decimal)) and _reads_as(Decimal, str(value))
    if base is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, base) and isinstance(value, bool) == (base is bool)


def _reads_as(base: Any, text: str) -> bool:
    """Whether a text of the wire is a value of that type."""
    if base is bool:
        return text in ("true", "false")
    if base is int:
        return re.fullmatch(r"-?\d+", text) is not None
    if base in (float, Decimal):
        try:
            return Decimal(text).is_finite()
        except InvalidOperation:
            return False
    return base is str
