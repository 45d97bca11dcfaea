"""`portal code edit` and `undo`, as a person gives them."""

import pytest
import sqlalchemy as sa

from portal.codes.models import CodeRecord, CodeUse, Policy, PolicyVersion, UseCounter
from portal.database import Database
from portal.intake.start import start_gift
from portal.payments.books import prove
from tests.commands.test_code_commands import acts, database, known, run
from tests.workplace import make_order, make_workplace

__all__ = ["database", "run"]


def versions(database: Database, name: str) -> list[int]:
    with database.read() as session:
        wanted = sa.select(PolicyVersion.version).where(
            PolicyVersion.policy_id == known(database, name).policy_id
        )
        return list(session.scalars(wanted.order_by(PolicyVersion.version)))


def use(database: Database, code: str, many: int) -> None:
    """Gifts of so many donors with a code."""
    place = make_workplace(database.url.render_as_string(), None)
    for number in range(many):
        donor = {"email": f"{code}{number}@example.org"}
        start_gift(place.services, make_order(place, code=code, mode="interac", donor=donor))
    place.close()


def test_what_is_said_holds_and_the_rest_stays(run, database):
    assert run("code add SPRING --region ca --max-uses 3 --minimum CAD=10").exit_code == 0
    done = run("code edit spring --max-uses 5 --minimum USD=8 --until 2027-03-31 --tag easter")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "SPRING is changed, version 2 of its terms:"
    for line in ("max-uses: 3 -> 5", "until: nothing -> 2027-03-31", "tag: nothing -> easter"):
        assert f"  {line}" in done.stdout
    assert "minimum USD: nothing -> 8" in done.stdout
    code = known(database, "SPRING")
    assert (code.regions, code.max_uses) == ({"ca"}, 5)
    assert code.minimum_minor == {"CAD": 1000, "USD": 800}
    assert f"{code.ends_at:%m-%d %H}" == "04-01 04"
    assert acts(database) == [("code_add", "code"), ("code_edit", "code")]
    again = run("code edit SPRING --max-uses 5")
    assert again.stdout == "SPRING says that already: nothing changed.\n"
    assert versions(database, "SPRING") == [1, 2]


def test_a_term_is_taken_out_by_its_options_name(run, database):
    assert run("code add X --region ca --until 2027-01-31 --max-uses 3 --tag a").exit_code == 0
    done = run("code edit X --without until --without max-uses --without tag --region us")
    assert done.exit_code == 0, done.stderr
    code = known(database, "X")
    assert (code.ends_at, code.max_uses, code.regions) == (None, None, {"us"})
    assert "tag: a -> nothing" in done.stdout


def test_a_day_that_stays_keeps_its_moment_and_a_moved_zone_moves_it(run, database):
    assert run("code add X --until 2027-01-31 --zone America/Toronto").exit_code == 0
    ends_at = known(database, "X").ends_at
    assert run("code edit X --max-uses 2").exit_code == 0
    assert known(database, "X").ends_at == ends_at
    assert run("code edit X --zone Asia/Tokyo").exit_code == 0
    assert f"{known(database, 'X').ends_at:%m-%d %H}" == "01-31 15"


def test_a_dry_run_says_what_would_change_and_changes_nothing(run, database):
    assert run("code add X --max-uses 3").exit_code == 0
    done = run("code edit X --max-uses 5 --kind partner --partner-name New --partner new --dry-run")
    assert done.exit_code == 0, done.stderr
    assert "X would be changed" in done.stdout
    assert "max-uses: 3 -> 5" in done.stdout
    assert "partner: nothing -> new" in done.stdout
    assert known(database, "X").max_uses == 3
    assert acts(database) == [("code_add", "code")]
    assert "would be changed" in run("code edit X --max-uses 4 --dry-run").stdout
    assert versions(database, "X") == [1]


def test_terms_that_are_shared_ask_whose_are_meant(run, database):
    assert run("code add X --max-uses 3").exit_code == 0
    assert run("code generate --count 2 --policy-from X --tag more").exit_code == 0
    asked = run("code edit X --max-uses 5")
    assert asked.exit_code == 2
    assert "X shares its terms with 2 other codes: say --for all" in asked.stderr
    # What stands on the code itself is its own.
    assert run("code edit X --tag mine").exit_code == 0
    assert run("code edit X --max-uses 5 --for all").exit_code == 0
    shared = known(database, "X").policy_id
    assert versions(database, "X") == [1, 2]
    done = run("code edit X --max-uses 9 --for this")
    assert done.exit_code == 0, done.stderr
    code = known(database, "X")
    assert (code.max_uses, code.policy_id != shared) == (9, True)
    assert versions(database, "X") == [1, 2]
    with database.read() as session:
        assert session.get_one(Policy, shared).document["max_uses"] == 5
        hanging = sa.select(sa.func.count()).where(CodeRecord.policy_id == shared)
        assert session.scalar(hanging) == 2


def test_terms_of_its_own_know_how_often_the_code_was_used(run, database):
    assert run("code add X --max-uses-in-all 9 --max-uses-a-donor 4").exit_code == 0
    assert run("code generate --count 1 --policy-from X --prefix Y --public").exit_code == 0
    use(database, "X", 3)
    refused = run("code edit X --for this --max-uses-in-all 2")
    assert refused.exit_code == 1
    assert "--max-uses-in-all: it is at least 3, which were used." in refused.stderr
    assert run("code edit X --for this --max-uses-in-all 3").exit_code == 0
    with database.read() as session:
        own = known(database, "X").policy_id
        counted = sa.select(UseCounter.kind, UseCounter.used).where(UseCounter.owner_id == own)
        assert sorted(map(tuple, session.execute(counted))) == [
            *[("donor", 1)] * 3,
            ("policy", 3),
        ]
        assert prove(session) == []
        # Gifts say under which they were given.
        given = {*session.scalars(sa.select(CodeUse.policy_id))}
        assert own not in given
    assert known(database, "X").is_spent


def test_a_limit_is_not_lowered_under_its_use(run, database):
    assert run("code add X --max-uses 5").exit_code == 0
    use(database, "X", 3)
    for more in ("", " --dry-run"):
        done = run(f"code edit X --max-uses 2{more}")
        assert done.exit_code == 1
        assert "--max-uses: it is at least 3, which were used." in done.stderr
    assert run("code edit X --max-uses 3").exit_code == 0


def test_earlier_terms_hold_again(run, database):
    assert run("code add X --max-uses 3").exit_code == 0
    assert run("code edit X --max-uses 5").exit_code == 0
    assert run("code edit X --max-uses 7").exit_code == 0
    tried = run("code undo X --dry-run")
    assert "X would be changed, version 4 of its terms:\n  max-uses: 7 -> 5\n" in tried.stdout
    assert run("code undo X").exit_code == 0
    assert known(database, "X").max_uses == 5
    assert run("code undo X --version 1").exit_code == 0
    assert known(database, "X").max_uses == 3
    assert versions(database, "X") == [1, 2, 3, 4, 5]
    assert acts(database)[-1] == ("code_return", "code")
    use(database, "X", 3)
    assert run("code edit X --max-uses 4").exit_code == 0


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("code edit NOBODY --max-uses 1", 1, "there is none of this name"),
        ("code edit LWCAN --region zz", 2, "--region: there is no zz"),
        ("code edit LWCAN --without pigeons", 2, "--without"),
        ("code edit LWCAN --headline en=Hello", 2, "--headline (fr): it is missing"),
        ("code edit LWCAN --from 2027-03-02 --until 2027-03-01", 2, "--until: it is after"),
        ("code edit LWCAN --until 9999-12-31", 2, "--until"),
        ("code edit LWCAN --until 2027-01-01 --zone Mars/Base", 2, "--zone: it is a time zone"),
        ("code edit LWCAN --partner nobody", 1, '--partner-name "Its name"'),
        ("code undo LWCAN", 1, "LWCAN has no earlier terms"),
        ("code undo LWCAN --version 2", 1, "has terms of version 1 to 1 alone"),
        ("code undo NOBODY", 1, "there is none of this name"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_changes_nothing(run, database, line, status, says):
    done = run(line)
    assert done.exit_code == status, done.output
    assert says in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert acts(database) == []
    assert versions(database, "LWCAN") == [1]
