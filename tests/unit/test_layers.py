"""Who may import whom: each layer only what stands before it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "portal"
ORDER = ("regions", "codes", "donors", "gifts", "receipts", "payments")
PAGES = ("giving", "account", "partners", "staff")
KERNEL = (
    "clock database forms i18n jobs limits logs mail messages money paths plain ports proof_of_work"
    " proxies"
    " settings spilled web"
).split()
# Wiring: may import everything.
TOP = (
    "__main__ app cli cli_columns cli_statements demo doctor health notices schema seed server"
    " setup tables worker"
).split()
SANDBOX_MAY = {"money", "clock"}
MAILBOX_MAY = {"paths"}
PURE_OF_FLASK = ("models", "policy", "lifecycle", "ledger", "evidence", "composition", "readings")


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(path.relative_to(PACKAGE).with_suffix("").parts), path


def imports(path: Path) -> set[str]:
    """Every module a file names in an import, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def rooms(path: Path) -> set[str]:
    """Which parts of the portal a file imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("portal.")} & {
        *ORDER,
        *PAGES,
        *KERNEL,
        *TOP,
        "sandbox",
        "mailbox",
    }


def allowed(room: str) -> set[str]:
    if room == "sandbox":
        return SANDBOX_MAY | {"sandbox"}
    if room == "mailbox":
        return MAILBOX_MAY | {"mailbox"}
    if room in ORDER:
        return {*KERNEL, *ORDER[: ORDER.index(room) + 1]}
    if room in PAGES:
        return {*KERNEL, *ORDER, room}
    return {*KERNEL}


ALL = list(modules())


@pytest.mark.parametrize(("name", "path"), ALL, ids=[name for name, _ in ALL])
def test_imports_only_what_stands_before_it(name: str, path: Path) -> None:
    room = name.partition(".")[0]
    if room in TOP or name == "__init__":
        return
    assert room in {*KERNEL, *ORDER, *PAGES, "sandbox", "mailbox"}, "a room without a place"
    assert rooms(path) <= allowed(room)


def test_only_the_gateway_imports_stripe() -> None:
    users = {name for name, path in ALL if any(i.split(".")[0] == "stripe" for i in imports(path))}
    assert users == {"payments.gateway"}


def test_models_and_pure_modules_never_import_flask() -> None:
    for name, path in ALL:
        if name.rsplit(".", 1)[-1] in PURE_OF_FLASK:
            assert not any(found.startswith(("flask", "wtforms")) for found in imports(path)), name
