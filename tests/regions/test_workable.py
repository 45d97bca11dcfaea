"""What can't work in an installation is not offered: samples, cards without a key, no recipient."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.app import create_app
from portal.commands.doctor import _examine_regions
from portal.commands.installation import prepare
from portal.database import Database
from portal.regions.files import DATA, RegionError, read_catalogue
from portal.regions.operations import load_region_files
from portal.regions.queries import Lack, Means, RegionRecord, find_lack, list_lacks, narrow
from portal.settings import load_settings
from tests.conftest import NOW, SECRET
from tests.pages import CheckedClient

CATALOGUE = read_catalogue()
CANADA = CATALOGUE.regions["ca"]
ALL = Means(providers=frozenset({"stripe"}), monthly=frozenset({"stripe"}), shows_samples=True)
ONE_ENGINE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_every_region_that_ships_is_a_sample_and_works_in_a_demo() -> None:
    assert all(region.sample for region in CATALOGUE.regions.values())
    assert list(list_lacks(CATALOGUE, ALL)) == []
    assert narrow(CATALOGUE, ALL) == CATALOGUE


def test_samples_are_never_offered_in_production() -> None:
    assert narrow(CATALOGUE, replace(ALL, shows_samples=False)).open == ()


def test_without_a_key_no_mode_of_stripe_is_offered_and_all_others_are() -> None:
    for region in narrow(CATALOGUE, replace(ALL, providers=frozenset())).regions.values():
        offered = CATALOGUE.regions[region.slug].offered
        assert region.offered == tuple(mode for mode in offered if mode.is_instructed)
        assert len(region.modes) == len(CATALOGUE.regions[region.slug].modes)


def test_a_transfer_to_nobody_is_not_offered() -> None:
    for mode in CANADA.offered:
        if mode.is_instructed:
            empty = replace(mode, recipient=" ", account=None, details=())
            assert find_lack(CANADA, empty, ALL) is Lack.RECIPIENT


def own_folder(tmp_path: Path) -> Path:
    """Canada's file alone, made the operator's own; what regions have in common is ours."""
    text = (DATA / "ca.toml").read_text(encoding="utf-8")
    text = re.sub(r'legal_name = ".*"', 'legal_name = "Hope of Ajax"', text)
    (tmp_path / "ca.toml").write_text(text.replace("sample = true\n", ""), encoding="utf-8")
    return tmp_path


def make_production(database_url: str, **more: str) -> Flask:
    app = create_app(load_settings(secret_key=SECRET, database_url=database_url, **more))
    app.test_client_class = CheckedClient
    return app


@ONE_ENGINE
def test_a_fresh_production_says_that_giving_is_not_set_up(
    catalogued: Database, database_url: str
) -> None:
    client = make_production(database_url).test_client()
    for path in ("/", "/give/ca", "/give/world", "/give/nowhere"):
        page = client.get(path)
        assert page.status_code == 503
        assert "Giving isn’t set up here yet" in page.text
        assert "sample" not in page.text
    assert client.post("/give/ca", data={"amount": "20"}).status_code in {403, 503}
    found = list(_examine_regions(catalogued, load_settings(secret_key=SECRET)))
    assert not any(finding.is_well for finding in found)
    assert any("portal regions import" in finding.text for finding in found)


@ONE_ENGINE
@pytest.mark.parametrize(("key", "is_offered"), [("", False), ("sk_test_tests", True)])
def test_the_form_offers_cards_only_with_a_key(
    catalogued: Database, database_url: str, key: str, is_offered: bool
) -> None:
    demo = make_production(database_url, environment="demo", stripe_secret_key=key)
    form = demo.test_client().get("/give/ca").text
    assert ('value="card"' in form) is is_offered
    assert 'value="interac"' in form


@ONE_ENGINE
def test_the_operators_own_region_opens_and_the_samples_stay_shut(
    catalogued: Database, database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    with catalogued.write() as session:
        assert load_region_files(session, NOW, own_folder(folder)) == ["ca"]
        assert load_region_files(session, NOW) == [], "a sample takes no region's place"
    client = make_production(database_url).test_client()
    form = client.get("/give/ca").text
    assert 'value="interac"' in form
    assert 'value="card"' not in form, "there is no key"
    assert client.get("/give/gb").status_code == 404
    assert "/give/gb" not in client.get("/").text
    found = list(_examine_regions(catalogued, load_settings(secret_key=SECRET)))
    assert [finding.is_well for finding in found if finding.what == "regions"] == [True]
    assert any("ca/card" in finding.text for finding in found)


def list_regions(database: Database) -> dict[str, bool]:
    """The regions of an installation, and whether each is a sample."""
    with database.read() as session:
        records = session.scalars(sa.select(RegionRecord)).all()
    return {record.slug: bool(record.document.get("sample")) for record in records}


@ONE_ENGINE
@pytest.mark.parametrize("environment", ["production", "demo"])
def test_a_folder_of_own_regions_is_loaded_as_often_as_wished(
    database: Database, database_url: str, tmp_path: Path, environment: str
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    own_folder(folder)
    settings = load_settings(
        secret_key=SECRET,
        database_url=database_url,
        environment=environment,
        regions=str(folder),
    )
    for _ in range(2):
        prepare(settings)
    own = {"ca": False}
    samples = {slug: slug not in own for slug in CATALOGUE.regions}
    assert list_regions(database) == (own if environment == "production" else samples)


@ONE_ENGINE
def test_own_regions_come_after_the_samples_were_there(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    settings = load_settings(secret_key=SECRET, database_url=database_url)
    prepare(settings)
    assert list_regions(database) == {}, "no sample is anybody's"
    prepare(settings.model_copy(update={"environment": "demo"}))
    assert set(list_regions(database).values()) == {True}
    folder = tmp_path / "own"
    folder.mkdir()
    prepare(settings.model_copy(update={"regions": str(own_folder(folder))}))
    assert list_regions(database)["ca"] is False


@ONE_ENGINE
def test_a_folder_without_regions_is_named(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    settings = load_settings(secret_key=SECRET, database_url=database_url, regions=str(tmp_path))
    with pytest.raises(RegionError, match="holds no region"):
        prepare(settings)
    assert list_regions(database) == {}
