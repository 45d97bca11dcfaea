"""From SQLite to PostgreSQL while people give: every row once, and nothing after the end."""

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from portal.cli import main
from portal.commands import moving
from portal.commands.installation import make_services, prepare
from portal.commands.seed import seed_gifts
from portal.database import Database, DatabaseUnavailable
from portal.gifts.models import Gift
from portal.services import Services
from portal.settings import load_settings
from tests.commands.test_backup import count_all
from tests.conftest import SECRET, PostgresServer

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def services(
    database_url: str, catalogued: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Services:
    for name, value in {
        "ENVIRONMENT": "demo",
        "SECRET_KEY": SECRET,
        "DATABASE_URL": database_url,
        "UPLOADS": str(tmp_path / "uploads"),
    }.items():
        monkeypatch.setenv(f"PORTAL_{name}", value)
    services = make_services(load_settings())
    seed_gifts(services, 60, lambda _: None)
    return services


@pytest.fixture
def target(postgres: PostgresServer, postgres_template: str) -> Iterator[Database]:
    postgres.run("DROP DATABASE IF EXISTS moved WITH (FORCE)")
    postgres.run(f"CREATE DATABASE moved TEMPLATE {postgres_template} STRATEGY FILE_COPY")
    database = Database(postgres.url("moved"))
    yield database
    database.close()


def move(target: Database) -> Result:
    return CliRunner().invoke(
        main, ["db", "move", target.url.render_as_string(hide_password=False)]
    )


def rows_of(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.reader.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in moving.Base.metadata.sorted_tables
        }


def test_every_row_is_moved_and_the_old_database_takes_nothing_more(
    services: Services, target: Database
) -> None:
    before = rows_of(services.database)
    said = move(target)
    assert said.exit_code == 0, said.output
    assert "the books add up" in said.output
    assert "PORTAL_UPLOADS=" in said.output
    assert rows_of(target) == before
    with pytest.raises(DatabaseUnavailable), services.write() as act:
        act.note("export", "gifts", {})
    again = move(target)
    assert again.exit_code == 1
    assert "was moved before" in again.output


def test_the_new_database_counts_on_and_guards_its_rows(
    services: Services, target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert move(target).exit_code == 0
    monkeypatch.setenv("PORTAL_DATABASE_URL", target.url.render_as_string(hide_password=False))
    seed_gifts(make_services(load_settings()), 20, lambda _: None)
    assert count_all(target)["gifts"] == 80
    with pytest.raises(sa.exc.DBAPIError), target.write() as session:
        session.execute(sa.text("DELETE FROM evidence"))
    proven = CliRunner().invoke(main, ["reconcile", "--check"])
    assert proven.exit_code == 0, proven.output


def test_gifts_that_are_given_meanwhile_come_along(services: Services, target: Database) -> None:
    given, refused = [60], threading.Event()

    def go_on() -> None:
        try:
            for _ in itertools.count():
                seed_gifts(services, 2, lambda _: None)
                given[0] += 2
        except DatabaseUnavailable:
            refused.set()

    thread = threading.Thread(target=go_on)
    thread.start()
    said = move(target)
    thread.join(60)
    assert said.exit_code == 0, said.output
    assert refused.is_set()
    assert count_all(services.database)["gifts"] == count_all(target)["gifts"] == given[0]
    assert rows_of(target) == rows_of(services.database)


def test_a_move_that_broke_off_goes_on(services: Services, target: Database) -> None:
    """As after a power cut in the midst of copying: what is there is kept, and put right."""
    with target.writer.connect() as new:
        moving.set_triggers(new, is_on=False)
        with services.database.reader.connect() as old:
            moving.bring(old, new)
    with services.database.write() as session:
        session.execute(sa.update(Gift).where(Gift.id == 1).values(last_name="Zoë Renamed"))
        session.execute(sa.text("DELETE FROM gift_words WHERE gift_id = 2"))
    with target.writer.begin() as new:
        new.execute(sa.text("DELETE FROM gift_words WHERE gift_id = 3"))
    said = move(target)
    assert said.exit_code == 0, said.output
    assert rows_of(target) == rows_of(services.database)


def test_only_an_empty_postgresql_is_filled(
    services: Services, target: Database, tmp_path: Path
) -> None:
    before = rows_of(services.database)
    other = move(Database(f"sqlite:///{tmp_path}/other.db"))
    assert "to a postgresql:// URL" in other.output
    away = move(Database("postgresql://nobody@127.0.0.1:9/nowhere"))
    assert "can't be reached" in away.output
    assert "nobody" not in away.output
    assert rows_of(services.database) == before
    url = target.url.render_as_string(hide_password=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTAL_DATABASE_URL", url)
        prepare(load_settings())
        seed_gifts(make_services(load_settings()), 1, lambda _: None)
    assert "holds gifts already" in move(target).output
    assert count_all(target)["gifts"] == 1
