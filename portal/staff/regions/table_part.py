"""A table within a table, as a part of its form."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from portal.staff.regions.context import Context, Fields, Rows, Sent
from portal.staff.regions.parts import Part


class Prefixed:
    """The part of a form whose fields begin with a word."""

    def __init__(self, form: Sent, prefix: str) -> None:
        self._form, self._prefix = form, prefix

    def __getitem__(self, name: str) -> Any:
        return self._form[self._prefix + name]

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._form

    def refuse(self, name: str, sentence: str) -> None:
        self._form.refuse(self._prefix + name, sentence)


class TablePart(Part):
    """A table within the table: its parts' fields begin with its name."""

    def __init__(self, name: str, parts: Iterable[Part]) -> None:
        super().__init__(name)
        self.parts = {part.name: part for part in parts}

    def texts(self) -> Iterator[str]:
        for part in self.parts.values():
            yield from part.texts()

    def _inner(self, context: Context) -> Context:
        return replace(context, document=context.document.get(self.name) or {})

    def fields(self, context: Context) -> Fields:
        inner = self._inner(context)
        return {
            f"{self.name}_{name}": found
            for part in self.parts.values()
            for name, found in part.fields(inner).items()
        }

    def rows(self, context: Context) -> Rows:
        for part in self.parts.values():
            for row in part.rows(self._inner(context)):
                yield tuple(replace(one, name=f"{self.name}_{one.name}") for one in row)

    def read(self, form: Sent, context: Context) -> object:
        inner, own = self._inner(context), Prefixed(form, f"{self.name}_")
        read = {name: part.read(own, inner) for name, part in self.parts.items()}
        return {name: said for name, said in {**inner.document, **read}.items() if said is not None}

    def field_at(self, below: str) -> str:
        found = re.match(r"(\w+)(?:\[\d+\])?\.?(.*)", below)
        part = self.parts.get(found[1]) if found else None
        inner = part.field_at(found[2]) if found and part else ""
        return f"{self.name}_{inner}"
