"""Revisions stand by themselves: their imports, their guards, their names and their days."""

import ast
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from alembic.util import load_python_file

from portal import MIGRATIONS, schema
from portal.database import Database

REVISIONS = sorted((MIGRATIONS / "versions").glob("*.py"))
SOURCES = sorted(MIGRATIONS.rglob("*.py"))
# Alembic's environment compares the models with the tables; no revision sees them.
MODELS = {"portal.schema", "portal.database"}
GUARDING = re.compile(r"\b(CREATE|DROP)\s+(TRIGGER|FUNCTION)\b", re.IGNORECASE)
FORMER = {
    "20261128_withdrawn_files": "20261127_withdrawn_files",
    "20261129_lines_by_amount": "20261127_lines_by_amount",
}


def read_imports(source: str) -> set[str]:
    """What a module imports, and what it names like a module of ours."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{'.' * node.level}{node.module or ''}"}
        elif isinstance(node, ast.Constant) and re.fullmatch(r"portal(\.\w+)*", str(node.value)):
            found |= {str(node.value)}
    return found


def is_ours(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in {"", "portal", "tests", "migrations"}


@pytest.mark.parametrize(
    "source",
    [
        "import portal.money",
        "from portal import money",
        "from .. import money",
        "f('portal.money')",
    ],
)
def test_every_way_of_importing_ours_is_seen(source: str) -> None:
    assert any(is_ours(name) for name in read_imports(source))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_migration_imports_the_portal(path: Path) -> None:
    ours = {name for name in read_imports(path.read_text()) if is_ours(name)}
    assert ours <= (MODELS if path.name == "env.py" else set())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_guards_are_written_in_one_place(path: Path) -> None:
    assert bool(GUARDING.search(path.read_text())) == (path.name == "guards.py")


def load_revisions() -> list[ModuleType]:
    """All revisions, the first one first."""
    found = [load_python_file(str(path.parent), path.name) for path in REVISIONS]
    by_parent = {revision.down_revision: revision for revision in found}
    assert len(by_parent) == len(found), "two revisions follow the same one"
    line, at = [], None
    while at in by_parent:
        line.append(by_parent[at])
        at = line[-1].revision
    assert len(line) == len(found), "some revision follows none that is there"
    return line


def test_revisions_tell_their_names_and_whom_they_follow() -> None:
    for revision in load_revisions():
        doc = (revision.__doc__ or "").rstrip()
        told = f"Revision ID: {revision.revision}\nRevises: {revision.down_revision or ''}"
        assert doc.endswith(told.rstrip())
        assert Path(revision.__file__ or "").stem == revision.revision


def test_days_of_revisions_go_forward_and_none_is_to_come() -> None:
    days = [revision.revision[:8] for revision in load_revisions()]
    assert days == sorted(days)
    assert days[-1] <= f"{datetime.now(UTC):%Y%m%d}"


@pytest.mark.parametrize("former", FORMER)
def test_a_database_at_a_former_name_goes_on(database: Database, former: str) -> None:
    schema.downgrade(database, FORMER[former])
    with database.write() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = :at"), {"at": former})
    assert not schema.is_current(database)
    schema.upgrade(database)
    assert schema.is_current(database)


# The triggers as the revisions of 2026-11-24 left them. Another digest means that what was
# applied in some installation differs from what this code says was: add, don't change.
LAID = {
    "sqlite": (
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
        "95f54bb987b7aa02c65585f9a3fbcfe18bd9e98341e82d66bac593cde7e203de",
    ),
    "postgresql": (
        "SELECT pg_get_triggerdef(t.oid) || p.prosrc FROM pg_trigger t JOIN pg_proc p"
        " ON p.oid = t.tgfoid WHERE t.tgname LIKE 'guard%' ORDER BY t.tgname",
        "0edc813723493749b9b9934528d0a4c272a3bccb1f39ac236e6325a6dd2fea45",
    ),
}


def test_guards_are_still_what_was_laid(database: Database) -> None:
    query, digest = LAID[database.url.get_backend_name()]
    schema.downgrade(database, "20261124_statements")
    with database.read() as session:
        laid = session.scalars(sa.text(query)).all()
    assert len(laid) == 24
    assert hashlib.sha256("\n".join(laid).encode()).hexdigest() == digest
