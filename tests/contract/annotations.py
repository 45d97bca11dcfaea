"""The SDK's annotations as real types, imports that are only for type checkers included."""

import ast
import importlib
import inspect
import sys
import typing
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any, ForwardRef

from stripe._stripe_object import StripeObject


class _Names(Mapping[str, Any]):
    """A module's names, then those it imports only for type checkers."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._hidden = _hidden_imports(module.__name__)

    def __getitem__(self, name: str) -> Any:
        if name in vars(self._module):
            return vars(self._module)[name]
        if name in self._hidden:
            source, original = self._hidden[name]
            return getattr(importlib.import_module(source), original)
        return vars(typing)[name]

    def __iter__(self) -> Any:
        return iter(vars(self._module))

    def __len__(self) -> int:
        return len(vars(self._module))


@cache
def _hidden_imports(module: str) -> dict[str, tuple[str, str]]:
    """Name to (module, original name) for what stands under `if TYPE_CHECKING`."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    guarded = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for block in guarded for node in block.body if isinstance(node, ast.ImportFrom)]
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in imports
        for alias in node.names
    }


@cache
def _names(module: str) -> _Names:
    importlib.import_module(module)
    return _Names(sys.modules[module])


def resolve(annotation: Any, module: str) -> Any:
    """The type behind a written annotation of that module."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return eval(annotation, {}, _names(module))  # noqa: S307 - the SDK's own source
    return annotation


@cache
def annotations(cls: type) -> dict[str, Any]:
    """A class's fields with their written types, inherited ones included."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base is StripeObject or not issubclass(base, (StripeObject, dict)):
            continue
        written = inspect.get_annotations(base)
        found |= {
            name: resolve(kind, base.__module__)
            for name, kind in written.items()
            if not name.startswith("_") and "ClassVar" not in str(kind)
        }
    return found
