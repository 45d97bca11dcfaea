"""The kinds of parameter that Stripe's endpoints take, each reading its wire text.

A field raises `ParameterRefused` in Stripe's words, and answers a typed value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from portal.sandbox.store import Json


class StripeError(Exception):
    """An answer that is no success: HTTP status and the `error` object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",  # the wire's own name for it
        code: str | None = None,
        param: str | None = None,
        decline_code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fields = {
            "type": type,
            "code": code,
            "param": param,
            "decline_code": decline_code,
        }

    @property
    def body(self) -> Json:
        filled = {name: value for name, value in self.fields.items() if value is not None}
        return {"error": {"message": self.message} | filled}


class ParameterRefused(StripeError):
    """A parameter failed validation: nothing ran, so no idempotency key remembers it."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(400, message, code=code, param=param)


def parameter_missing(param: str) -> ParameterRefused:
    return ParameterRefused(
        f"Missing required param: {param}.", code="parameter_missing", param=param
    )


def parameter_unknown(param: str) -> ParameterRefused:
    return ParameterRefused(
        f"Received unknown parameter: {param}", code="parameter_unknown", param=param
    )


def parameter_invalid(message: str, param: str) -> ParameterRefused:
    return ParameterRefused(message, param=param)


def resource_missing(kind: str, object_id: str, param: str = "id") -> StripeError:
    noun = kind.replace(".", " ").replace("_", " ")
    return StripeError(404, f"No such {noun}: '{object_id}'", code="resource_missing", param=param)


_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_WHOLE = re.compile(r"-?\d{1,18}")


class Field(Protocol):
    """Reads one parameter; `name` is its full path, for the error's `param`."""

    def read(self, value: Any, name: str) -> Any: ...


def _plain(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise parameter_invalid(f"Invalid string: {value}", name)
    return value


@dataclass(frozen=True)
class Text:
    """A string; `unset` when an empty one may clear what was there."""

    maximum: int = 5000
    unset: bool = False

    def read(self, value: Any, name: str) -> str:
        text = _plain(value, name)
        if not text and not self.unset:
            raise ParameterRefused(
                f"You passed an empty string for '{name}'. We assume empty values are an attempt"
                f" to unset a parameter; however '{name}' cannot be unset.",
                code="parameter_invalid_empty",
                param=name,
            )
        if len(text) > self.maximum:
            raise parameter_invalid(
                f"Invalid {name}: must be at most {self.maximum} characters", name
            )
        return text


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: Any, name: str) -> str:
        if value not in self.words:
            *firsts, last = self.words
            options = f"{', '.join(firsts)}, or {last}" if firsts else last
            raise parameter_invalid(f"Invalid {name}: must be one of {options}", name)
        return str(value)


@dataclass(frozen=True)
class Whole:
    """An integer within limits."""

    minimum: int = -(10**15)
    maximum: int = 10**15

    def read(self, value: Any, name: str) -> int:
        if not isinstance(value, str) or not _WHOLE.fullmatch(value):
            raise ParameterRefused(
                f"Invalid integer: {value}", code="parameter_invalid_integer", param=name
            )
        number = int(value)
        if number < self.minimum:
            raise parameter_invalid(
                f"This value must be greater than or equal to {self.minimum}.", name
            )
        if number > self.maximum:
            raise parameter_invalid(
                f"This value must be less than or equal to {self.maximum}.", name
            )
        return number


@dataclass(frozen=True)
class Flag:
    """`true` or `false`."""

    def read(self, value: Any, name: str) -> bool:
        if value not in ("true", "false"):
            raise parameter_invalid(f"Invalid boolean: {value}", name)
        return bool(value == "true")


@dataclass(frozen=True)
class WebAddress:
    """An absolute http or https address."""

    def read(self, value: Any, name: str) -> str:
        text = Text().read(value, name)
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ParameterRefused("Not a valid URL", code="url_invalid", param=name)
        return text


@dataclass(frozen=True)
class Email:
    """Something that could be an e-mail address."""

    def read(self, value: Any, name: str) -> str:
        text = Text(512).read(value, name)
        if not _EMAIL.fullmatch(text):
            raise ParameterRefused(
                f"Invalid email address: {text}", code="email_invalid", param=name
            )
        return text


@dataclass(frozen=True)
class Currency:
    """Three letters, in either case; answered in lower case as the wire shows them."""

    def read(self, value: Any, name: str) -> str:
        text = _plain(value, name).lower()
        if not re.fullmatch(r"[a-z]{3}", text):
            raise parameter_invalid(f"Invalid currency: {value}.", name)
        return text


@dataclass(frozen=True)
class Metadata:
    """At most 50 pairs, keys of 40 and values of 500 characters, no square brackets in keys."""

    def read(self, value: Any, name: str) -> dict[str, str]:
        if value == "":
            return {}
        pairs = _mapping(value, name)
        if len(pairs) > 50:
            raise parameter_invalid("You can specify up to 50 metadata keys.", name)
        for key, text in pairs.items():
            self._check(key, text, name)
        return {key: str(text) for key, text in pairs.items()}

    @staticmethod
    def _check(key: str, text: Any, name: str) -> None:
        if not isinstance(text, str) or "[" in key or "]" in key:
            raise parameter_invalid("Metadata keys can't contain square brackets ([]).", name)
        if len(key) > 40:
            raise parameter_invalid(
                f"Metadata keys can be at most 40 characters; '{key}' is too long.", name
            )
        if len(text) > 500:
            raise parameter_invalid(
                f"Metadata values can be at most 500 characters; '{key}' is too long.", name
            )


@dataclass(frozen=True)
class Many:
    """A list, sent as `name[0]`, `name[1]` or as `name[]`."""

    item: Field
    maximum: int = 100

    def read(self, value: Any, name: str) -> list[Any]:
        parts = _mapping(value, name)
        if not all(key.isdigit() for key in parts):
            raise parameter_invalid("Invalid array", name)
        if len(parts) > self.maximum:
            raise parameter_invalid(f"{name} takes at most {self.maximum} values.", name)
        return [self.item.read(parts[key], f"{name}[{key}]") for key in sorted(parts, key=int)]


@dataclass(frozen=True)
class Unset:
    """A field that an empty value clears: it is answered as None then."""

    field: Field

    def read(self, value: Any, name: str) -> Any:
        return None if value == "" else self.field.read(value, name)


@dataclass(frozen=True)
class Group:
    """A hash of known fields, some of them required."""

    fields: Mapping[str, Field]
    required: tuple[str, ...] = ()

    def read(self, value: Any, name: str) -> dict[str, Any]:
        parts = _mapping(value, name)
        inner = f"{name}[{{}}]" if name else "{}"
        for key in parts:
            if key not in self.fields:
                raise parameter_unknown(inner.format(key))
        for key in self.required:
            if key not in parts:
                raise parameter_missing(inner.format(key))
        return {key: self.fields[key].read(part, inner.format(key)) for key, part in parts.items()}


@dataclass(frozen=True)
class Span:
    """A time or a hash of `gt`, `gte`, `lt`, `lte`; answered as a hash, a plain time as `eq`."""

    def read(self, value: Any, name: str) -> dict[str, int]:
        if isinstance(value, str):
            return {"eq": Whole().read(value, name)}
        bounds = Group({bound: Whole() for bound in ("gt", "gte", "lt", "lte")})
        return bounds.read(value, name)


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise parameter_invalid("Invalid hash", name)
    return value
