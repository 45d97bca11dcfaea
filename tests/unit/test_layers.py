"""Who may import whom: each room only what stands before it, at first or second hand."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "portal"
KERNEL = (
    "areas clock database driver encryption forms i18n jobs limits logs mail"
    " money multipart plain proxies services"
    " settings transaction web"
).split()
# Each of these may use the kernel, the rooms before its own step, and itself.
STEPS = (
    {"regions"},
    {"codes"},
    {"donors"},
    {"gifts"},
    {"receipts"},
    {"payments"},
    {"intake", "records", "sharing", "signin"},
    {"mailed_links", "number_form", "person_form", "pledge_form"},
    {"giving", "account", "partners", "staff", "api", "webhooks"},
)
PAGES = STEPS[-1]
# Wiring: may import everything.
TOP = "__init__ __main__ app cli commands health schema serving worker".split()
# Nothing before the pages knows HTTP, whichever way it would come.
WEB = {"flask", "wtforms", "flask_wtf", "werkzeug"}
SANDBOX_MAY = {"money", "clock"}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(path.relative_to(PACKAGE).with_suffix("").parts), path


ALL = dict(modules())


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """All that a file runs; what only its types name it does not."""
    yield node
    is_typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    for child in node.orelse if is_typing else ast.iter_child_nodes(node):
        yield from _executed(child)


@cache
def imports(name: str) -> frozenset[str]:
    """Every module a file names in an import, anywhere in it, with and without `portal.`."""
    found = set()
    for node in _executed(ast.parse(ALL[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


@cache
def own_imports(name: str) -> frozenset[str]:
    """The files of the portal that a file imports."""
    named = {one.removeprefix("portal.") for one in imports(name) if one.startswith("portal.")}
    return frozenset(named & ALL.keys())


def reached(name: str) -> set[str]:
    """All files of the portal that come along with one, at any hand."""
    found, open_ones = set(), [name]
    while open_ones:
        for one in own_imports(open_ones.pop()) - found:
            found.add(one)
            open_ones.append(one)
    return found


def room(name: str) -> str:
    return name.partition(".")[0]


def allowed(name: str) -> set[str]:
    if name == "sandbox":
        return {*SANDBOX_MAY, name}
    if name == "mailbox":
        return {name}
    before = {*KERNEL}
    for step in STEPS:
        if name in step:
            return {*before, name}
        before |= step
    return {*KERNEL}


@pytest.mark.parametrize("name", ALL)
def test_imports_only_what_stands_before_it(name: str) -> None:
    if room(name) in TOP:
        return
    assert room(name) in {*KERNEL, "sandbox", "mailbox"}.union(*STEPS), "a room without a place"
    rooms = {room(one) for one in own_imports(name)} - {"__init__"}
    assert rooms <= allowed(room(name))


@pytest.mark.parametrize("name", [name for name in ALL if room(name) not in TOP])
def test_what_comes_along_stands_before_it_too(name: str) -> None:
    rooms = {room(one) for one in reached(name)} - {"__init__"}
    assert rooms <= allowed(room(name))


def test_only_its_own_wing_imports_stripe() -> None:
    users = {name for name in ALL if any(one.split(".")[0] == "stripe" for one in imports(name))}
    assert users == {"payments.stripe.__init__", "payments.stripe.gateway", "payments.stripe.wire"}


@pytest.mark.parametrize("part", sorted(set().union(*STEPS[:-2])))
def test_use_cases_know_nothing_of_pages(part: str) -> None:
    for name in [name for name in ALL if room(name) == part]:
        for one in {name, *reached(name)}:
            found = {each.split(".")[0] for each in imports(one)}
            assert not found & WEB, f"{name} by way of {one}"


def test_an_enum_is_mapped_in_one_way() -> None:
    by_hand = {name for name in ALL if "sa.Enum(" in ALL[name].read_text()}
    assert by_hand == {"database"}, "use enum_column"
