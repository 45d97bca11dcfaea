"""Regions as files: exported, edited, checked, imported; nobody's change is overwritten unseen."""

import io
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from PIL import Image

from portal.cli import main
from portal.commands.installation import prepare
from portal.database import Database
from portal.regions.branding import find_picture, make_picture
from portal.regions.files import read_region_files
from portal.regions.queries import RegionRecord, load_catalogue
from portal.services import AuditEntry
from portal.settings import load_settings
from tests.conftest import SECRET

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SAMPLE, OWN = "Sample Ministries Canada", "Grace Chapel of Red Deer"


@pytest.fixture(autouse=True)
def production(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh installation that takes real money."""
    for name, value in {
        "SECRET_KEY": SECRET,
        "DATABASE_URL": database_url,
        "BASE_URL": "https://give.example.org",
        "MAIL_FROM": "giving@example.org",
        "SMTP_URL": "smtp://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(f"PORTAL_{name}", value)
    prepare(load_settings())


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["regions", *map(str, words)])


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_sample_becomes_the_operators_own(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "regions"
    assert run("export", folder, "ca", "--own").output == f"{folder / 'ca.toml'}\n"
    edit(folder / "ca.toml", SAMPLE, OWN)
    checked = run("check", folder)
    assert checked.exit_code == 0, checked.output
    assert "card is not offered here: nobody who takes them is set up" in checked.output
    assert run("import", folder).output == "ca.toml: new\n"
    with database.read() as session:
        canada = load_catalogue(session).regions["ca"]
        (entry,) = session.scalars(sa.select(AuditEntry).where(AuditEntry.subject == "region:ca"))
    assert (canada.issuer.legal_name, canada.sample) == (OWN, False)
    assert (entry.act, entry.actor) == ("region_import", "system")
    assert OWN in run("list").output


def test_own_regions_stay_when_the_samples_are_brought_up_to_date(
    database: Database, tmp_path: Path
) -> None:
    run("export", tmp_path, "ca", "--own")
    edit(tmp_path / "ca.toml", SAMPLE, OWN)
    run("import", tmp_path)
    prepare(load_settings())
    with database.read() as session:
        assert load_catalogue(session).regions["ca"].issuer.legal_name == OWN


def test_everything_goes_out_and_comes_back_as_it_was(tmp_path: Path) -> None:
    names = run("export", tmp_path).output.split()
    assert len(names) == 16
    first = run("import", tmp_path)
    assert {line.partition(": ")[2] for line in first.output.splitlines()} == {"new"}
    again = run("import", tmp_path)
    assert again.exit_code == 0, again.output
    assert {line.partition(": ")[2] for line in again.output.splitlines()} == {"as it was"}


def test_what_was_changed_meanwhile_is_told_and_nothing_is_overwritten(
    database: Database, tmp_path: Path
) -> None:
    run("export", tmp_path, "ca", "us", "--own")
    other = tmp_path / "other"
    run("export", other, "us", "--own")
    edit(other / "us.toml", "Sample", "Somebody’s")
    assert run("import", other).exit_code == 0
    edit(tmp_path / "ca.toml", SAMPLE, OWN)
    refused = run("import", tmp_path)
    assert refused.exit_code == 1
    assert "The region us was changed since us.toml was exported" in refused.output
    with database.read() as session:
        assert "ca" not in load_catalogue(session).regions
    assert run("import", tmp_path, "--replace").exit_code == 0
    with database.read() as session:
        assert load_catalogue(session).regions["ca"].issuer.legal_name == OWN


def test_a_file_without_a_version_is_new_or_refused(database: Database, tmp_path: Path) -> None:
    first = tmp_path / "first"
    run("export", first, "ca")
    run("import", first)
    run("export", tmp_path, "ca", "--own")
    (version, *_), path = (tmp_path / "ca.toml").read_text().splitlines(), tmp_path / "ca.toml"
    edit(path, f"{version}\n", "")
    assert run("import", tmp_path).exit_code == 1
    edit(path, 'slug = "ca"', 'slug = "north"')
    path.rename(tmp_path / "north.toml")
    assert run("import", tmp_path).output == "north.toml: new\n"
    with database.read() as session:
        record = session.get_one(RegionRecord, "north")
    assert record.edited_at is not None


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('legal_name = "', 'legal_nam = "', "ca.toml: issuer.legal_nam"),
        ('minimum = "1.00"', 'minimum = "free"', "ca.toml: currencies[0].minimum"),
        ('slug = "ca"', 'slug = "xx"', "ca.toml: slug: is the file's name"),
        ('slug = "ca"', "slug = ca", "ca.toml: is no TOML"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    run("export", tmp_path, "ca", "us")
    edit(tmp_path / "ca.toml", before, after)
    for command in ("check", "import"):
        refused = run(command, tmp_path)
        assert refused.exit_code == 1
        assert told in refused.output


def test_nothing_written_is_lost(tmp_path: Path) -> None:
    run("export", tmp_path, "ca")
    edit(tmp_path / "ca.toml", SAMPLE, OWN)
    assert "ca.toml is there already" in run("export", tmp_path, "ca").output
    assert read_region_files(tmp_path)["ca.toml"].document["issuer"]["legal_name"] == OWN
    assert run("export", tmp_path, "atlantis").output == "Error: There is no region atlantis.\n"
    assert "holds no region's file" in run("check", tmp_path / "none").output


def test_pictures_go_along_with_their_region(database: Database, tmp_path: Path) -> None:
    made = make_picture(draw(), box=(480, 160))
    run("export", tmp_path, "ca", "--own")
    edit(tmp_path / "ca.toml", "[issuer]\n", f'[issuer]\nlogo = "{made.name}"\n')
    assert "is not shown" in run("import", tmp_path).output
    (tmp_path / "pictures").mkdir()
    path = tmp_path / "pictures" / f"{made.name}.png"
    path.write_bytes(b"something else")
    assert "not what its name says" in run("import", tmp_path, "--replace").output
    path.write_bytes(made.content)
    assert "is not shown" not in run("import", tmp_path, "--replace").output
    with database.read() as session:
        assert find_picture(session, made.name) is not None
    again = tmp_path / "again"
    run("export", again, "ca")
    assert (again / "pictures" / path.name).read_bytes() == made.content


def draw() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (900, 300), "#1d4f91").save(out, "PNG")
    return out.getvalue()
