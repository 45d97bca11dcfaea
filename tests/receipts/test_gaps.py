"""Numbers that were left out on purpose: never given again, and explained."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.cli import main
from portal.database import Database
from portal.receipts.gaps import CannotSkip, find_gaps, skip_numbers
from portal.receipts.register import Receipt, ReceiptGap, verify_register
from tests.conftest import SECRET
from tests.receipts.samples import book_gift, issue
from tests.workplace import make_services

pytestmark = pytest.mark.both_engines
WHY = "Sent before the restore of 3 May"


def problems(database: Database) -> list[str]:
    with database.read() as session:
        return verify_register(session)


def skip(database: Database, until: int, **choices: str) -> ReceiptGap:
    with make_services(database).write() as act:
        return skip_numbers(act, "sample-ca", 2026, until, WHY, **choices)


def number_of(database: Database, receipt_id: int) -> int:
    with database.read() as session:
        return session.get_one(Receipt, receipt_id).number


def test_the_series_goes_on_behind_what_was_left_out(database: Database) -> None:
    issue(database, book_gift(database))
    gap = skip(database, 30)
    assert gap.labels == ("2026-000002", "2026-000030")
    assert number_of(database, issue(database, book_gift(database))) == 31
    assert problems(database) == []
    with database.read() as session:
        assert [len(find_gaps(session, 2026, number)) for number in (1, 2, 30, 31)] == [0, 1, 1, 0]
        assert not find_gaps(session, 2025, 2)
        assert not find_gaps(session, 2026, 2, "OR")
        assert not find_gaps(session, 2026, 2, issuer="another")


def test_a_series_may_begin_with_numbers_left_out(database: Database) -> None:
    skip(database, 3)
    assert number_of(database, issue(database, book_gift(database))) == 4
    skip(database, 7, series="OR")
    assert problems(database) == []


@pytest.mark.parametrize("until", [0, 1, 2, 10_003])
def test_nothing_is_left_out_behind_or_far_beyond(database: Database, until: int) -> None:
    for _ in range(2):
        issue(database, book_gift(database))
    with pytest.raises(CannotSkip):
        skip(database, until)
    assert number_of(database, issue(database, book_gift(database))) == 3
    assert problems(database) == []


def test_a_number_that_is_left_out_and_given_out_shows(database: Database) -> None:
    issue(database, book_gift(database))
    skip(database, 4)
    issue(database, book_gift(database))
    with database.write() as session:
        session.execute(sa.update(ReceiptGap).values(first=1))
    assert problems(database) == ["Series sample-ca 2026: number 1 was left out and given out."]
    with database.write() as session:
        session.execute(sa.update(ReceiptGap).values(first=3))
    assert problems(database) == ["Series sample-ca 2026: number 2 is missing."]
    with database.write() as session:
        session.execute(sa.delete(ReceiptGap))
    assert problems(database) == ["Series sample-ca 2026: numbers 2 to 4 are missing."]


@given(steps=st.lists(st.integers(0, 4), max_size=8))
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_number_is_given_or_explained(database: Database, steps: list[int]) -> None:
    """0 issues a receipt; any other leaves out so many numbers."""
    for step in steps:
        receipt = issue(database, book_gift(database))
        if step:
            skip(database, number_of(database, receipt) + step)
    assert problems(database) == []


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, database_url: str, catalogued: Database
) -> Callable[..., tuple[int, str]]:
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET)
    monkeypatch.setenv("PORTAL_DATABASE_URL", database_url)
    monkeypatch.setenv("PORTAL_ENVIRONMENT", "demo")

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["receipts", *words])
        return done.exit_code, done.output

    return run


def test_an_operator_leaves_numbers_out_and_an_auditor_is_told(
    run: Callable[..., tuple[int, str]],
) -> None:
    said = run("skip", "2026-000030", "--issuer", "sample-ca", "--why", WHY)
    assert said == (0, "2026-000001 to 2026-000030 of sample-ca will not be given out.\n")
    assert run("verify")[0] == 0
    code, told = run("show", "2026-000017")
    assert code == 0
    assert "2026-000001 to 2026-000030 of sample-ca were left out on" in told
    assert WHY in told
    assert run("show", "2026-000031")[0] == 1
    for number, issuer, why in (
        ("2026-000030", "sample-ca", WHY),
        ("2026-000031", "nobody", WHY),
        ("31", "sample-ca", WHY),
        ("2026-000031", "sample-ca", " "),
    ):
        assert run("skip", number, "--issuer", issuer, "--why", why)[0] != 0
