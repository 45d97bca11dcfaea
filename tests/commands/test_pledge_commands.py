"""`portal pledge`, as a person gives it: what is kept, said and refused."""

import json
from datetime import date

import pytest
import sqlalchemy as sa

from portal.codes.models import CodeRecord
from portal.gifts.code_counting import find_wrong_sums
from portal.gifts.models import Commitment, Gift
from tests.commands.test_code_commands import acts, database, run
from tests.partners.conftest import plant_tree
from tests.partners.gifts import email_of, plant_gifts

__all__ = ["database", "run"]


@pytest.fixture
def tree(database):
    return plant_tree(database)


def give(database, key, *gifts):
    with database.write() as session:
        plant_gifts(session, key, gifts)


def show(run, number=1):
    done = run(f"pledge show {number} --json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def kept(database):
    with database.read() as session:
        assert find_wrong_sums(session, 20) == []
        return session.scalar(sa.select(sa.func.count()).select_from(Commitment))


SPAN = "--from 2026-11-01 --until 2026-11-30"


def test_a_partners_pledge_is_fulfilled_by_what_came_under_it(run, database, tree):
    give(database, "grace", {"donor": 1, "minor": 2000, "day": date(2026, 11, 1)})
    assert run(f"pledge add --partner zone --amount CAD=100 {SPAN}").exit_code == 0
    assert show(run)["given"] == "20.00"
    give(
        database,
        "grace",
        {"donor": 1, "minor": 3000, "refunded": 500, "day": date(2026, 11, 30)},
        {"donor": 2, "minor": 100, "day": date(2026, 10, 31)},
        {"donor": 2, "minor": 100, "day": date(2026, 12, 1)},
        {"donor": 2, "minor": 100, "currency": "USD", "day": date(2026, 11, 5)},
        {"donor": 2, "minor": 100, "paid": 0, "day": date(2026, 11, 5)},
    )
    give(database, "other", {"donor": 3, "minor": 100, "day": date(2026, 11, 5)})
    assert (show(run)["given"], show(run)["total"]) == ("45.00", "100.00")
    kept(database)
    assert run("pledge edit 1 --until 2026-11-29 --amount CAD=20").exit_code == 0
    assert (show(run)["given"], show(run)["state"]) == ("20.00", "fulfilled")
    kept(database)
    assert run("pledge edit 1 --no-end --fund media").exit_code == 0
    assert (show(run)["given"], show(run)["until"]) == ("0.00", None)
    kept(database)


def test_a_later_refund_is_taken_off(run, database, tree):
    give(database, "grace", {"donor": 1, "minor": 2000, "day": date(2026, 11, 1)})
    run(f"pledge add --code grace --amount CAD=100 {SPAN}")
    assert show(run)["given"] == "20.00"
    with database.write() as session:
        session.execute(sa.update(Gift).values(refunded_minor=1999, status="partly_refunded"))
    assert show(run)["given"] == "0.01"
    kept(database)


def test_a_donors_pledge_is_fulfilled_by_their_gifts_alone(run, database, tree):
    give(
        database,
        "grace",
        {"donor": 1, "minor": 2000, "refunded": 1, "day": date(2026, 11, 1)},
        {"donor": 2, "minor": 7000, "day": date(2026, 11, 1)},
    )
    give(database, "hope", {"donor": 1, "minor": 300, "day": date(2026, 11, 2), "fund": "media"})
    span = f"--email {email_of(1)} --amount CAD=50 {SPAN}"
    for more in ("", "--partner grace", "--code hope", "--partner zone", "--fund media"):
        assert run(f"pledge add {span} {more}").exit_code == 0
    with database.write() as session:
        # One that nobody put down to a donor is theirs by its address.
        session.execute(sa.update(Gift).where(Gift.fund == "media").values(donor_id=None))
    given = [show(run, number)["given"] for number in range(1, 6)]
    assert given == ["22.99", "19.99", "3.00", "22.99", "3.00"]
    assert kept(database) == 5


def test_one_is_listed_changed_and_cancelled_with_its_history(run, database, tree):
    run("pledge add --email", "Ada@Example.org", "--amount", "CAD=50.50", "--frequency", "monthly")
    run(f"pledge add --partner grace --amount CAD=100 {SPAN}")
    assert "grace" in run("pledge list --partner grace").output
    listed = run("pledge list --email ada@example.org").output
    assert "ada@example.org  CAD 50.50 monthly" in listed
    assert run("pledge list").output.count("\n") == 2
    assert run("pledge edit 1 --amount CAD=60 --note", "By letter").exit_code == 0
    assert run("pledge cancel 1").output == "Pledge 1 is now cancelled.\n"
    assert run("pledge cancel 1").output == "Pledge 1 was already cancelled.\n"
    shown = run("pledge show 1").output
    assert "made by system  amount=CAD 50.50" in shown
    assert "changed by system  amount=CAD 60.00" in shown
    assert "cancelled by system" in shown
    assert "By letter" not in shown, "a note may name somebody"
    assert show(run)["note"] == "By letter"
    assert run("pledge edit 1 --amount CAD=70").exit_code == 1
    done = [act for act, _ in acts(database)]
    assert done == ["pledge_made", "pledge_made", "pledge_changed", "pledge_cancelled"]


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("add --partner grace", 2, "--amount: it is written like CAD=50"),
        ("add --partner grace --amount 50", 2, "--amount: it is written like CAD=50"),
        ("add --partner grace --amount CAD=0", 1, "is more than nothing"),
        ("add --amount CAD=5", 1, "is given, or a code"),
        ("add --partner nobody --amount CAD=5", 1, "is the key of a partner that there is"),
        ("add --code nobody --amount CAD=5", 1, "is a code that there is"),
        ("add --partner other --code grace --amount CAD=5", 1, "is a code of that partner"),
        ("add --email nobody --amount CAD=5", 1, "is an e-mail address"),
        ("add --partner grace --amount CAD=5 --fund nothing", 1, "is the key of a fund"),
        ("add --partner grace --amount CAD=5 --from 1066-01-01", 1, "is a day from"),
        (
            "add --partner grace --amount CAD=5 --from 2026-01-02 --until 2026-01-01",
            1,
            "is the first day or a later one",
        ),
        ("show 9", 1, "There is no pledge 9"),
        ("edit 9 --amount CAD=5", 1, "There is no pledge 9"),
        ("cancel 9", 1, "There is no pledge 9"),
    ],
)
@pytest.mark.usefixtures("tree")
def test_what_cannot_be_is_one_sentence(run, database, line, code, says):
    done = run(f"pledge {line}")
    assert done.exit_code == code
    assert says in done.output
    assert kept(database) == 0


def test_another_currency_is_another_pledge(run, database, tree):
    run("pledge add --partner grace --amount CAD=5")
    done = run("pledge edit 1 --amount USD=5")
    assert (done.exit_code, "is in CAD" in done.output) == (1, True)


def test_what_it_was_for_stays_when_the_code_moves(run, database, tree):
    run(f"pledge add --code grace --amount CAD=100 {SPAN}")
    with database.write() as session:
        session.execute(sa.update(CodeRecord).values(scope_id=tree["other"]))
    give(database, "grace", {"donor": 1, "minor": 2000, "day": date(2026, 11, 1)})
    assert show(run)["given"] == "20.00"
    kept(database)
