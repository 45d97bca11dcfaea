"""`portal gift-aid`, as a person gives it: a claim is made, listed and written as files."""

import json
from pathlib import Path

import pytest

from tests.commands.test_code_commands import database, run
from tests.receipts.gift_aid_samples import give
from tests.receipts.schedule_samples import make_template, read_cells

__all__ = ["database", "run"]


def test_a_claim_is_made_listed_and_exported(run, database, tmp_path: Path):
    with database.write() as session:
        give(session, 25_37)
    assert run("gift-aid claim --dry-run").output.startswith("1 rows, gifts of GBP 25.37, tax of")
    assert run("gift-aid list").output == ""
    assert "Claim 1 is made" in run("gift-aid claim").output
    listed = json.loads(run("gift-aid list --json").output)
    assert {name: listed[name] for name in ("rows", "gifts", "tax", "stands")} == {
        "rows": 1,
        "gifts": "25.37",
        "tax": "6.34",
        "stands": True,
    }
    template = tmp_path / "hmrc.ods"
    template.write_bytes(make_template())
    run(f"gift-aid export 1 --template {template} --output {tmp_path}")
    [row] = read_cells((tmp_path / "gift-aid-1-1.ods").read_bytes(), 1)
    assert row[2:4] == ["Ada", "House Martin"]
    assert (tmp_path / "gift-aid-1-1.csv").read_text().endswith(",25.37\n")
    template.write_bytes(make_template(column=2))
    refused = run(f"gift-aid export 1 --template {template} --output {tmp_path}")
    assert (refused.exit_code, "another version" in refused.output) == (1, True)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("gift-aid claim", "There is nothing to claim for"),
        ("gift-aid claim --issuer nobody", "Name one issuer by --issuer"),
        ("gift-aid export 9", "There is no such claim"),
    ],
)
def test_what_cannot_be_is_one_sentence(run, line, says):
    done = run(line)
    assert (done.exit_code, says in done.output) == (1, True)


def test_a_tax_offices_file_is_written_and_says_what_it_leaves_open(run, tmp_path: Path):
    done = run(f"receipts statutory za --year 2026 --issuer sample-gb --output {tmp_path}")
    [file] = tmp_path.glob("IT3D_*.txt")
    assert file.read_text().startswith("NIL|")
    assert "rows lack" not in done.output
    assert "Not checked" in done.output
    missing = run("receipts statutory fr --year 2026 --issuer nobody")
    assert (missing.exit_code, "There is no issuer nobody" in missing.output) == (1, True)
