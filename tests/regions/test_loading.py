"""The catalogue in the database, on both engines."""

import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.regions.files import DATA, RegionError, read_catalogue
from portal.regions.operations import load_region_files
from portal.regions.queries import RegionRecord, load_catalogue, read_version

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA, tmp_path / "data"))


def load(database: Database, folder: Path = DATA) -> list[str]:
    with database.write() as session:
        return load_region_files(session, NOW, folder)


def version(database: Database) -> int:
    with database.read() as session:
        return read_version(session)


def change_welcome(folder: Path, words: str) -> None:
    path = folder / "ca.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("Thank you for giving from Canada.", words), encoding="utf-8")


def test_an_empty_database_has_an_empty_catalogue(database):
    with database.read() as session:
        catalogue = load_catalogue(session)
    assert (dict(catalogue.regions), catalogue.version) == ({}, 0)


def test_all_files_are_loaded_as_they_are_and_in_order(database):
    assert len(load(database)) == 16
    with database.read() as session:
        catalogue = load_catalogue(session)
    assert catalogue.regions == read_catalogue().regions
    assert list(catalogue.regions) == list(read_catalogue().regions)
    assert catalogue.version == 1


def test_loading_again_changes_nothing(database):
    load(database)
    assert load(database) == []
    assert version(database) == 1


def test_a_changed_file_changes_its_region_and_the_version(database, folder):
    load(database)
    change_welcome(folder, "Welcome, Canada.")
    assert load(database, folder) == ["ca"]
    with database.read() as session:
        catalogue = load_catalogue(session)
    assert catalogue.by_slug("ca").welcome["en"] == "Welcome, Canada."
    assert catalogue.version == 2


def test_what_staff_edited_is_never_overwritten(database, folder):
    load(database)
    with database.write() as session:
        session.execute(
            sa.update(RegionRecord).where(RegionRecord.slug == "ca").values(edited_at=NOW)
        )
    change_welcome(folder, "Welcome, Canada.")
    assert load(database, folder) == []
    with database.read() as session:
        welcome = load_catalogue(session).by_slug("ca").welcome["en"]
    assert welcome == "Thank you for giving from Canada."


def test_one_wrong_file_loads_nothing(database, folder):
    (folder / "zz.toml").write_text('slug = "zz"', encoding="utf-8")
    with pytest.raises(RegionError, match=r"zz\.toml"):
        load(database, folder)
    assert version(database) == 0


def test_processes_that_start_together_load_the_catalogue_once(database):
    loaded: list[list[str]] = []
    threads = [threading.Thread(target=lambda: loaded.append(load(database))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(changed) for changed in loaded) == [0, 0, 0, 16]
    assert version(database) == 1
