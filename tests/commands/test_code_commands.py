"""`portal code` and `portal scope`, as a person gives them: what is kept, said and refused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from portal.cli import main
from portal.codes.models import find_code
from portal.codes.terms import Code, CodeState
from portal.database import Database
from portal.services import AuditEntry
from tests.conftest import SECRET


@pytest.fixture
def database(tmp_path: Path, sqlite_catalogued: Path) -> Iterator[Database]:
    shutil.copy(sqlite_catalogued, tmp_path / "portal.db")
    database = Database(f"sqlite:///{tmp_path / 'portal.db'}")
    yield database
    database.close()


@pytest.fixture
def run(database: Database, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings = {
        "PORTAL_SECRET_KEY": SECRET,
        "PORTAL_DATABASE_URL": database.url.render_as_string(),
        "PORTAL_ENVIRONMENT": "demo",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def give(line: str, *more: str) -> Result:
        """The command in this process: to start one takes longer than all that it does."""
        return CliRunner().invoke(main, [*line.split(), *more], prog_name="portal")

    return give


def known(database: Database, name: str) -> Code:
    with database.read() as session:
        found = find_code(session, name)
    assert found is not None
    return found


def acts(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        rows = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id))
        return [(row.act, row.subject.partition(":")[0]) for row in rows]


def test_the_form_that_stands_in_the_manual(run, database):
    done = run("code add SPRING --region ca --max-uses 3 --fund missions")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "SPRING is in use" in done.stdout
    assert "/c/SPRING" in done.stdout
    code = known(database, "spring")
    assert (code.regions, code.max_uses, code.funds) == ({"ca"}, 3, ("missions",))
    assert acts(database) == [("code_add", "code")]


def test_every_term_has_an_option(run, database):
    done = run(
        "code add ALL --region ca,us --not-region us --mode card --mode interac --not-mode cheque"
        " --fund missions --not-fund media --currency cad --frequency once --from 2026-03-01"
        " --until 2026-03-31 --zone America/Toronto --minimum CAD=10 --preset CAD=10,20"
        " --amount CAD=25 --goal CAD=5000 --max-uses 3 --max-uses-in-all 9 --max-uses-a-donor 1"
        " --first-gift-only --landing https://example.org/thanks --renewals first"
        " --host example.org --partner loveworld-canada --tag spring --kind campaign",
        *("--message", "en=Thank you", "--message", "fr=Merci", "--campaign", "The roof"),
        *("--headline", "en=The roof", "--headline", "fr=Le toit"),
    )
    assert done.exit_code == 0, done.stderr
    assert "is over already" in run("code show ALL").stderr or "over already" in done.stderr
    code = known(database, "ALL")
    assert code.regions == {"ca", "us"}
    assert code.not_regions == {"us"}
    assert code.modes == ("card", "interac")
    assert (code.not_modes, code.not_funds) == ({"cheque"}, {"media"})
    assert (code.currencies, code.frequencies) == (("CAD",), ("once",))
    assert f"{code.starts_at:%m-%d %H}" == "03-01 05"
    assert f"{code.ends_at:%m-%d %H}" == "04-01 04"
    assert (code.minimum_minor, code.presets_minor) == ({"CAD": 1000}, {"CAD": (1000, 2000)})
    assert (code.amount_minor, code.goal_minor) == ({"CAD": 2500}, {"CAD": 500000})
    assert code.max_uses == 3
    assert [(one.most, one.most_a_donor) for one in code.budgets] == [(9, 1)]
    assert code.first_gift_only
    assert (code.message["fr"], code.headline["en"]) == ("Merci", "The roof")
    assert (code.landing, code.campaign) == ("https://example.org/thanks", "The roof")
    assert (code.renewals, code.hosts) == ("first", ("example.org",))
    assert (code.partner, code.kind) == ("loveworld-canada", "campaign")


def test_days_are_those_of_the_one_region_that_is_named(run, database):
    assert run("code add X1 --region ca --until 2027-01-31").exit_code == 0
    assert f"{known(database, 'X1').ends_at:%m-%d %H}" == "02-01 05"
    assert run("code add X2 --until 2027-01-31").exit_code == 0
    assert f"{known(database, 'X2').ends_at:%m-%d %H}" == "02-01 00"


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("code add", 2, "Name the code, or say --secret"),
        ("code add LWCAN", 1, "there is one already"),
        ("code add ...", 1, "1 to 32 characters"),
        ("code add A/B", 1, "letters and digits only"),
        ("code add X --region zz", 2, "--region: there is no zz; there are"),
        ("code add X --not-fund nothing", 2, "--not-fund: there is no nothing"),
        ("code add X --mode pigeon", 2, "--mode: there is no pigeon"),
        ("code add X --minimum 10", 2, "--minimum: it is written like CAD=10"),
        ("code add X --minimum CAD=ten", 2, "--minimum (CAD): it is an amount"),
        ("code add X --preset CAD=10,0.001", 2, "--preset (CAD"),
        ("code add X --amount XXX=1", 2, "--amount: there is no XXX"),
        ("code add X --message en=Hello", 2, "--message (fr): it is missing"),
        ("code add X --message Hello", 2, "--message: it is written like en=Thank you"),
        ("code add X --host http://x/", 2, "--host: it has hosts such as"),
        ("code add X --landing javascript:x", 2, "--landing: it is an address"),
        ("code add X --from 2026-03-02 --until 2026-03-01", 2, "--until: it is after"),
        ("code add X --until 2026-02-30", 2, "2026-02-30"),
        ("code add X --until 9999-12-31", 2, "--until"),
        ("code add X --until 2026-12-31 --zone Mars/Base", 2, "--zone: it is a time zone"),
        ("code add X --zone Mars/Base", 2, "--zone: it is a time zone"),
        ("code add X --max-uses 0", 2, "--max-uses"),
        ("code add X --partner nobody", 1, '--partner-name "Its name"'),
        ("code add X --partner-name Nobody", 2, "--partner KEY"),
        ("code add --secret --prefix a/b", 1, "has 1 to 20 letters and digits"),
        ("code show NOBODY", 1, "There is no code NOBODY"),
        ("code pause NOBODY", 1, "there is none of this name"),
        ("code pause LWCAN NOBODY", 1, "there is none of this name"),
        ("code pause ...", 1, "there is none of this name"),
        ("scope add zone loveworld-canada", 1, "another one has it"),
        ("scope add zone zone-1 --parent loveworld-canada", 1, "can't stand below a partner"),
        ("scope add zone zone-1 --parent nobody", 1, "There is no scope nobody"),
        ("scope move nobody --parent loveworld-canada", 1, "There is no scope nobody"),
        ("scope add partner a/b", 1, "small letters, digits and hyphens"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_keeps_nothing(run, database, line, status, says):
    done = run(line)
    assert done.exit_code == status, done.output
    assert says in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert acts(database) == []
    assert known(database, "LWCAN").state is CodeState.ACTIVE


def test_terms_that_allow_nothing_anywhere_are_told_and_kept(run, database):
    done = run("code add NOWHERE --region ca --currency NGN")
    assert done.exit_code == 0
    assert "Warning: NOWHERE allows nothing in any region" in done.stderr
    assert known(database, "NOWHERE").currencies == ("NGN",)


def test_days_that_no_two_levels_share_are_told(run, database):
    assert run("scope add partner summer --from 2027-06-01 --until 2027-08-31").exit_code == 0
    apart = run("code add APART --partner summer --from 2027-09-01")
    assert "Warning: APART allows nothing in any region" in apart.stderr
    assert run("code add BORDER --partner summer --from 2027-08-31").stderr == ""
    code = known(database, "BORDER")
    assert code.starts_at is not None
    assert code.ends_at is not None
    assert (code.ends_at - code.starts_at).days == 1


def test_what_nobody_sees_is_no_part_of_a_code(run, database):
    assert run("code add", " SPR\u200bING\u202e-7 ").exit_code == 0
    assert known(database, "spring7").display == "SPRING-7"


def test_a_code_is_of_a_partner_that_is_made_with_it(run, database):
    line = "code add NEW --partner grace"
    assert run(line, "--partner-name", "Grace Chapel").exit_code == 0
    code = known(database, "NEW")
    assert (code.partner, code.partner_name, code.kind) == ("grace", "Grace Chapel", "partner")
    assert acts(database) == [("scope_add", "scope"), ("code_add", "code")]


def test_a_secret_code_is_made_up_and_one_with_a_name_is_doubted(run, database):
    done = run("code add --secret --prefix gala --json")
    assert done.exit_code == 0, done.stderr
    made = json.loads(done.stdout)
    code = known(database, made["code"])
    assert code.is_secret
    assert code.code.startswith("GALA")
    assert len(code.code) == 16
    assert not {*code.code.removeprefix("GALA")} & {*"O0I1L"}
    assert made["link"].endswith(f"/c/{code.code}")
    assert "can be guessed" in run("code add EASY --secret").stderr


def test_codes_are_paused_used_again_and_retired_for_good(run, database):
    assert "LWCAN is now paused" in run("code pause lw-can LWUK").stdout
    assert known(database, "LWUK").state is CodeState.PAUSED
    assert "was already paused" in run("code pause LWCAN").stdout
    assert run("code resume LWCAN").exit_code == 0
    assert run("code retire LWUK").exit_code == 0
    again = run("code resume LWCAN LWUK")
    assert again.exit_code == 1
    assert "retired, which is for good" in again.stderr
    states = [known(database, name).state for name in ("LWCAN", "LWUK")]
    assert states == [CodeState.ACTIVE, CodeState.RETIRED]
    assert [act for act, _ in acts(database)] == ["code_state"] * 4


def test_codes_are_shown_with_the_level_of_each_term(run):
    assert run("scope add network world --not-mode cheque").exit_code == 0
    assert run("scope move loveworld-canada --parent world").exit_code == 0
    shown = run("code show LWCAN")
    assert shown.exit_code == 0
    assert "regions            ca  (the code)" in shown.stdout
    assert "not_modes          cheque  (world)" in shown.stdout
    said = json.loads(run("code show LWCAN --json").stdout)
    assert {"term": "regions", "value": "ca", "from": "the code"} in said["terms"]


def test_codes_are_listed_by_what_is_asked(run):
    assert run("code add TAGGED --tag easter").exit_code == 0
    listed = run("code list").stdout.splitlines()
    assert len(listed) > 5
    assert listed == sorted(listed)
    assert len(run("code list lw").stdout.splitlines()) == 3
    assert run("code list --tag easter").stdout.split()[0] == "TAGGED"
    of_partner = run("code list --partner sample-uk --json").stdout
    assert [json.loads(line)["code"] for line in of_partner.splitlines()] == ["LWUK"]
    assert "LWUK" not in run("code list --state paused").stdout


def test_the_tree_is_made_moved_paused_and_shown(run, database):
    for line in (
        "scope add network world --max-uses-in-all 100",
        "scope add zone ontario --name Ontario --parent world --region ca",
        "scope move loveworld-canada --parent ontario",
    ):
        assert run(line).exit_code == 0
    assert [line.split()[0] for line in run("scope list").stdout.splitlines()][-3:] == [
        "world",
        "ontario",
        "loveworld-canada",
    ]
    assert known(database, "LWCAN").path.count("/") == 4
    assert run("scope pause world").exit_code == 0
    assert not known(database, "LWCAN").is_live
    assert "paused" in run("scope list").stdout
    assert run("scope resume world").exit_code == 0
    assert known(database, "LWCAN").is_live
    cycle = run("scope move world --parent loveworld-canada")
    assert cycle.exit_code == 1
    assert "is below it" in cycle.stderr
    assert run("scope move loveworld-canada --parent -").exit_code == 0
    assert known(database, "LWCAN").path.count("/") == 2


SIMULATED = "code simulate LWCAN --region ca --mode interac --amount 20 --on 2026-03-03"


def test_a_gift_is_tried_out_by_the_real_policy(run):
    done = run(SIMULATED)
    assert done.exit_code == 0, done.output
    assert "Allowed." in done.stdout
    assert "CAD 20.00 once by interac to partnership, 2026-03-03 12:00" in done.stdout
    assert "regions            ca  (the code)" in done.stdout
    said = json.loads(run(f"{SIMULATED} --json").stdout)
    assert said["allowed"]
    assert said["pledge"]["mode"] == "interac"


def test_a_refused_gift_says_why_and_which_term_it_is(run):
    assert run("scope add network world --minimum CAD=50").exit_code == 0
    assert run("scope move loveworld-canada --parent world").exit_code == 0
    done = run(f"{SIMULATED} --json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert said["reason"] == "under_minimum"
    assert "$50" in said["sentence"]
    assert [(one["term"], one["from"]) for one in said["terms"] if one["decides"]] == [
        ("minimum", "world")
    ]
    plain = run("code simulate LWCAN --region gb").stdout
    assert "Refused (wrong_region)" in plain
    assert "or: Give from Canada with LWCAN" in plain


def test_what_donors_of_a_secret_code_are_told_is_said_apart(run):
    assert run("code add HIDDEN --secret --region ca").exit_code == 0
    done = run("code simulate HIDDEN --region gb")
    assert "Refused (wrong_region)" in done.stdout
    assert "Donors are told: We don’t know the code HIDDEN" in done.stdout
    assert "Refused (unknown_code)" in run("code simulate NOBODY --region ca").stdout


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("--region zz", "--region: there is no zz; there are"),
        ("--region ca --amount twenty", "--amount: it is written like 20"),
        ("--region ca --on 2026-13-01", "2026-13-01"),
    ],
)
def test_what_can_not_be_tried_out_is_a_usage_error(run, more, says):
    done = run(f"code simulate LWCAN {more}")
    assert done.exit_code == 2
    assert says in done.stderr


def test_codes_are_made_in_bulk_and_share_a_policy(run, database):
    done = run("code generate --count 1200 --policy-from LWCAN --prefix P --tag posters")
    assert done.exit_code == 0, done.output
    assert "1200 codes are there, tagged posters." in done.stdout
    listed = run("code list --tag posters --json").stdout.splitlines()
    assert len(listed) == 1200
    one = known(database, json.loads(listed[0])["code"])
    assert (one.policy_id, one.partner) == (known(database, "LWCAN").policy_id, "loveworld-canada")
    assert "done     1200 of 1200  posters" in run("code batches").stdout
    assert ("codes_generate", "batch") in acts(database)
    assert "is promised" in run("code generate --count 5 --max-uses 1 --background").stdout
    assert "making   0 of 5  batch-2" in run("code batches").stdout
    wrong = run("code generate --count 5 --policy-from LWCAN --max-uses 1")
    assert (wrong.exit_code, "not both" in wrong.stderr) == (2, True)
    assert run("code generate --count 5 --policy-from NOBODY").exit_code == 1


def test_codes_come_from_a_table_and_go_into_one(run, database, tmp_path):
    file = tmp_path / "codes.csv"
    file.write_text("code,tag,partner\nA-1,x,grace\nA2,,\n=1+1,,\nA2,,\n")
    first = run(f"code import {file} --region ca --tag letters")
    assert first.exit_code == 1
    assert first.stdout == "1 codes are new, 0 were there already, 3 of 4 rows were not taken.\n"
    assert "Row 2 (A-1): partner: there is none of this key" in first.stderr
    assert "Row 4 (=1+1): code: is a formula" in first.stderr
    assert "Row 5 (A2): it stands in row 3 already." in first.stderr
    assert run("scope add partner grace").exit_code == 0
    again = run(f"code import {file}")
    assert "was imported before" in again.stderr
    assert "1 codes are new, 1 were there already, 2 of 4" in again.stdout
    assert known(database, "a1").partner == "grace"
    assert known(database, "a1").policy_id == known(database, "a2").policy_id
    assert known(database, "a1").regions == {"ca"}
    for name in ("out.csv", "out.xlsx"):
        done = run(f"code export --tag letters {tmp_path / name}")
        assert done.exit_code == 0, done.stderr
        assert (tmp_path / name).stat().st_size > 0
    lines = (tmp_path / "out.csv").read_text("utf-8-sig").splitlines()
    assert lines[1].replace('"', "").startswith("A2,active,letters,")
    assert len(lines) == 2
    assert acts(database).count(("codes_export", "codes")) == 2
    assert acts(database).count(("codes_import", "batch")) == 3


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("code export codes.txt", 2, "ends in .csv or .xlsx"),
        ("code export /nowhere/x.csv", 1, "can’t be written"),
        ("code export /nowhere/x.xlsx", 1, "can’t be written"),
        ("code import /nowhere/x.csv", 2, "does not exist"),
    ],
)
def test_a_file_that_can_not_be_used_is_said_in_a_sentence(run, line, status, says):
    done = run(line)
    assert (done.exit_code, says in done.stderr) == (status, True), done.output


def test_a_file_that_is_no_table_is_said_in_a_sentence(run, tmp_path):
    file = tmp_path / "codes.xlsx"
    file.write_bytes(b"\x89PNG")
    done = run(f"code import {file}")
    assert done.exit_code == 1
    assert "The first row names the columns" in done.stderr
