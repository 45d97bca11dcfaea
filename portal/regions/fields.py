"""Typed, checked access to a data file's tables; every complaint names file and field."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from portal.money import exponent

T = TypeVar("T")
_REQUIRED: Any = object()


class FieldError(ValueError):
    """A data file is wrong; the text says where and how: `ca.toml: address.required: …`.

    `place` is the field's path in its document, `what` what it should be.
    """

    def __init__(self, source: str, place: str, what: str) -> None:
        super().__init__(": ".join(part for part in (source, place, what) if part))
        self.place, self.what = place, what


class Fields:
    """One table of a document, read field by field; `close()` refuses what nobody read."""

    def __init__(self, table: object, source: str, path: str = "") -> None:
        self.source, self.path = source, path
        if not isinstance(table, Mapping):
            raise self.wrong("", "is a table of fields")
        self._table: Mapping[str, Any] = table
        self._read: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def wrong(self, key: str, what: str) -> FieldError:
        """An error about a field of this table; `what` says what the field should be."""
        place = ".".join(part for part in (self.path, key) if part)
        return FieldError(self.source, place, what)

    def close(self) -> None:
        """Refuse fields that have no meaning: most are misspelt."""
        for key in self._table:
            if key not in self._read:
                raise self.wrong(key, "is no field here; check its spelling")

    def _get(self, key: str, kind: type[T], what: str, default: T = _REQUIRED) -> T:
        self._read.add(key)
        value = self._table.get(key, default)
        if value is _REQUIRED:
            raise self.wrong(key, "is missing")
        if type(value) is not kind and value is not default:
            raise self.wrong(key, f"is {what}")
        return value

    def text(self, key: str, default: str = _REQUIRED) -> str:
        return self._get(key, str, "a text in quotes", default)

    def flag(self, key: str, default: bool = _REQUIRED) -> bool:
        return self._get(key, bool, "true or false", default)

    def integer(self, key: str, default: int = _REQUIRED) -> int:
        return self._get(key, int, "a whole number", default)

    def strings(self, key: str, default: tuple[str, ...] = _REQUIRED) -> tuple[str, ...]:
        values = self._list(key, default)
        if not all(type(value) is str for value in values):
            raise self.wrong(key, "is a list of texts")
        return tuple(values)

    def integers(self, key: str) -> tuple[int, ...]:
        values = self._list(key, ())
        if not all(type(value) is int for value in values):
            raise self.wrong(key, "is a list of whole numbers")
        return tuple(values)

    def _list(self, key: str, default: tuple[Any, ...]) -> list[Any]:
        if default is not _REQUIRED and key not in self._table:
            self._read.add(key)
            return list(default)
        return self._get(key, list, "a list")

    def choice(self, key: str, choices: tuple[str, ...], default: str = _REQUIRED) -> str:
        value = self.text(key, default)
        if value not in choices:
            raise self.wrong(key, f"is one of {', '.join(choices)}")
        return value

    def texts(self, key: str, *, optional: bool = False) -> dict[str, str]:
        """A text by locale, English at least; empty where it is optional and left out."""
        if optional and not self._table.get(key):
            self._read.add(key)
            return {}
        return self._texts(key, self._get(key, dict, "a table of texts by language"))

    def texts_list(self, key: str) -> tuple[dict[str, str], ...]:
        values = self._list(key, ())
        return tuple(self._texts(f"{key}[{at}]", value) for at, value in enumerate(values))

    def _texts(self, key: str, value: object) -> dict[str, str]:
        if not isinstance(value, dict) or not all(type(text) is str for text in value.values()):
            raise self.wrong(key, "is a table of texts by language")
        for locale in ("en", "fr"):
            if not value.get(locale, "").strip():
                raise self.wrong(f"{key}.{locale}", "is missing: the product speaks it everywhere")
        return value

    def table(self, key: str) -> "Fields":
        self._read.add(key)
        if key not in self._table:
            raise self.wrong(key, "is missing")
        return Fields(self._table[key], self.source, f"{self.path}.{key}".lstrip("."))

    def tables(self, key: str) -> Iterator["Fields"]:
        """The tables of a list, in order; none where the field is left out."""
        for at, value in enumerate(self._list(key, ())):
            yield Fields(value, self.source, f"{self.path}.{key}[{at}]".lstrip("."))

    def each(self, key: str, read: Callable[["Fields"], T]) -> tuple[T, ...]:
        """Every table of a list through `read`, and closed."""
        return tuple(_closed(table, read) for table in self.tables(key))

    def one(self, key: str, read: Callable[["Fields"], T]) -> T:
        """One table through `read`, and closed."""
        return _closed(self.table(key), read)

    def minor(self, key: str, currency: str) -> int:
        """An amount written as text in major units ("75.50"), in minor units, exactly."""
        return self._minor(key, self.text(key), currency)

    def minors(self, key: str, currency: str) -> tuple[int, ...]:
        amounts = enumerate(self.strings(key, ()))
        return tuple(self._minor(f"{key}[{at}]", amount, currency) for at, amount in amounts)

    def minor_by_currency(self, key: str) -> dict[str, int]:
        """Amounts by currency: `{ CAD = "0.30" }`."""
        if key not in self._table:
            return {}
        table = self.table(key)
        return {currency: table.minor(currency, currency) for currency in table._table}

    def minors_by_currency(self, key: str) -> dict[str, tuple[int, ...]]:
        """Lists of amounts by currency: `{ CAD = ["25", "50"] }`."""
        if key not in self._table:
            return {}
        table = self.table(key)
        return {currency: table.minors(currency, currency) for currency in table._table}

    def _minor(self, key: str, text: str, currency: str) -> int:
        try:
            minor = Decimal(text).scaleb(exponent(currency))
        except InvalidOperation:
            raise self.wrong(key, 'is an amount such as "75.50"') from None
        if not minor.is_finite() or minor < 0 or minor != minor.to_integral_value():
            raise self.wrong(key, f"is an amount that {currency} can express")
        return int(minor)


def _closed(table: Fields, read: Callable[[Fields], T]) -> T:
    value = read(table)
    table.close()
    return value
