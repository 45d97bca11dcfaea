"""`portal statements` and `portal reconcile --check`, as a person runs them."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.payments.statements.operations import withdraw_file
from tests.commands.test_commands import good, portal
from tests.conftest import NOW
from tests.statements.clerk import rbc
from tests.statements.samples import SAMPLES
from tests.statements.test_bank_layouts import WITH_STATUS
from tests.workplace import act_in, make_workplace

pytestmark = pytest.mark.slow

__all__ = ["good"]

RBC = str(SAMPLES / "rbc.csv")

OTHER = b"Datum;Betrag;Von;Text\n20.11.2026;1.075,50;Ada Eze;danke\n21.11.2026;-3,00;Bank;fee\n"
MAPPING = (
    *("--date-column", "Datum", "--amount-column", "2", "--name-column", "Von"),
    *("--message-column", "Text", "--currency", "EUR", "--date-first", "day"),
)


@pytest.fixture
def ready(good: dict[str, str], tmp_path: Path, sqlite_catalogued: Path) -> dict[str, str]:
    """Settings of an installation whose database is up to date."""
    shutil.copy(sqlite_catalogued, tmp_path / "portal.db")
    return good


def promise(settings: dict[str, str]) -> str:
    """A gift by e-Transfer that was begun; its reference."""
    place = make_workplace(settings["PORTAL_DATABASE_URL"], None)
    reference = place.gift(place.start(mode="interac", code="LWCAN").token).reference
    place.close()
    return reference


def count(settings: dict[str, str], table: str) -> int:
    database = Database(settings["PORTAL_DATABASE_URL"])
    with database.read() as session:
        found = session.scalar(sa.select(sa.func.count()).select_from(sa.table(table)))
    database.close()
    return found or 0


def test_a_bank_file_is_booked_once_and_the_books_prove(
    ready: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "november.csv"
    file.write_bytes(rbc((promise(ready), "75.53"), ("unknown", "10.00")))
    done = portal("statements", "import", str(file), **ready)
    assert done.returncode == 0, done.stderr
    assert "Kept 2 new lines; 0 were known" in done.stdout
    assert "Booked 1; gifts are suggested for 0 lines; 1 lines have none." in done.stdout
    assert "CAD 85.53 came in = 75.53 matched + 10.00 open + 0.00 ignored." in done.stdout
    again = portal("statements", "import", str(file), **ready)
    assert again.returncode == 0
    assert "imported before" in again.stdout
    assert (count(ready, "matches"), count(ready, "receipts")) == (1, 1)
    check = portal("reconcile", "--check", **ready)
    assert check.returncode == 0, check.stderr
    assert "add up" in check.stdout


def test_books_that_do_not_add_up_fail_with_sentences(
    ready: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "november.csv"
    file.write_bytes(rbc((promise(ready), "75.53")))
    assert portal("statements", "import", str(file), **ready).returncode == 0
    database = Database(ready["PORTAL_DATABASE_URL"])
    with database.write() as session:
        session.execute(sa.text("UPDATE gifts SET paid_minor = 1 WHERE paid_minor = 7553"))
    database.close()
    check = portal("reconcile", "--check", **ready)
    assert check.returncode == 1
    assert "is not the sum of its payments" in check.stderr
    assert "Traceback" not in check.stderr


def test_any_other_csv_is_previewed_and_imported_by_its_columns(
    ready: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "other.csv"
    file.write_bytes(OTHER)
    blind = portal("statements", "import", str(file), "--preview", **ready)
    assert blind.returncode == 1
    assert "1: [1] Datum  [2] Betrag" in blind.stdout
    assert "The layout of other.csv is not known." in blind.stderr
    preview = portal("statements", "import", str(file), "--preview", *MAPPING, **ready)
    assert preview.returncode == 0, preview.stderr
    assert "2: 2026-11-20       EUR 1075.50  Ada Eze / danke" in preview.stdout
    assert "nothing was kept" in preview.stdout
    assert count(ready, "statement_lines") == 0
    done = portal("statements", "import", str(file), *MAPPING, **ready)
    assert done.returncode == 0, done.stderr
    assert count(ready, "statement_lines") == 2


def test_a_file_that_staff_withdrew_is_imported_again(
    ready: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "other.csv"
    file.write_bytes(OTHER)
    assert portal("statements", "import", str(file), *MAPPING, **ready).returncode == 0
    again = portal("statements", "import", str(file), *MAPPING, "--debit-positive", **ready)
    assert "imported before" in again.stdout
    assert "staff can withdraw it" in again.stdout
    database = Database(ready["PORTAL_DATABASE_URL"])
    with database.write() as session:
        withdraw_file(act_in(session, NOW, actor="staff:7"), 1, why="sign")
    database.close()
    done = portal("statements", "import", str(file), *MAPPING, "--debit-positive", **ready)
    assert done.returncode == 0, done.stderr
    assert "Kept 2 new lines" in done.stdout
    assert "EUR 3.00 came in = 0.00 matched + 3.00 open + 0.00 ignored." in done.stdout
    check = portal("reconcile", "--check", **ready)
    assert check.returncode == 0, check.stderr
    assert "EUR 3.00 came in" in check.stdout


def test_an_import_says_how_much_another_export_told(ready: dict[str, str], tmp_path: Path) -> None:
    mapping = ("--date-column", "1", "--message-column", "2", "--currency", "EUR")
    for name, content, column in (
        ("one.csv", b"Date,Text,Sum\n2026-11-20,Roof Fund,1.00\n", "3"),
        ("two.csv", b"Date,Text,No,Sum\n2026-11-20,ROOF FUND 7,9,1.00\n", "4"),
    ):
        (tmp_path / name).write_bytes(content)
        told = ("--amount-column", column, "--account", name)
        done = portal("statements", "import", str(tmp_path / name), *mapping, *told, **ready)
        assert done.returncode == 0, done.stderr
        assert ("1 of them may have been told by" in done.stdout) is (name == "two.csv")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("import", "nowhere.csv"), 2, "does not exist"),
        (("import", RBC, "--amount-column", "1"), 2, "--date-column"),
        (("import", RBC, "--date-column", "0"), 2, "counted from 1"),
        (("import", RBC, "--date-column", "1"), 2, "don’t fit together"),
        (
            ("import", RBC, "--preset", "td", "--date-column", "1", "--amount-column", "2"),
            2,
            "not both",
        ),
        (("import", RBC, "--preset", "td"), 1, ""),
        (("import", str(SAMPLES / "interac_en.eml")), 1, ""),
        (("notices",), 2, "--imap"),
        (("notices", "--imap"), 1, "PORTAL_NOTICES_IMAP_URL"),
        (("notices", str(SAMPLES), "--imap"), 2, "--imap"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    good: dict[str, str], arguments: tuple[str, ...], code: int, says: str
) -> None:
    result = portal("statements", *arguments, **good)
    assert result.returncode == code, result.stderr
    assert says in " ".join(result.stderr.split())
    assert "Error" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_damaged_file_is_refused_with_its_line(ready: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "broken.csv"
    file.write_bytes(rbc(("good", "1.00")) + b'Chequing,1,11/20/2026,,"x","y",seven,,\n')
    result = portal("statements", "import", str(file), **ready)
    assert result.returncode == 1
    assert "Line 3: " in result.stderr
    assert count(ready, "statement_lines") == 0


def test_a_file_of_200_mb_is_refused_unread(good: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "huge.csv"
    with file.open("wb") as stream:
        stream.truncate(200 * 1024 * 1024)
    started = datetime.now(UTC)
    result = portal("statements", "import", str(file), **good)
    assert result.returncode == 1
    assert "20 MB" in result.stderr
    assert (datetime.now(UTC) - started).total_seconds() < 60


def test_notices_are_kept_and_forged_ones_named(ready: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "good.eml").write_bytes((SAMPLES / "interac_en.eml").read_bytes())
    (tmp_path / "spoof.eml").write_bytes(b"From: Interac <notify@payments.example>\n\n$5.00 (CAD)")
    trusting = {**ready, "PORTAL_TRUSTED_MAIL_SERVER": "mail.example.org"}
    for new in (1, 0):
        result = portal("statements", "notices", str(tmp_path), **trusting)
        assert result.returncode == 0, result.stderr
        assert f"Kept {new} new notices; 1 mails were refused." in result.stdout
        assert "Mail spoof.eml: The mail isn’t from Interac’s address." in result.stderr
    assert count(ready, "transfer_notices") == 1


def test_a_mailbox_without_tls_stops_the_start(good: dict[str, str]) -> None:
    result = portal("doctor", PORTAL_NOTICES_IMAP_URL="imap://me:secret@host/INBOX", **good)
    assert result.returncode == 1
    assert "PORTAL_NOTICES_IMAP_URL" in result.stderr
    assert "secret" not in result.stderr


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_lines_that_are_no_money_yet_are_named_and_left_out(
    good: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    settings = {**good, "PORTAL_DATABASE_URL": database_url}
    file = tmp_path / "scotiabank.csv"
    file.write_text(WITH_STATUS)
    done = portal("statements", "import", str(file), **settings)
    assert done.returncode == 0, done.stderr
    assert "Line 4 is no money yet (Pending), and is left out." in done.stderr
    assert "Kept 2 new lines" in done.stdout
    assert "999" not in done.stdout
