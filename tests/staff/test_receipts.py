"""The register for staff: found in any writing, explained, voided, replaced, sent again."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime

import openpyxl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from portal.cli import main
from portal.database import Database
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift
from portal.jobs.queue import QueuedJob
from portal.receipts.actions import ActionKind, find_locks, list_open, open_action
from portal.receipts.gaps import skip_numbers
from portal.receipts.register import Receipt, find_receipt
from portal.receipts.runs import ReceiptRun, RunState
from tests.conftest import NOW, SECRET
from tests.giving.visits import text_of
from tests.staff.conftest import Browser
from tests.staff.samples import add_sample, pay_sample
from tests.workplace import act_in

SignedIn = Callable[[str], Browser]
PAGE = "/staff/receipts/2026-000001"


@pytest.fixture
def paid(catalogued: Database) -> Gift:
    with catalogued.write() as session:
        gift = add_sample(session)
        pay_sample(session, gift, "pi_1")
        return gift


def standing(database: Database, gift: Gift) -> Receipt:
    with database.read() as session:
        found = find_receipt(session, gift.id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    ["2026-000001", "no. 2026/1", "2026 000001", "2026000001", "tremblay", "zoe@example.org"],
)
def test_a_receipt_is_found_by_number_or_donor(signed_in: SignedIn, paid: Gift, text: str) -> None:
    browser = signed_in("viewer")
    listed = browser.get("/staff/receipts", query_string={"q": text, "state": "valid"}).text
    assert ">2026-000001</a>" in listed
    assert "Nothing here yet" in browser.get("/staff/receipts?q=2026-000002").text
    assert "Nothing here yet" in browser.get("/staff/receipts?state=void").text


def test_a_receipt_is_replaced_with_both_numbers(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    first = standing(catalogued, paid)
    browser = signed_in("finance")
    post = f"/staff/receipts/number/{first.id}/void"
    refused = browser.post(post, page=PAGE, replace="y")
    assert refused.status_code == 422
    assert "Enter a reason" in refused.text
    browser.post(post, page=PAGE, reason="A wrong name", replace="y")
    second = standing(catalogued, paid)
    assert second.label == "2026-000002"
    old, new = (browser.get(f"/staff/receipts/{one.label}").text for one in (first, second))
    assert "Void: A wrong name" in old
    assert "Replaced by" in old
    assert "2026-000002" in old
    assert "<dt>Replaces</dt>" in new
    assert "2026-000001" in new


def test_a_receipt_is_voided_and_sent_again_by_finance_only(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    one = standing(catalogued, paid)
    browser = signed_in("finance")
    browser.post(f"/staff/receipts/number/{one.id}/send", page=PAGE, once="again")
    with catalogued.read() as session:
        keys = session.scalars(sa.select(QueuedJob.key)).all()
    assert [key for key in keys if key.startswith(f"send_receipt-{one.id}:again")]
    browser.post(f"/staff/receipts/number/{one.id}/void", page=PAGE, reason="Not a gift")
    with catalogued.read() as session:
        assert find_receipt(session, paid.id) is None
    assert browser.get(f"/staff/receipts/number/{one.id}.pdf").data.startswith(b"%PDF")
    assert "Cancel and replace" not in signed_in("viewer").get(PAGE).text


def test_what_is_to_decide_stands_on_the_first_page_until_it_is(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    receipt = standing(catalogued, paid)
    with catalogued.write() as session:
        act = act_in(session, NOW)
        open_action(act, receipt, paid.id, ActionKind.REFUNDED)
        open_action(act, receipt, paid.id, ActionKind.REFUNDED)
        [(action, _)] = list_open(session)
    browser = signed_in("finance")
    assert "Receipts to decide on" in browser.get("/staff/").text
    assert "A gift on it went back" in browser.get("/staff/receipts").text
    close = f"/staff/receipts/actions/{action.id}"
    browser.post(close, page="/staff/receipts", reason="Told the donor")
    assert "Told the donor" in browser.get(PAGE).text
    with catalogued.read() as session:
        assert list_open(session) == []


def test_a_period_is_locked_on_the_page(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    browser = signed_in("finance")
    lock = {"issuer": "sample-ca", "until": "2026-12-31"}
    browser.post("/staff/receipts/lock", page="/staff/receipts", **lock)
    with catalogued.read() as session:
        assert find_locks(session) == {"sample-ca": date(2026, 12, 31)}
    assert "In a locked period" in browser.get(PAGE).text


@pytest.mark.both_engines
def test_the_register_is_exported(catalogued: Database, signed_in: SignedIn, paid: Gift) -> None:
    browser = signed_in("finance")
    text = browser.get("/staff/receipts/export.csv?year=2026").data.decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(text))
    assert row["number"] == "2026-000001"
    assert (row["amount"], row["currency"], row["gifts"]) == ("75.53", "CAD", paid.reference)
    assert row["donor"] == "Zoë Tremblay"
    book = browser.get("/staff/receipts/export.xlsx").data
    sheet = openpyxl.load_workbook(io.BytesIO(book)).active
    assert [*sheet.iter_rows(values_only=True)][1][0] == "2026-000001"


def test_a_year_is_looked_at_begun_stopped_and_resumed(
    catalogued: Database, signed_in: SignedIn
) -> None:
    with catalogued.write() as session:
        at = datetime(2025, 5, 5, 12, tzinfo=UTC)
        gift = add_sample(session, at)
        pay_sample(session, gift, "pi_1", at)
        receipt = find_receipt(session, gift.id)
        lock_gift(session, gift.id)
        session.execute(
            sa.update(Receipt).values(voided_at=NOW, void_reason="Once a year from now on")
        )
        assert receipt is not None
        session.execute(sa.update(Gift).values(first_name="", last_name=""))
    browser = signed_in("finance")
    wish = "issuer=sample-ca&year=2025&rule=yearly"
    looked = browser.get(f"/staff/receipts/runs?{wish}").text
    assert "Nobody knows who gave. (1)" in looked
    assert gift.reference in looked
    fields = {"issuer": "sample-ca", "year": "2025", "rule": "each"}
    page = f"/staff/receipts/runs?{wish}"
    begun = browser.post("/staff/receipts/runs", page="/staff/receipts", **fields)
    assert begun.location == "/staff/receipts/runs/1"
    assert (
        "is open" in browser.post("/staff/receipts/runs", page="/staff/receipts", **fields).location
        or "is open" in browser.get(page).text
    )
    for wanted, state in (("stopped", RunState.STOPPED), ("running", RunState.RUNNING)):
        browser.post("/staff/receipts/runs/1", page="/staff/receipts/runs/1", state=wanted)
        with catalogued.read() as session:
            assert session.get_one(ReceiptRun, 1).state is state


def test_the_commands_say_the_same(
    catalogued: Database, paid: Gift, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = catalogued.url.render_as_string(hide_password=False)
    monkeypatch.setenv("PORTAL_DATABASE_URL", url.replace("+psycopg", ""))
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET)
    monkeypatch.setenv("PORTAL_ENVIRONMENT", "demo")

    def run(*words: str) -> str:
        result = CliRunner().invoke(main, ["receipts", *words], catch_exceptions=False)
        return result.output

    told = run("show", "2026/1")
    assert "2026-000001 of sample-ca: CAD 75.53, Zoë Tremblay" in told
    assert f"gift {paid.reference}" in told
    assert "locked" in run("lock", "--issuer", "sample-ca", "--until", "2026-12-31")
    end = ("year-end", "--issuer", "sample-ca", "--year", "2025")
    assert "0 gifts; 0 by e-mail, 0 on paper." in run(*end)
    assert "Run 1 is under way" in run(*end, "--issue")
    assert "Run 1 is stopped" in run(*end, "--stop")
    assert "No region has the issuer" in run("lock", "--issuer", "x", "--until", "2026-12-31")


def test_numbers_that_were_left_out_say_why(
    catalogued: Database, signed_in: SignedIn, paid: Gift
) -> None:
    viewer = signed_in("viewer")
    assert "Numbers left out" not in viewer.get("/staff/receipts").text
    with catalogued.write() as session:
        skip_numbers(act_in(session, NOW), "sample-ca", 2026, 30, "Sent before the restore")
    said = "2026-000002 to 2026-000030 of Sample Ministries Canada were left out: Sent before"
    assert said in text_of(viewer.get("/staff/receipts/2026-000017"))
    listed = text_of(viewer.get("/staff/receipts"))
    assert "Numbers left out" in listed
    assert said in listed
    for number, status in ((1, 200), (31, 404)):
        assert viewer.get(f"/staff/receipts/2026-0000{number:02}").status_code == status
    assert "Left out numbers of receipts" in text_of(signed_in("admin").get("/staff/audit"))
