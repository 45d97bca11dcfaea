"""Which `…Params` type belongs to which endpoint, read from the SDK's service classes."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import stripe

_ROOT = Path(stripe.__file__).parent


def params_type(method: str, path: str) -> type | None:
    """The TypedDict of an endpoint such as `POST /v1/refunds/re_1`, or None."""
    for pattern, (module, name) in _endpoints()[method.upper()].items():
        if re.fullmatch(pattern, path):
            return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]  # by name
    return None


@cache
def _endpoints() -> dict[str, dict[str, tuple[str, str]]]:
    """Method to path pattern to (module, type name); fixed paths before those with ids."""
    found: dict[str, dict[str, tuple[str, str]]] = {"GET": {}, "POST": {}, "DELETE": {}}
    for file in _ROOT.rglob("*_service.py"):
        tree = ast.parse(file.read_text())
        imports = _imports(tree)
        for method, path, name in _calls(tree):
            if path.startswith("/v1/") and name in imports:
                pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
                found[method.upper()][pattern] = (imports[name], name)
    return {method: dict(sorted(paths.items(), key=_by_ids)) for method, paths in found.items()}


def _by_ids(item: tuple[str, tuple[str, str]]) -> int:
    return item[0].count("[^/]+")


def _imports(tree: ast.Module) -> dict[str, str]:
    return {
        alias.asname or alias.name: node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _calls(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """(method, path, params type) of every `self._request("post", "/v1/…")`."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        expected = _params_name(function)
        for node in ast.walk(function):
            texts = _request_texts(node)
            if texts and expected:
                yield *texts, expected


def _params_name(function: ast.FunctionDef) -> str | None:
    for argument in function.args.args:
        if argument.arg == "params" and argument.annotation:
            names = re.findall(r"\w+Params\b", ast.unparse(argument.annotation))
            return names[0] if names else None
    return None


def _request_texts(node: ast.AST) -> tuple[str, str] | None:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return None
    if node.func.attr != "_request":
        return None
    # A path with ids is written `"/v1/refunds/{refund}".format(...)`.
    texts = [
        part.value
        for argument in node.args[:2]
        for part in ast.walk(argument)
        if isinstance(part, ast.Constant)
    ]
    return str(texts[0]), str(texts[1])
