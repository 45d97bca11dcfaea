"""The way from nothing to the first gift, as the overview and `portal init` tell it."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask

from portal.cli import main
from portal.database import Database
from portal.regions.operations import bump_version
from portal.regions.queries import RegionRecord
from portal.signin.accounts import StaffUser
from portal.staff.queries import FirstStep, StepState, add_findings
from tests.conftest import NOW, SECRET
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample, pay_sample
from tests.staff.test_desks import add_issuer, look_again
from tests.staff.test_modes import send

SignedIn = Callable[[str], Browser]
CLOSED_PORT = "127.0.0.1:9"


@pytest.fixture
def settings_values() -> dict[str, Any]:
    return {
        "environment": "production",
        "stripe_secret_key": "",
        "base_url": f"http://{CLOSED_PORT}",
        "mail_url": f"smtp://{CLOSED_PORT}",
    }


def count_done(page: str) -> int:
    return page.count(">Done<")


def test_the_overview_lists_the_steps_until_they_are_done(
    signed_in: SignedIn, catalogued: Database, app: Flask
) -> None:
    with catalogued.write() as session:
        session.execute(sa.delete(RegionRecord))
        bump_version(session)
    look_again(app)
    browser = signed_in("admin")
    page = browser.get("/staff/").text
    assert "First steps" in page
    assert "Add an issuer: its legal name" in page
    assert count_done(page) == 1
    add_issuer(browser)
    assert count_done(browser.get("/staff/").text) == 2
    send(browser, "/staff/regions/new?like=ca", issuer="grace-chapel-of-red-deer")
    send(browser, "/staff/regions/ca/modes/cheque", recipient="Grace Chapel of Red Deer")
    look_again(app)
    assert count_done(browser.get("/staff/").text) == 3
    with catalogued.write() as session:
        pay_sample(session, add_sample(session, mode="cheque", fund="general"), "pi_1", NOW)
    assert count_done(browser.get("/staff/").text) == 4


def test_the_doctor_says_what_is_still_wrong(signed_in: SignedIn, catalogued: Database) -> None:
    page = signed_in("admin").get("/staff/first-steps").text
    assert "PORTAL_BASE_URL should begin with https://" in page
    assert "The mail server did not take it" in page
    assert "PORTAL_STRIPE_SECRET_KEY is empty" in page
    assert signed_in("viewer").get("/staff/first-steps").status_code == 403


def test_one_bad_finding_is_enough() -> None:
    found = [("webhooks", False, "no secret"), ("stripe", True, "ours"), ("mail", True, "answers")]
    states = [StepState(FirstStep.STRIPE, True), StepState(FirstStep.MAIL, False)]
    proven = add_findings(states, found)
    assert [(one.is_done, one.found) for one in proven] == [(False, "no secret"), (True, "answers")]


def test_needless_steps_stay_done() -> None:
    states = [StepState(FirstStep.STRIPE, True, is_needless=True)]
    assert add_findings(states, [("stripe", False, "empty")]) == states


def test_init_says_what_to_set_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTAL_SECRET_KEY", raising=False)
    result = CliRunner().invoke(main, ["init"])
    assert result.exit_code == 1
    assert "export PORTAL_SECRET_KEY=" in result.output
    assert "export PORTAL_BASE_URL=https://give.example.org" in result.output


def test_init_adds_the_first_administrator_and_no_second(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "SECRET_KEY": SECRET,
        "DATABASE_URL": database_url,
        "BASE_URL": f"http://{CLOSED_PORT}",
        "NEW_PASSWORD": "correct horse battery staple",
    }.items():
        monkeypatch.setenv(f"PORTAL_{name}", value)
    for email in ("first@example.org", "second@example.org"):
        result = CliRunner().invoke(main, ["init", "--email", email])
        assert result.exit_code == 1, result.output
        assert "[x] The first administrator" in result.output
        assert "[ ] Who receives the gifts: http://127.0.0.1:9/staff/issuers" in result.output
    with database.read() as session:
        assert session.scalars(sa.select(StaffUser.email)).all() == ["first@example.org"]
