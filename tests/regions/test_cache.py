"""The catalogue kept at hand by a process."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.database import Database, DatabaseUnavailable
from portal.regions.operations import bump_version, load_region_files
from portal.regions.queries import CatalogueCache, RegionRecord

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def loaded(database: Database) -> Database:
    with database.write() as session:
        load_region_files(session, NOW)
    return database


def remove_japan(database: Database) -> None:
    with database.write() as session:
        session.execute(sa.delete(RegionRecord).where(RegionRecord.slug == "jp"))
        bump_version(session)


def test_the_same_catalogue_is_given_again_while_nothing_changed(loaded):
    cache = CatalogueCache(loaded, seconds=0)
    assert cache.get() is cache.get()


def test_a_change_is_seen_at_the_next_look(loaded):
    cache = CatalogueCache(loaded, seconds=0)
    assert "jp" in cache.get().regions
    remove_japan(loaded)
    assert "jp" not in cache.get().regions


def test_between_looks_the_database_is_left_alone(loaded):
    cache = CatalogueCache(loaded, seconds=3600)
    before = cache.get()
    remove_japan(loaded)
    assert cache.get() is before


def test_who_knows_of_a_change_has_it_looked_for_at_once(loaded):
    cache = CatalogueCache(loaded, seconds=3600)
    assert "jp" in cache.get().regions
    remove_japan(loaded)
    cache.look_again()
    assert "jp" not in cache.get().regions


def test_many_threads_at_a_cold_start_all_get_one_catalogue(loaded):
    cache = CatalogueCache(loaded, seconds=3600)
    got = []
    threads = [threading.Thread(target=lambda: got.append(cache.get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len({id(catalogue) for catalogue in got}) == 1


def take_away(database: Database, request: pytest.FixtureRequest) -> None:
    """Remove the database from under its connections."""
    database.close()
    if database.is_sqlite:
        for path in Path(str(database.url.database)).parent.glob("portal.db*"):
            path.unlink()
    else:
        name = database.url.database
        request.getfixturevalue("postgres").run(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_database_that_goes_away_leaves_the_kept_catalogue_in_use(loaded, request):
    cache = CatalogueCache(loaded, seconds=0)
    before = cache.get()
    take_away(loaded, request)
    assert cache.get() is before


def test_without_a_catalogue_a_missing_database_is_said(tmp_path):
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(DatabaseUnavailable):
        CatalogueCache(empty).get()
    empty.close()
