"""`portal donor`, as a person gives it: numbers are kept, listed masked, and encrypted anew."""

from typing import Any

import pytest
from click.testing import CliRunner, Result

from portal.cli import main
from portal.commands.donors import examine_numbers
from portal.database import Database
from portal.settings import load_settings
from tests.commands.test_code_commands import database, run
from tests.conftest import SECRET
from tests.receipts.number_samples import confirm_issuer, give

__all__ = ["database", "run"]

ADDRESS = "thabo@example.org"


def keep(kind: str, text: str, *more: str) -> Result:
    line = ["donor", "tax-number", ADDRESS, kind, *more]
    return CliRunner().invoke(main, line, input=f"{text}\n", prog_name="portal")


def test_numbers_are_kept_listed_and_removed(run: Any, database: Database) -> None:
    with database.write() as session:
        confirm_issuer(session)
        give(session)
    assert "is kept; 0 receipts" in keep("za_income_tax", "0001339050").output
    keep("phone", "+27 11 555 0100")
    done = keep("za_id", "8001015009087")
    assert done.output == (
        "South African ID number of Thabo Mokoena is kept; 1 receipts that say it are on their"
        " way.\n"
    )
    listed = run(f"donor tax-numbers {ADDRESS}").output
    assert "za_id  ••••87  Thabo Mokoena  " in listed
    assert "8001015009087" not in listed
    keep("passport", "a0123456", "--country", "zw")
    listed = run(f"donor tax-numbers {ADDRESS}").output
    assert "passport" in listed
    assert "za_id" not in listed, "of what identifies there is one"
    assert "is removed" in run(f"donor tax-number {ADDRESS} phone --remove").output
    assert "was not there" in run(f"donor tax-number {ADDRESS} phone --remove").output


def test_a_new_secret_key_is_followed(
    run: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as session:
        give(session, slug="ie")
    keep("ie_ppsn", "1234567T")
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET[::-1])
    lost = run("donor encrypt-anew")
    assert lost.exit_code == 1
    assert "1 tax numbers can't be read: put the key" in lost.output
    [finding] = examine_numbers(database, load_settings())
    assert not finding.is_well
    monkeypatch.setenv("PORTAL_FORMER_SECRET_KEYS", SECRET)
    assert run("donor encrypt-anew").output == "1 tax numbers are encrypted anew.\n"
    monkeypatch.delenv("PORTAL_FORMER_SECRET_KEYS")
    [finding] = examine_numbers(database, load_settings())
    assert finding.is_well


def test_what_is_wrong_is_one_sentence(run: Any, database: Database) -> None:
    with database.write() as session:
        give(session, slug="in")
        give(session, slug="in", first_name="Lerato")
    name = ("--name", "Lerato Mokoena")
    assert "Name one of them by --name: Thabo Mokoena, Lerato" in keep("in_pan", "x").output
    assert "it is written like ABCPA1234F" in keep("in_pan", "x", *name).output
    assert "by --country" in keep("passport", "A0123456", *name).output
    assert "Nobody gave as" in run("donor tax-numbers nobody@example.org").output
    unknown = keep("za_shoe", "1", *name)
    assert (unknown.exit_code, "KIND is one of" in unknown.output) == (2, True)
