"""What is said of a document by its file, and by its number and code."""

import io
from pathlib import Path

import pytest
from click.testing import CliRunner

from portal.cli import main
from portal.database import Database
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Gift
from portal.money import Money
from portal.receipts.composition import receipt_mark
from portal.receipts.operations import void_receipt
from portal.receipts.register import Receipt, say_how_to_verify
from portal.receipts.rendering import render_receipt
from portal.receipts.verifying import Verdict, judge, judge_file, judge_number
from tests.receipts.samples import NOW, book_gift, claim, issue
from tests.workplace import act_in, at, make_settings

VALID, CANCELLED, REPLACED, UNKNOWN = Verdict
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def download(database: Database, gift_id: int, receipt_id: int) -> bytes:
    with database.read() as session:
        mark = receipt_mark(session.get_one(Gift, gift_id))
    return render_receipt(at(database, NOW), receipt_id, mark=mark)


def by_file(database: Database, *files: bytes) -> list[Verdict]:
    with database.read() as session:
        return [judge_file(session, io.BytesIO(one)) for one in files]


def by_number(database: Database, receipt_id: int) -> Verdict:
    with database.read() as session:
        receipt = session.get_one(Receipt, receipt_id)
        return judge_number(session, receipt.label, receipt.snapshot["verify_code"])


def void(database: Database, receipt_id: int) -> None:
    with database.write() as session:
        void_receipt(act_in(session, NOW), session.get_one(Receipt, receipt_id), "Wrong name")


def test_state_of_a_document_by_register_and_gift(database_url: str):
    table = {
        (False, False, "", True): VALID,
        (False, True, "", False): REPLACED,
        (False, True, "partly_refunded", True): VALID,
        (False, True, "partly_refunded", False): REPLACED,
        (False, True, "refunded", True): CANCELLED,
        (False, True, "charged_back", False): CANCELLED,
        (True, True, "", True): REPLACED,
        (True, False, "", True): CANCELLED,
        (True, True, "refunded", True): REPLACED,
    }
    for (is_void, is_replaced, mark, is_current), verdict in table.items():
        found = judge(is_void=is_void, is_replaced=is_replaced, mark=mark, is_current=is_current)
        assert found is verdict


def test_file_is_ours_to_the_byte_or_unknown(database: Database):
    gift_id = book_gift(database)
    pdf = download(database, gift_id, issue(database, gift_id))
    others = (pdf + b"\n", pdf[:-1], b"", bytes([*pdf[:500], pdf[500] ^ 1, *pdf[501:]]))
    assert by_file(database, pdf, *others) == [VALID] + [UNKNOWN] * 4


def test_number_is_known_with_its_own_code_alone(database: Database):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    other = issue(database, book_gift(database))
    with database.read() as session:
        code = session.get_one(Receipt, receipt_id).snapshot["verify_code"]
        asked = [
            ("2026-000001", code),
            (" 2026 – 1 ", f" {code.lower().replace('-', ' ')} "),
            ("2026-000001", ""),
            ("2026-000001", code[:-1]),
            ("2026-000002", code),
            ("2027-000001", code),
            ("2026", code),
            ("9" * 400, code),
        ]
        found = [judge_number(session, *one) for one in asked]
    assert found == [VALID, VALID] + [UNKNOWN] * 6
    assert by_number(database, other) is VALID


def test_codes_differ_by_number_and_issuer(database_url: str):
    ours = make_settings("sqlite://", None)
    codes = {
        say_how_to_verify(ours, issuer, label)["verify_code"]
        for issuer in ("ca", "us")
        for label in ("2026-000001", "2026-000002")
    }
    assert len(codes) == 4
    assert all(len(code) == 9 and code[4] == "-" for code in codes)
    same = say_how_to_verify(ours, "ca", "2026-000001")
    assert same["verify_code"] in codes
    assert same["verify_at"] == "127.0.0.1:9/verify"


def test_cancelled_and_replaced_documents_are_called_so(database: Database):
    gift_id = book_gift(database)
    first_id = issue(database, gift_id)
    first = download(database, gift_id, first_id)
    void(database, first_id)
    marked = download(database, gift_id, first_id)
    assert by_file(database, first, marked) == [CANCELLED, CANCELLED]
    assert by_number(database, first_id) is CANCELLED
    second_id = issue(database, gift_id)
    second = download(database, gift_id, second_id)
    assert by_file(database, first, marked, second) == [REPLACED, REPLACED, VALID]
    assert (by_number(database, first_id), by_number(database, second_id)) == (REPLACED, VALID)


def test_refund_cancels_and_a_part_of_one_replaces(database: Database):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    first = download(database, gift_id, receipt_id)
    claim(database, gift_id, FactKind.REFUNDED, "re_1", Money(1000, "CAD"))
    marked = download(database, gift_id, receipt_id)
    assert by_file(database, first, marked) == [REPLACED, VALID]
    assert by_number(database, receipt_id) is REPLACED
    claim(database, gift_id, FactKind.REFUNDED, "re_2", Money(500, "CAD"))
    newer = download(database, gift_id, receipt_id)
    assert by_file(database, first, marked, newer) == [REPLACED, REPLACED, VALID]
    claim(database, gift_id, FactKind.REFUNDED, "re_3", Money(6050, "CAD"))
    last = download(database, gift_id, receipt_id)
    assert by_file(database, first, marked, newer, last) == [CANCELLED] * 4
    assert by_number(database, receipt_id) is CANCELLED


def test_command_says_one_word_of_each_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    gift_id = book_gift(database)
    receipt_id = issue(database, gift_id)
    good, odd = tmp_path / "receipt.pdf", tmp_path / "odd.pdf"
    good.write_bytes(download(database, gift_id, receipt_id))
    odd.write_bytes(good.read_bytes() + b"\n")
    monkeypatch.setenv("PORTAL_SECRET_KEY", "x" * 40)
    url = database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("PORTAL_DATABASE_URL", url)
    verify = ["receipts", "verify"]
    found = CliRunner().invoke(main, [*verify, str(good)])
    assert (found.exit_code, found.output) == (0, f"{good}: valid\n")
    found = CliRunner().invoke(main, [*verify, str(good), str(odd)])
    assert (found.exit_code, found.output) == (1, f"{good}: valid\n{odd}: unknown\n")
    assert "register is complete" in CliRunner().invoke(main, verify).output
    assert CliRunner().invoke(main, [*verify, str(tmp_path / "none.pdf")]).exit_code == 2
